import Runtime

/// Reads JSON (RFC 8259) from left to right, strictly and without building a tree.
///
/// Strings are decoded in place: no escape is shorter than what it stands for. The caller says what
/// it expects next; anything else is a failure that names the byte.
struct JSONReader {
    /// Nesting of values that are skipped; serde's limit.
    static let mostDepth = 128

    private let bytes: UnsafeMutablePointer<UInt8>
    private let end: Int
    private var position = 0

    init(_ bytes: UnsafeMutablePointer<UInt8>, count: Int) {
        self.bytes = bytes
        end = count
    }

    /// Where a decoded string stands.
    struct Text: BitwiseCopyable {
        let start: Int
        let count: Int
    }

    func content(of text: Text) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + text.start, count: text.count)
    }

    /// An object; `member` is given each key and must read its value.
    mutating func object(
        _ member: (inout JSONReader, Text) throws(FileFailure) -> Void
    ) throws(FileFailure) {
        try expect("{")
        if take("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while take(",")
        try expect("}")
    }

    /// An array; `element` must read each of its values.
    mutating func array(
        _ element: (inout JSONReader) throws(FileFailure) -> Void
    ) throws(FileFailure) {
        try expect("[")
        if take("]") { return }
        repeat { try element(&self) } while take(",")
        try expect("]")
    }

    /// A whole number that is not negative, without sign, fraction or exponent.
    mutating func natural() throws(FileFailure) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while let digit = peek(), isDigit(digit) {
            let (shifted, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = shifted.addingReportingOverflow(Int(digit - 0x30))
            guard !tooLarge, !overflow else { throw failure("a number is too large", at: start) }
            value = sum
            position += 1
        }
        guard position > start else { throw failure("a whole number is missing") }
        guard position == start + 1 || bytes[start] != 0x30 else {
            throw failure("a number begins with 0", at: start)
        }
        return value
    }

    mutating func string() throws(FileFailure) -> Text {
        try expect("\"")
        let start = position
        var target = position
        while let byte = peek(), byte != 0x22 {
            guard byte >= 0x20 else { throw failure("a control character stands in a string") }
            if byte == 0x5C {
                try escape(&target)
            } else {
                bytes[target] = byte
                target += 1
                position += 1
            }
        }
        let text = Text(start: start, count: target - start)
        guard position < end else { throw failure("a string does not end") }
        position += 1
        guard isUTF8(content(of: text)) else { throw failure("a string is not UTF-8", at: start) }
        return text
    }

    /// Any value.
    mutating func skip(depth: Int = 0) throws(FileFailure) {
        guard depth < Self.mostDepth else { throw failure("values are nested too deep") }
        skipSpace()
        switch peek() {
        case 0x7B: try object { (json, _) throws(FileFailure) in try json.skip(depth: depth + 1) }
        case 0x5B: try array { (json) throws(FileFailure) in try json.skip(depth: depth + 1) }
        case 0x22: _ = try string()
        case 0x74: try word("true")
        case 0x66: try word("false")
        case 0x6E: try word("null")
        default: try number()
        }
    }

    /// Nothing but white space follows.
    mutating func finish() throws(FileFailure) {
        skipSpace()
        guard position == end else { throw failure("text follows its end") }
    }

    private func peek() -> UInt8? { position < end ? bytes[position] : nil }

    private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            position += 1
        }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(FileFailure) {
        guard take(character) else { throw failure("a \(character) is missing") }
    }

    private mutating func word(_ word: StaticString) throws(FileFailure) {
        for i in 0..<word.utf8CodeUnitCount {
            guard peek() == word.utf8Start[i] else { throw failure("a value is missing") }
            position += 1
        }
    }

    private mutating func number() throws(FileFailure) {
        if peek() == 0x2D { position += 1 }
        let start = position
        try digits()
        guard position == start + 1 || bytes[start] != 0x30 else {
            throw failure("a number begins with 0", at: start)
        }
        if peek() == 0x2E {
            position += 1
            try digits()
        }
        if peek() == 0x65 || peek() == 0x45 {
            position += 1
            if peek() == 0x2B || peek() == 0x2D { position += 1 }
            try digits()
        }
    }

    private mutating func digits() throws(FileFailure) {
        let start = position
        while let byte = peek(), isDigit(byte) { position += 1 }
        guard position > start else { throw failure("a value is missing") }
    }

    /// One escape, decoded to `target`.
    private mutating func escape(_ target: inout Int) throws(FileFailure) {
        let start = position
        guard position + 1 < end else { throw failure("a string does not end") }
        let letter = bytes[position + 1]
        position += 2
        let plain: UInt8
        switch letter {
        case 0x22, 0x5C, 0x2F: plain = letter
        case 0x62: plain = 0x08
        case 0x66: plain = 0x0C
        case 0x6E: plain = 0x0A
        case 0x72: plain = 0x0D
        case 0x74: plain = 0x09
        case 0x75:
            let scalar = try unicodeEscape(from: start)
            for byte in scalar.utf8 {
                bytes[target] = byte
                target += 1
            }
            return
        default: throw failure("an escape is unknown", at: start)
        }
        bytes[target] = plain
        target += 1
    }

    /// The scalar of a \uXXXX whose four digits come next, or of a pair of surrogates.
    private mutating func unicodeEscape(from start: Int) throws(FileFailure) -> Unicode.Scalar {
        let first = try fourDigits(from: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, position + 1 < end, bytes[position] == 0x5C,
            bytes[position + 1] == 0x75
        else { throw failure("a surrogate stands alone", at: start) }
        position += 2
        let second = try fourDigits(from: start)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw failure("a surrogate stands alone", at: start) }
        return scalar
    }

    private mutating func fourDigits(from start: Int) throws(FileFailure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch peek() {
            case let byte? where isDigit(byte): digit = byte - 0x30
            case let byte? where (0x61...0x66).contains(byte): digit = byte - 0x61 + 10
            case let byte? where (0x41...0x46).contains(byte): digit = byte - 0x41 + 10
            default: throw failure("an escape needs four hexadecimal digits", at: start)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    func failure(_ reason: String, at place: Int? = nil) -> FileFailure {
        FileFailure(.format, "its header is not JSON at byte \(place ?? position): \(reason)")
    }
}

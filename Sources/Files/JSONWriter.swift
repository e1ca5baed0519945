import Runtime

/// Writes the bytes of a JSON text. Separators are the caller's.
struct JSONWriter {
    let bytes: GrowingBuffer<UInt8>

    init() throws {
        bytes = try GrowingBuffer(capacity: 4_096)
    }

    func raw(_ text: StaticString) throws {
        try bytes.append(from: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    func number(_ value: Int) throws {
        for byte in String(value).utf8 { try bytes.append(byte) }
    }

    /// A string, from valid UTF-8.
    func string(_ content: UnsafeBufferPointer<UInt8>) throws {
        try bytes.reserve(content.count + 2)
        try bytes.append(0x22)
        for byte in content {
            switch byte {
            case 0x22, 0x5C:
                try bytes.append(0x5C)
                try bytes.append(byte)
            case 0x00..<0x20:
                try raw("\\u00")
                try bytes.append(hexadecimal(byte >> 4))
                try bytes.append(hexadecimal(byte & 15))
            default: try bytes.append(byte)
            }
        }
        try bytes.append(0x22)
    }

    func string(_ text: String) throws {
        var text = text
        try text.withUTF8 { try string($0) }
    }

    private func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? 0x30 + digit : 0x61 + digit - 10
    }
}

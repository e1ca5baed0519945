import Layers
import Runtime

/// The lines of an architecture's text, each with its name and the lines that it reads.
///
/// A layer a line or between two `;`, `[NAME =] KIND arguments [of A [B]]`; `#` begins a comment
/// that ends with the line. A layer reads the one before it unless `of` names others. The first is
/// the input, the last gives the outputs. What the arguments mean is each kind's own.
struct ArchitectureText {
    static let mostBytes = 64 << 10
    static let mostLineBytes = 512
    static let mostNameBytes = 64

    struct Line {
        /// In the text, from 1.
        let number: Int
        /// The host's own, or the one that the library gives.
        let name: String
        /// The kind and its arguments, one space between them.
        let words: String
        /// Lines, by their place in `lines`; those of the first are none.
        let sources: [Int]
        let content: Content
    }

    enum Content {
        case input(Shape)
        case activation(Activation)
        case layer(any Layer.Type)
    }

    private(set) var lines: [Line] = []
    private var names = NameTable()
    private var layerCount = 0
    private var activationCount = 0

    init(_ text: UnsafeBufferPointer<UInt8>) throws {
        guard text.count <= Self.mostBytes else {
            throw TeleportError.invalid(
                "the architecture has \(text.count) bytes; the most is \(Self.mostBytes)")
        }
        guard isUTF8(text), !text.contains(0) else {
            throw TeleportError.invalid("the architecture is not UTF-8, or has a zero in it")
        }
        for (index, line) in text.split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
        ).enumerated() {
            for part in line.prefix(while: { $0 != UInt8(ascii: "#") })
                .split(separator: UInt8(ascii: ";"))
            {
                do {
                    try add(part, number: index + 1)
                } catch let error as TeleportError {
                    throw error.inLine(index + 1)
                }
            }
        }
        guard lines.count > 1 else {
            throw TeleportError.invalid(
                lines.isEmpty
                    ? "the architecture is empty; it begins with its input, as in 'input 3x32x32'"
                    : "the architecture has an input and no layer")
        }
    }

    private mutating func add(_ bytes: Slice<UnsafeBufferPointer<UInt8>>, number: Int) throws {
        var words = try Self.words(bytes)
        guard !words.isEmpty else { return }
        let name = try Self.takeName(&words)
        let named = try takeSources(&words)
        let line = words.joined(separator: " ")
        let (content, prefix) = try Self.content(line, name: name)
        let isInput = prefix == nil
        guard isInput == lines.isEmpty else {
            throw TeleportError.invalid(
                isInput
                    ? "the input is in line \(lines[0].number); a net has one"
                    : "'\(line)' comes before the input; the first line is as 'input 3x32x32'")
        }
        guard !isInput || named.isEmpty else {
            throw TeleportError.invalid("the input reads no layer")
        }
        try count(content)
        let given = name ?? prefix.map { names.nextName($0) } ?? "input"
        try names.add(given, for: lines.count) { lines[$0].number }
        lines.append(
            Line(
                number: number, name: given, words: line,
                sources: isInput ? [] : named.isEmpty ? [lines.count - 1] : named,
                content: content))
    }

    /// What a line without its name and sources says, and what automatic names begin with: nil for
    /// the input.
    private static func content(_ line: String, name: String?) throws -> (Content, String?) {
        guard let word = line.split(separator: " ").first else {
            throw TeleportError.invalid("it names no kind of layer")
        }
        if word == "input" { return (.input(try input(line)), nil) }
        if let activation = try Activation(line, name: name ?? "") {
            return (.activation(activation), activation.kind.fileName)
        }
        guard let kind = LayerKinds.kind(word), kind.isWritten else {
            throw TeleportError.invalid("'\(word)' is no kind of layer; there are \(kinds)")
        }
        return (.layer(kind), kind.namePrefix)
    }

    /// Activations are counted by themselves: most of them become parts of layers.
    private mutating func count(_ content: Content) throws {
        if case .activation = content { activationCount += 1 } else { layerCount += 1 }
        guard layerCount <= Graph.maximumLayerCount + 1, activationCount <= Graph.maximumLayerCount
        else {
            throw TeleportError.invalid(
                "a net has at most \(Graph.maximumLayerCount) layers; this is one more")
        }
    }

    private static var kinds: String {
        let activations = ActivationKind.allCases.filter { $0 != .identity }.map { $0.fileName }
        return (["input"] + LayerKinds.all.filter { $0.isWritten }.map { $0.word } + activations)
            .joined(separator: ", ")
    }

    /// The words of a line, `=` one of them.
    private static func words(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) throws -> [Substring] {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
        let bytes = bytes.drop(while: isBlank)
        guard !bytes.isEmpty else { return [] }
        guard bytes.count <= mostLineBytes else {
            throw TeleportError.invalid(
                "it has \(bytes.count) bytes without its comment; the most is \(mostLineBytes)")
        }
        var line = ""
        for byte in bytes {
            guard isBlank(byte) || (0x21...0x7E).contains(byte) else {
                throw TeleportError.invalid(
                    "it has the byte \(byte), which belongs to no word; letters are ASCII")
            }
            let character = Character(Unicode.Scalar(byte))
            if isBlank(byte) {
                line.append(" ")
            } else if character == "=" {
                line.append(" = ")
            } else {
                line.append(character)
            }
        }
        return line.split(separator: " ")
    }

    /// Takes "NAME =" off.
    private static func takeName(_ words: inout [Substring]) throws -> String? {
        guard let place = words.firstIndex(of: "=") else { return nil }
        guard place == 1 else {
            throw TeleportError.invalid("a name is one word before '=', as in 'skip = relu'")
        }
        let name = try checked(words[0])
        words.removeFirst(2)
        guard !words.contains("=") else {
            throw TeleportError.invalid("'\(name)' is followed by more than one '='")
        }
        return name
    }

    private static func checked(_ name: Substring) throws -> String {
        guard name.utf8.count <= mostNameBytes else {
            throw TeleportError.invalid(
                "a name has \(name.utf8.count) bytes; the most is \(mostNameBytes)")
        }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard
            parts.allSatisfy({
                !$0.isEmpty && $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
            })
        else {
            throw TeleportError.invalid(
                "'\(name)' is no name; names have letters, digits, '_' and single '.' between them"
            )
        }
        guard name != "of" else { throw TeleportError.invalid("no layer can be named 'of'") }
        return String(name)
    }

    /// Takes "of A B" off: the lines that are named.
    private func takeSources(_ words: inout [Substring]) throws -> [Int] {
        guard let place = words.firstIndex(of: "of") else { return [] }
        let named = words[(place + 1)...]
        guard !named.isEmpty else { throw TeleportError.invalid("'of' names no layer") }
        guard named.count <= 2 else {
            throw TeleportError.invalid("'of' names \(named.count) layers; at most two are read")
        }
        let sources = try named.map { name in
            guard let source = names[String(name)] else {
                throw TeleportError.invalid("no layer before this one is named '\(name)'")
            }
            return source
        }
        words.removeSubrange(place...)
        return sources
    }

    /// C or CxHxW
    private static func input(_ line: String) throws -> Shape {
        var arguments = LayerArguments(line, after: "input")
        let sizes = try arguments.sizes("its shape", counts: 1...3)
        guard sizes.count != 2 else {
            throw TeleportError.invalid(
                "'\(line)' has two sizes; an input is as 784, or channels x height x width as 3x32x32"
            )
        }
        try arguments.end()
        return try Shape(
            channels: sizes[0], height: sizes.count > 1 ? sizes[1] : 1,
            width: sizes.count > 1 ? sizes[2] : 1)
    }
}

/// Names of lines, those that the library gives included: the next number of their prefix that no
/// line before has.
private struct NameTable {
    private var lines: [String: Int] = [:]
    private var counts: [String: Int] = [:]

    subscript(name: String) -> Int? { lines[name] }

    mutating func add(_ name: String, for line: Int, _ number: (Int) -> Int) throws {
        if let other = lines[name] {
            throw TeleportError.invalid(
                "the name '\(name)' is taken by the layer of line \(number(other))")
        }
        lines[name] = line
    }

    mutating func nextName(_ prefix: String) -> String {
        var name = prefix
        repeat {
            counts[prefix, default: 0] += 1
            name = prefix + String(counts[prefix, default: 0])
        } while lines[name] != nil
        return name
    }
}

extension TeleportError {
    /// With the line that it is about.
    func inLine(_ number: Int) -> TeleportError {
        TeleportError(status, "line \(number): \(message)")
    }
}

import Runtime

/// The words of a layer's line after its kind, taken one by one.
public struct LayerArguments {
    private var words: ArraySlice<Substring>
    /// The line, for messages.
    private let line: String
    /// Of the image that the layer writes.
    public var border = 0

    public init(_ line: String, after word: String) {
        self.line = line
        words = ArraySlice(line.split(separator: " ").dropFirst(word.split(separator: " ").count))
    }

    /// The next word if it is `word`.
    public mutating func take(_ word: String) -> Bool {
        guard words.first.map({ $0 == word }) == true else { return false }
        words.removeFirst()
        return true
    }

    /// The next word, a whole number of at least 1.
    public mutating func count(_ what: String) throws -> Int {
        guard let word = words.popFirst() else {
            throw TeleportError.invalid("'\(line)' lacks \(what)")
        }
        guard let value = Int32(word), value >= 1 else {
            throw TeleportError.invalid(
                "'\(line)' has '\(word)' for \(what); it must be 1 to \(Int32.max)")
        }
        return Int(value)
    }

    /// OUT [bias|nobias], as every layer with a matrix of weights has them.
    public mutating func outputsAndBias() throws -> (outputs: Int, hasBias: Bool) {
        let outputs = try count("its number of outputs")
        let hasBias = !take("nobias")
        if hasBias { _ = take("bias") }
        return (outputs, hasBias)
    }

    /// The shape of the one input that a kind reads.
    public func single(_ inputs: [Shape]) throws -> Shape {
        guard inputs.count == 1 else {
            throw TeleportError.invalid("'\(line)' reads one layer; \(inputs.count) given")
        }
        return inputs[0]
    }

    /// The shapes of two inputs of one shape.
    public func pair(_ inputs: [Shape]) throws -> Shape {
        guard inputs.count == 2 else {
            throw TeleportError.invalid("'\(line)' reads two layers; \(inputs.count) given")
        }
        guard inputs[0].isAlike(inputs[1]) else {
            throw TeleportError(
                .shapeMismatch,
                "'\(line)' reads values of \(inputs[0]) and of \(inputs[1]); they must be alike")
        }
        return inputs[0]
    }

    /// Of what the layer writes: a vector has no border.
    public func output(channels: Int, height: Int, width: Int) throws -> Shape {
        try Shape(channels: channels, height: height, width: width, border: border)
    }

    /// Nothing may be left.
    public func end() throws {
        guard let word = words.first else { return }
        throw TeleportError.invalid("'\(line)' goes on with '\(word)', which means nothing there")
    }
}

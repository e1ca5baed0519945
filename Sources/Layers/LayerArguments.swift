import Runtime

/// The words of a layer's line after its kind, taken one by one.
public struct LayerArguments {
    private var words: ArraySlice<Substring>
    /// The line, for messages.
    private let line: String
    /// What the layer and those that it reads are called; empty where nobody has named them.
    private let name: String
    private let sources: [String]
    /// Of the image that the layer writes.
    public var border = 0

    public init(
        _ line: String, after word: String, name: String = "", sources: [String] = []
    ) {
        self.line = line
        self.name = name
        self.sources = sources
        words = ArraySlice(line.split(separator: " ").dropFirst(word.split(separator: " ").count))
    }

    /// The layer as the subject of a sentence: "layer 'conv2'", or its line where it has no name.
    public var subject: String { name.isEmpty ? "'\(line)'" : "layer '\(name)'" }

    /// What it reads, as the object of one: "'pool1'".
    public func source(_ position: Int = 0) -> String {
        position < sources.count ? "'\(sources[position])'" : "its input"
    }

    /// The next word if it is `word`.
    public mutating func take(_ word: String) -> Bool {
        guard words.first.map({ $0 == word }) == true else { return false }
        words.removeFirst()
        return true
    }

    /// The next word, whatever it is.
    public mutating func word(_ what: String) throws -> String {
        guard let word = words.popFirst() else {
            throw TeleportError.invalid("\(subject) lacks \(what)")
        }
        return String(word)
    }

    /// The next word, a whole number of at least `least`.
    public mutating func count(_ what: String, least: Int = 1) throws -> Int {
        let word = try word(what)
        guard let value = Self.count(word), value >= least else {
            throw TeleportError.invalid(
                "\(subject) has '\(word)' for \(what); it must be \(least) to \(Int32.max)")
        }
        return value
    }

    /// The next word: whole numbers of at least 1 between `x`, as in 3x3; of `counts` many.
    public mutating func sizes(_ what: String, counts: ClosedRange<Int>) throws -> [Int] {
        let word = try word(what)
        let sizes = word.split(separator: "x", omittingEmptySubsequences: false)
            .map { Self.count($0) ?? 0 }
        guard counts.contains(sizes.count), sizes.allSatisfy({ $0 >= 1 }) else {
            let example = ["7", "3x3", "3x32x32"][min(max(counts.upperBound, 1), 3) - 1]
            throw TeleportError.invalid(
                "\(subject) has '\(word)' for \(what); write it as \(example)")
        }
        return sizes
    }

    /// The next word if it is a number in decimal.
    public mutating func takeNumber<Number: BinaryFloatingPoint & LosslessStringConvertible>()
        -> Number?
    {
        guard let word = words.first, let value: Number = Self.number(word) else { return nil }
        words.removeFirst()
        return value
    }

    /// The next word, a finite number in decimal.
    public mutating func number<Number: BinaryFloatingPoint & LosslessStringConvertible>(
        _ what: String
    ) throws -> Number {
        let word = try word(what)
        guard let value: Number = Self.number(word) else {
            throw TeleportError.invalid(
                "\(subject) has '\(word)' for \(what); it must be a number")
        }
        return value
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
            throw TeleportError.invalid("\(subject) reads one layer; \(inputs.count) given")
        }
        return inputs[0]
    }

    /// The shapes of two inputs of one shape.
    public func pair(_ inputs: [Shape]) throws -> Shape {
        guard inputs.count == 2 else {
            throw TeleportError.invalid("\(subject) reads two layers; \(inputs.count) given")
        }
        guard inputs[0].isAlike(inputs[1]) else {
            let names = sources.map { " from '\($0)'" } + ["", ""]
            throw TeleportError(
                .shapeMismatch,
                "\(subject) reads values of \(inputs[0])\(names[0]) and of \(inputs[1])\(names[1]); they must be alike"
            )
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
        throw TeleportError.invalid("\(subject) goes on with '\(word)', which means nothing there")
    }

    /// Digits alone: a sign, an exponent or a letter is not meant.
    private static func count(_ word: some StringProtocol) -> Int? {
        guard !word.isEmpty, word.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int32(word).map { Int($0) }
    }

    /// Decimal alone: what else Swift reads (0x1p3, nan) is not meant.
    private static func number<Number: BinaryFloatingPoint & LosslessStringConvertible>(
        _ word: some StringProtocol
    ) -> Number? {
        guard word.utf8.allSatisfy({ "+-.0123456789eE".utf8.contains($0) }),
            let value = Number(String(word)), value.isFinite
        else { return nil }
        return value
    }
}

import Runtime

/// All kinds of layers; the one place that knows them.
public enum LayerKinds {
    public static let all: [any Layer.Type] = [
        Dense.self,
        Conv2D.self,
        Add.self,
        SampleTable.self,
        Flatten.self,
        Image.self,
        MaxPool.self,
        AveragePool.self,
        GlobalAveragePool.self,
        BatchNorm.self,
        Dropout.self,
        Activate.self,
    ]

    /// The kind of a word such as "dense".
    public static func kind(_ word: some StringProtocol) -> (any Layer.Type)? {
        all.first { $0.word == word }
    }

    /// The layer of a line such as "dense 64 nobias"; an image that it writes has a border. `name`
    /// and `sources` are what messages call it and the layers that it reads.
    public static func layer(
        _ line: String, inputs: [Shape], activation: Activation = Activation(.identity),
        border: Int = 0, name: String = "", sources: [String] = []
    ) throws -> any Layer {
        guard let word = line.split(separator: " ").first, let kind = kind(word) else {
            throw TeleportError.invalid(
                "'\(line)' names no kind of layer; there are \(all.map { $0.word }.joined(separator: ", "))"
            )
        }
        var arguments = LayerArguments(line, after: kind.word, name: name, sources: sources)
        arguments.border = border
        let layer = try kind.init(&arguments, inputs: inputs, activation: activation)
        try arguments.end()
        return layer
    }
}

// Activations have lines of their own in a text, and are part of the layer before them in a net
// wherever that is possible.
extension Activation {
    /// The activation of a line such as "leaky_relu 0.1"; nil where it names none.
    public init?(_ line: String, name: String = "") throws {
        guard let word = line.split(separator: " ").first,
            let kind = ActivationKind.allCases.first(where: {
                $0 != .identity && $0.fileName == word
            })
        else { return nil }
        var arguments = LayerArguments(line, after: kind.fileName, name: name)
        var slope = Activation(kind).negativeSlope
        if kind == .leakyReLU, let given: Float = arguments.takeNumber() {
            slope = given
            guard slope >= 0 else {
                throw TeleportError.invalid(
                    "\(arguments.subject) has the slope \(given); it must not be negative"
                )
            }
        }
        try arguments.end()
        self.init(kind, negativeSlope: slope)
    }

    /// The line that makes it again; empty for the identity.
    public var line: String {
        switch kind {
        case .identity: return ""
        case .leakyReLU: return "leaky_relu \(negativeSlope)"
        case .reLU, .sigmoid, .tanh: return kind.fileName
        }
    }
}

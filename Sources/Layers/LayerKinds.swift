import Runtime

/// All kinds of layers; the one place that knows them.
public enum LayerKinds {
    public static let all: [any Layer.Type] = [
        Dense.self,
        Add.self,
        SampleTable.self,
        Flatten.self,
    ]

    /// The layer of a line such as "dense 64 nobias"; an image that it writes has a border.
    public static func layer(
        _ line: String, inputs: [Shape], activation: Activation = Activation(.identity),
        border: Int = 0
    ) throws -> any Layer {
        guard let word = line.split(separator: " ").first,
            let kind = all.first(where: { $0.word == word })
        else {
            throw TeleportError.invalid(
                "'\(line)' names no kind of layer; there are \(all.map { $0.word }.joined(separator: ", "))"
            )
        }
        var arguments = LayerArguments(line, after: kind.word)
        arguments.border = border
        let layer = try kind.init(&arguments, inputs: inputs, activation: activation)
        try arguments.end()
        return layer
    }
}

import Runtime

/// Where one layer stands in a model's parameters.
public struct LayerShape: BitwiseCopyable, Sendable {
    public let inputs: Int
    public let outputs: Int
    /// W, outputs x inputs row-major, begins here; then the bias, if there is one.
    public let weightOffset: Int
    public let hasBias: Bool

    public var weightCount: Int { inputs * outputs }
    public var biasOffset: Int { weightOffset + weightCount }
    public var parameterCount: Int { weightCount + (hasBias ? outputs : 0) }
}

/// Widths, activation and biases of a multi-layer perceptron, checked, with the place of every layer.
public final class Architecture: Sendable {
    public static let maximumWidthCount = 1_024

    public let widths: [Int]
    public let activation: Activation
    public let hasBias: Bool
    public let parameterCount: Int
    /// One shape a layer; a buffer and not an array, so that training steps read it without counting references.
    public let layers: Buffer<LayerShape>

    public init(widths: [Int], activation: Activation, hasBias: Bool) throws {
        guard (2...Self.maximumWidthCount).contains(widths.count) else {
            throw TeleportError.invalid(
                "a model needs 2 to \(Self.maximumWidthCount) widths, inputs first; \(widths.count) given"
            )
        }
        for (index, width) in widths.enumerated() where width < 1 || width > Int(Int32.max) {
            throw TeleportError.invalid("width \(index) is \(width); it must be at least 1")
        }
        guard activation.negativeSlope.isFinite, activation.negativeSlope >= 0 else {
            throw TeleportError.wrong(
                "negative_slope", activation.negativeSlope, "finite and not negative")
        }
        layers = try Buffer(count: widths.count - 1)
        var offset = 0
        for layer in 0..<layers.count {
            let inputs = widths[layer]
            let outputs = widths[layer + 1]
            let weights = try Memory.product(inputs, outputs)
            layers.pointer[layer] = LayerShape(
                inputs: inputs, outputs: outputs, weightOffset: offset, hasBias: hasBias)
            // Float arrays of this many elements must be addressable.
            offset += weights + (hasBias ? outputs : 0)
            _ = try Memory.product(offset, 64)
        }
        parameterCount = offset
        self.widths = widths
        self.activation = activation
        self.hasBias = hasBias
    }

    public var layerCount: Int { layers.count }
    public var hiddenLayerCount: Int { layers.count - 1 }
    public var inputWidth: Int { layers.pointer[0].inputs }
    public var outputWidth: Int { layers.pointer[layers.count - 1].outputs }
    /// Hidden units of all hidden layers.
    public var hiddenUnitCount: Int { widths.dropFirst().dropLast().reduce(0, +) }
}

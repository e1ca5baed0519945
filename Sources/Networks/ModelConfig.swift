import Layers
import Runtime

/// What a model is made from; the fields of `tp_model_config`.
public struct ModelConfig: Sendable {
    public var activation = ActivationKind.leakyReLU
    public var negativeSlope: Float = 0.01
    public var hasBias = true
    public var initialization = Initialization.glorotUniform
    public var seed: UInt64 = 0

    public init() {}

    /// After every layer but the last.
    public var hiddenActivation: Activation {
        Activation(activation, negativeSlope: negativeSlope)
    }

    public func validate() throws {
        // The others have no use for it.
        guard activation == .leakyReLU else { return }
        try require(
            "negative_slope", negativeSlope, negativeSlope >= 0 && negativeSlope.isFinite,
            "finite and not negative")
    }

    /// With the activation, slope and bias that a net of another origin has.
    public func describing(_ graph: Graph) -> ModelConfig {
        var options = self
        let hidden = graph.hiddenActivation
        options.activation = hidden.kind
        if hidden.kind == .leakyReLU { options.negativeSlope = hidden.negativeSlope }
        options.hasBias = graph.hasBias
        return options
    }
}

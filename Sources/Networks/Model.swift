import Layers
import Runtime

/// What a model is made from; the fields of `tp_model_config`.
public struct ModelOptions: Sendable {
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
        guard activation != .leakyReLU || (negativeSlope.isFinite && negativeSlope >= 0) else {
            throw TeleportError.wrong(
                "negative_slope", negativeSlope, "finite and not negative")
        }
    }
}

/// A net: its graph, the weights that training changes, and what its makers want kept with it.
///
/// One thread at a time may change it; any number may read it while nobody does.
public final class Model: @unchecked Sendable {
    public let graph: Graph
    public let options: ModelOptions
    public let weights: Weights
    public var metadata = Metadata()
    /// A trainer runs on this model, and whoever calls now is inside its callback.
    public var isBeingTrained = false

    public convenience init(widths: [Int], options: ModelOptions = ModelOptions()) throws {
        let activation = options.hiddenActivation
        try self.init(
            Graph(widths: widths, activation: activation, hasBias: options.hasBias),
            options: options)
        options.initialization.fill(
            parameters.pointer, of: graph, slope: activation.negativeSlope, seed: options.seed)
    }

    /// A model whose parameters are still to be written.
    public init(_ graph: Graph, options: ModelOptions) throws {
        self.graph = graph
        self.options = options
        weights = try Weights(parameterCount: graph.parameterCount)
    }

    public init(copying other: Model) throws {
        graph = other.graph
        options = other.options
        weights = try Weights(copying: other.weights)
        metadata = other.metadata
    }

    /// W_0 row-major, b_0, W_1, b_1, ...: the order of gradients too.
    public var parameters: Buffer<Float> { weights.parameters }

    public func shape(ofLayer layer: Int) throws -> LinearMap {
        guard layer >= 0, layer < graph.layerCount else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has layers 0 to \(graph.layerCount - 1)")
        }
        return graph.layers.pointer[layer]
    }

    /// Refuses to change weights that a run, or a step that asks for its rate, is about to change.
    public func requireIdle() throws {
        guard !HostCallback.isAsking(self) else {
            throw TeleportError(
                .badState,
                "the model's trainer is asking its rate callback, which may only read them")
        }
        guard !isBeingTrained else {
            throw TeleportError(
                .badState, "the model is inside tp_trainer_run; a callback may only read it")
        }
    }
}

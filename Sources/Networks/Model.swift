import Layers
import Runtime

/// A net: its graph, the weights that training changes, and what its makers want kept with it.
///
/// One thread at a time may change it; any number may read it while nobody does.
public final class Model: @unchecked Sendable {
    public let graph: Graph
    public let options: ModelConfig
    public let weights: Weights
    public var metadata = Metadata()

    public convenience init(widths: [Int], options: ModelConfig = ModelConfig()) throws {
        try self.init(
            drawing: Graph(
                widths: widths, activation: options.hiddenActivation, hasBias: options.hasBias),
            options: options)
    }

    /// The net of an architecture's text; what the text says, the options take from it.
    public convenience init(
        text: UnsafeBufferPointer<UInt8>, options: ModelConfig = ModelConfig()
    ) throws {
        let graph = try Graph(text: text)
        try self.init(drawing: graph, options: options.describing(graph))
    }

    /// A model with the first weights that its options ask for.
    public convenience init(drawing graph: Graph, options: ModelConfig) throws {
        try self.init(graph, options: options)
        options.initialization.fill(
            weights, of: graph, slope: options.hiddenActivation.negativeSlope, seed: options.seed)
    }

    /// A model whose weights are still to be written.
    public init(_ graph: Graph, options: ModelConfig) throws {
        self.graph = graph
        self.options = options
        weights = try Weights(graph)
    }

    public init(copying other: Model) throws {
        graph = other.graph
        options = other.options
        weights = try Weights(copying: other.weights)
        metadata = other.metadata
    }

    /// W_0 row-major, b_0, W_1, b_1, ...: the order of gradients too.
    public var parameters: Buffer<Float> { weights.parameters }

    public func parts(ofLayer layer: Int) throws -> LayerParts {
        guard layer >= 0, layer < graph.layerCount else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has layers 0 to \(graph.layerCount - 1)")
        }
        return graph.parts(layer)
    }

    /// Refuses to change weights that a run, or a step that asks for its rate, is about to change:
    /// whoever calls now is inside its callback.
    public func requireIdle() throws {
        guard !HostCallback.isAsking(.rate, self) else {
            throw TeleportError(
                .badState,
                "the model's trainer is asking its rate callback, which may only read them")
        }
        guard !HostCallback.isAsking(.run, self) else {
            throw TeleportError(
                .badState, "the model is inside tp_trainer_run; a callback may only read it")
        }
    }
}

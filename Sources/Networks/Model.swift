import Runtime

/// What a model is made from; the fields of `tp_model_config`.
public struct ModelOptions: Sendable {
    public var activation = ActivationKind.leakyReLU
    public var negativeSlope: Float = 0.01
    public var hasBias = true
    public var initialization = Initialization.glorotUniform
    public var seed: UInt64 = 0

    public init() {}

    public func validate() throws {
        // The others have no use for it.
        guard activation != .leakyReLU || (negativeSlope.isFinite && negativeSlope >= 0) else {
            throw TeleportError.wrong(
                "negative_slope", negativeSlope, "finite and not negative")
        }
    }
}

/// A multi-layer perceptron: its architecture and one block of parameters, W_0, b_0, W_1, b_1, ...
///
/// One thread at a time may change it; any number may read it while nobody does.
public final class Model: @unchecked Sendable {
    public let architecture: Architecture
    public let options: ModelOptions
    public let parameters: Buffer<Float>
    public var metadata = Metadata()
    /// A trainer runs on this model, and whoever calls now is inside its callback.
    public var isBeingTrained = false

    public init(widths: [Int], options: ModelOptions = ModelOptions()) throws {
        architecture = try Architecture(
            widths: widths,
            activation: Activation(options.activation, negativeSlope: options.negativeSlope),
            hasBias: options.hasBias)
        self.options = options
        parameters = try Buffer(count: architecture.parameterCount)
        options.initialization.fill(parameters.pointer, of: architecture, seed: options.seed)
    }

    /// A model whose parameters are still to be written.
    public init(_ architecture: Architecture, options: ModelOptions) throws {
        self.architecture = architecture
        self.options = options
        parameters = try Buffer(count: architecture.parameterCount)
    }

    public init(copying other: Model) throws {
        architecture = other.architecture
        options = other.options
        parameters = try Buffer(copying: other.parameters)
        metadata = other.metadata
    }

    public func shape(ofLayer layer: Int) throws -> LayerShape {
        guard layer >= 0, layer < architecture.layerCount else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has layers 0 to \(architecture.layerCount - 1)")
        }
        return architecture.layers.pointer[layer]
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

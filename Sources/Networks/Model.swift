import Runtime

/// What a model is made from; the fields of `tp_model_config`.
public struct ModelOptions: Sendable {
    public var activation = ActivationKind.leakyReLU
    public var negativeSlope: Float = 0.01
    public var hasBias = true
    public var initialization = Initialization.glorotUniform
    public var seed: UInt64 = 0

    public init() {}
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

    /// Refuses to change weights that a run is about to change.
    public func requireIdle() throws {
        guard !isBeingTrained else {
            throw TeleportError(
                .badState, "the model is inside tp_trainer_run; a callback may only read it")
        }
    }
}

/// Strings kept with a model, such as class names and normalization.
public struct Metadata: Sendable {
    public static let maximumKeyLength = 255
    public static let maximumValueLength = 1 << 20
    public static let maximumCount = 1_024

    public private(set) var values: [String: String] = [:]

    public init() {}

    public subscript(key: String) -> String? { values[key] }

    public mutating func set(_ key: String, to value: String?) throws {
        guard (1...Self.maximumKeyLength).contains(key.utf8.count) else {
            throw TeleportError.invalid(
                "a metadata key has 1 to \(Self.maximumKeyLength) bytes; this one has \(key.utf8.count)")
        }
        guard let value else {
            values[key] = nil
            return
        }
        guard value.utf8.count <= Self.maximumValueLength else {
            throw TeleportError.invalid(
                "the value of metadata key \"\(key)\" has \(value.utf8.count) bytes; the most is \(Self.maximumValueLength)"
            )
        }
        guard values[key] != nil || values.count < Self.maximumCount else {
            throw TeleportError.invalid("a model holds at most \(Self.maximumCount) metadata keys")
        }
        values[key] = value
    }
}

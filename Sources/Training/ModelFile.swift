import Files
import Layers
import Networks
import Runtime

// A model in a safetensors file. Format 1, plain perceptrons: layers.0.weight (outputs x inputs),
// layers.0.bias, layers.1.weight, ... as F32, in this order, which is that of the parameters; in
// __metadata__ what the shapes do not tell, under teleport.*, and the model's own strings. Format
// 2, all other nets: the architecture's text in __metadata__, and tensors by the names and
// dimensions that PyTorch gives them.

/// Keys of `__metadata__` and names of tensors.
enum ModelFile {
    /// Raised when older libraries would misread the file.
    static let version = 2
    static let perceptronVersion = 1

    static let architectureKey = "teleport.architecture"
    static let versionKey = "teleport.format"
    static let activationKey = "teleport.activation"
    static let negativeSlopeKey = "teleport.negative_slope"
    static let initializationKey = "teleport.initialization"
    static let seedKey = "teleport.seed"

    static func weightName(_ layer: Int) -> String { "layers.\(layer).weight" }
    static func biasName(_ layer: Int) -> String { "layers.\(layer).bias" }
}

/// What enum members are called in files; numbers would say less to other programs.
protocol NamedInFiles: CaseIterable {
    var fileName: String { get }
}

extension ActivationKind: NamedInFiles {}

extension Initialization: NamedInFiles {
    public static var allCases: [Initialization] {
        [.glorotUniform, .heUniform, .torchLinear, .uniform01]
    }

    var fileName: String {
        switch self {
        case .glorotUniform: "glorot_uniform"
        case .heUniform: "he_uniform"
        case .torchLinear: "torch_linear"
        case .uniform01: "uniform_01"
        }
    }
}

extension SafetensorsWriter {
    /// The metadata of a model; further metadata may follow, then `tensors(of:)`.
    func texts(of model: Model) throws {
        try requireFinite(model)
        if try model.graph.isPlainPerceptron {
            try text(ModelFile.versionKey, String(ModelFile.perceptronVersion))
            try text(ModelFile.activationKey, model.options.activation.fileName)
            try text(ModelFile.negativeSlopeKey, model.options.negativeSlope.description)
        } else {
            try text(ModelFile.versionKey, String(ModelFile.version))
            let architecture = try model.graph.architecture()
            try text(
                ModelFile.architectureKey, UnsafeBufferPointer(architecture.elements))
        }
        try text(ModelFile.initializationKey, model.options.initialization.fileName)
        try text(ModelFile.seedKey, model.options.seed.description)
        for entry in model.metadata.entries {
            try text(
                UnsafeBufferPointer(entry.key.elements), UnsafeBufferPointer(entry.value.elements))
        }
    }

    func tensors(of model: Model) throws {
        guard try model.graph.isPlainPerceptron else { return try namedTensors(of: model) }
        let parameters = model.parameters.pointer
        for (index, layer) in model.graph.layers.elements.enumerated() {
            try tensor(
                ModelFile.weightName(index), [layer.outputs, layer.inputs],
                of: parameters + layer.weightOffset, count: layer.weightCount)
            guard layer.hasBias else { continue }
            try tensor(
                ModelFile.biasName(index), [layer.outputs], of: parameters + layer.biasOffset,
                count: layer.outputs)
        }
    }

    private func namedTensors(of model: Model) throws {
        try model.graph.forEachTensor { place in
            let (tensor, values) = (place.tensor, model.values(of: place))
            if tensor.role == .counter {
                try self.tensor(place.name, counter: Int64(exactly: values[0].rounded()) ?? 0)
            } else {
                try self.tensor(place.name, tensor.dimensions, of: values, count: tensor.count)
            }
            return true
        }
    }

    /// What is not finite is not read again, so it must not take a good file's place.
    private func requireFinite(_ model: Model) throws {
        if let (index, value) = model.weights.firstNotFinite {
            throw TeleportError(
                .notFinite, "parameter \(index) of the model is \(value); it is not saved")
        }
        let statistics = model.weights.statistics.elements
        guard let index = statistics.firstIndex(where: { !$0.isFinite }) else { return }
        throw TeleportError(
            .notFinite,
            "running statistic \(index) of the model is \(statistics[index]); it is not saved")
    }
}

extension Model {
    private func writer() throws -> SafetensorsWriter {
        let writer = try SafetensorsWriter()
        try writer.texts(of: self)
        try writer.tensors(of: self)
        return writer
    }

    /// Writes the model to a file (`tp_model_save`).
    public func save(to path: UnsafePointer<CChar>) throws {
        try writer().save(to: path, as: "model file")
    }

    /// Bytes of the model's file.
    public func fileSize() throws -> Int { try writer().size() }

    /// Writes what `save` would into `fileSize()` bytes of memory.
    public func save(into target: UnsafeMutableRawPointer) throws {
        try writer().copy(to: target)
    }

    /// Reads a model from a file (`tp_model_load`).
    public static func load(
        from path: UnsafePointer<CChar>, options: ModelConfig
    ) throws -> Model {
        try options.validate()
        return try reading(path, as: "model file") { file in try Model(from: file, options: options)
        }
    }

    /// Reads a model from memory (`tp_model_load_buffer`).
    public static func load(
        from bytes: UnsafeRawBufferPointer, options: ModelConfig
    ) throws -> Model {
        try options.validate()
        do {
            return try Model(from: SafetensorsReader(MemorySource(bytes)), options: options)
        } catch let failure as FileFailure {
            throw TeleportError(failure.status, "the model in memory: \(failure.reason)")
        } catch let error as TeleportError where error.isWrongValue {
            throw TeleportError(.format, "the model in memory: \(error.message)")
        }
    }
}

extension SafetensorsWriter {
    func save(to path: UnsafePointer<CChar>, keeping: Int = 0, as what: String) throws {
        do throws(FileFailure) {
            try write(to: path, keeping: keeping)
        } catch {
            throw error.error(what, at: path)
        }
    }
}

/// Runs `body` on an open file; its failures become errors that name the path.
func reading<Result>(
    _ path: UnsafePointer<CChar>, as what: String, _ body: (SafetensorsReader) throws -> Result
) throws -> Result {
    do {
        return try withoutCancellation { try body(SafetensorsReader(FileSource(path: path))) }
    } catch let failure as FileFailure {
        throw failure.error(what, at: path)
    } catch let error as TeleportError where error.isWrongValue {
        // What no host could ask for, a file cannot either.
        throw FileFailure(.format, error.message).error(what, at: path)
    }
}

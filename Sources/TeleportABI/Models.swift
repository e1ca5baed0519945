import CTeleport
import Files
import Glibc
import Layers
import Networks
import Runtime

// Header section 4: models.

extension tp_model_config {
    static var defaults: tp_model_config {
        var config = tp_model_config()
        let options = ModelConfig()
        config.activation = options.activation.rawValue
        config.negative_slope = options.negativeSlope
        config.bias = options.hasBias ? 1 : 0
        config.initialization = options.initialization.rawValue
        config.seed = options.seed
        return config
    }

    fileprivate init(_ options: ModelConfig) {
        self = .defaults
        activation = options.activation.rawValue
        negative_slope = options.negativeSlope
        bias = options.hasBias ? 1 : 0
        initialization = options.initialization.rawValue
        seed = options.seed
    }
}

extension ModelConfig {
    init(_ config: UnsafePointer<tp_model_config>?) throws {
        let config = try readConfig(config, defaults: .defaults, "config")
        self.init()
        activation = try member(config.activation, ActivationKind.self, "activation")
        negativeSlope = config.negative_slope
        // Also where the activation, or a file that says its own, has no use for it.
        try require(
            "negative_slope", negativeSlope, negativeSlope.isFinite, "finite and not negative")
        hasBias = try flag(config.bias, "bias")
        initialization = try member(config.initialization, Initialization.self, "initialization")
        seed = config.seed
    }
}

@_cdecl("tp_model_config_init") @implementation
public func tp_model_config_init(
    _ config: UnsafeMutablePointer<tp_model_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

@_cdecl("tp_model_create_mlp") @implementation
public func tp_model_create_mlp(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ widths: UnsafePointer<Int32>?, _ count: Int,
    _ config: UnsafePointer<tp_model_config>?
) -> tp_status {
    call {
        try create(out) {
            let widths = try widths.required("widths")
            guard count >= 0, count <= Graph.maximumWidthCount else {
                throw TeleportError.invalid(
                    "count is \(UInt(bitPattern: count)); a model has 2 to \(Graph.maximumWidthCount) widths"
                )
            }
            return try Model(
                widths: (0..<count).map { Int(widths[$0]) }, options: try ModelConfig(config))
        }
    }
}

@_cdecl("tp_model_clone") @implementation
public func tp_model_clone(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ model: OpaquePointer?
) -> tp_status {
    call { try create(out) { try Model(copying: try model.object(Model.self, "model")) } }
}

@_cdecl("tp_model_free") @implementation
public func tp_model_free(_ model: OpaquePointer?) {
    model.release(Model.self)
}

@_cdecl("tp_model_layer_count") @implementation
public func tp_model_layer_count(_ model: OpaquePointer?) -> Int32 {
    let model = try? model.object(Model.self, "model")
    return Int32(truncatingIfNeeded: model?.graph.layerCount ?? 0)
}

@_cdecl("tp_model_parameter_count") @implementation
public func tp_model_parameter_count(_ model: OpaquePointer?) -> Int64 {
    let model = try? model.object(Model.self, "model")
    return Int64(model?.graph.parameterCount ?? 0)
}

@_cdecl("tp_model_layer_shape") @implementation
public func tp_model_layer_shape(
    _ model: OpaquePointer?, _ layer: Int32, _ outputs_out: UnsafeMutablePointer<Int32>?,
    _ inputs_out: UnsafeMutablePointer<Int32>?
) -> tp_status {
    call {
        let shape = try model.object(Model.self, "model").parts(ofLayer: Int(layer))
        outputs_out?.pointee = Int32(truncatingIfNeeded: shape.outputs)
        inputs_out?.pointee = Int32(truncatingIfNeeded: shape.inputs)
    }
}

@_cdecl("tp_model_widths") @implementation
public func tp_model_widths(
    _ model: OpaquePointer?, _ widths: UnsafeMutablePointer<Int32>?, _ capacity: Int
) -> tp_status {
    call {
        let graph = try model.object(Model.self, "model").graph
        let widths = try widths.required("widths")
        try requireCapacity(capacity, graph.widths.count, "widths")
        for (index, width) in graph.widths.enumerated() {
            widths[index] = Int32(truncatingIfNeeded: width)
        }
    }
}

@_cdecl("tp_model_get_config") @implementation
public func tp_model_get_config(
    _ model: OpaquePointer?, _ config_out: UnsafeMutablePointer<tp_model_config>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let config_out = try config_out.required("config_out")
        try writeOutput(tp_model_config(model.options), to: config_out, "config_out")
    }
}

@_cdecl("tp_model_get_layer") @implementation
public func tp_model_get_layer(
    _ model: OpaquePointer?, _ layer: Int32, _ weights: UnsafeMutablePointer<Float>?,
    _ weights_capacity: Int, _ bias: UnsafeMutablePointer<Float>?, _ bias_capacity: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let shape = try model.parts(ofLayer: Int(layer))
        try requireOptional(weights, weights_capacity, shape.weightCount, "weights")
        let biasOffset = bias == nil ? 0 : try requireBias(shape)
        try requireOptional(bias, bias_capacity, shape.outputs, "bias")
        let parameters = model.parameters.pointer
        weights?.update(from: parameters + shape.weightOffset, count: shape.weightCount)
        bias?.update(from: parameters + biasOffset, count: shape.outputs)
    }
}

@_cdecl("tp_model_set_layer") @implementation
public func tp_model_set_layer(
    _ model: OpaquePointer?, _ layer: Int32, _ weights: UnsafePointer<Float>?,
    _ weights_count: Int, _ bias: UnsafePointer<Float>?, _ bias_count: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let shape = try model.parts(ofLayer: Int(layer))
        try model.requireIdle()
        if weights == nil {
            try requireNoCapacity(weights_count, "weights")
        } else {
            try requireCount(weights_count, shape.weightCount, "weights")
        }
        var biasOffset = 0
        if bias == nil {
            try requireNoCapacity(bias_count, "bias")
        } else {
            biasOffset = try requireBias(shape)
            try requireCount(bias_count, shape.outputs, "bias")
        }
        // Both are checked before either is written.
        if let bias { try requireFinite(bias, shape.outputs, "bias") }
        if let weights {
            try requireFinite(weights, shape.weightCount, "weights")
            (model.parameters.pointer + shape.weightOffset).update(
                from: weights, count: shape.weightCount)
        }
        if let bias {
            (model.parameters.pointer + biasOffset).update(from: bias, count: shape.outputs)
        }
    }
}

private func requireBias(_ shape: LayerParts) throws -> Int {
    guard let offset = shape.biasOffset else {
        throw TeleportError.invalid("bias is given, but the layer has none")
    }
    return offset
}

func requireFinite(
    _ values: UnsafePointer<Float>, _ count: Int, _ name: StaticString
) throws {
    for i in 0..<count where !values[i].isFinite {
        throw TeleportError(.notFinite, "\(name)[\(i)] is \(values[i])")
    }
}

@_cdecl("tp_model_get_parameters") @implementation
public func tp_model_get_parameters(
    _ model: OpaquePointer?, _ parameters: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    call {
        let source = try model.object(Model.self, "model").parameters
        let parameters = try parameters.required("parameters")
        try requireCapacity(capacity, source.count, "parameters")
        parameters.update(from: source.pointer, count: source.count)
    }
}

@_cdecl("tp_model_set_parameters") @implementation
public func tp_model_set_parameters(
    _ model: OpaquePointer?, _ parameters: UnsafePointer<Float>?, _ count: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let target = model.parameters
        try model.requireIdle()
        let parameters = try parameters.required("parameters")
        try requireCount(count, target.count, "parameters")
        try requireFinite(parameters, count, "parameters")
        target.pointer.update(from: parameters, count: count)
    }
}

// Strings.

/// A text and its zero into a host's buffer; NULL with capacity 0 asks for the length alone.
func copy(
    _ text: Buffer<UInt8>, into buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length_out: UnsafeMutablePointer<Int>?
) throws {
    length_out?.pointee = text.count
    guard buffer != nil || capacity != 0 else { return }
    let buffer = try buffer.required("buffer")
    try requireCapacity(capacity, text.count + 1, "buffer")
    memcpy(buffer, text.pointer, text.count)
    buffer[text.count] = 0
}

func bytes(_ text: UnsafePointer<CChar>) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
        start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: strlen(text))
}

@_cdecl("tp_model_set_metadata") @implementation
public func tp_model_set_metadata(
    _ model: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        try model.metadata.set(bytes(try key.required("key")), to: value.map(bytes))
    }
}

@_cdecl("tp_model_get_metadata") @implementation
public func tp_model_get_metadata(
    _ model: OpaquePointer?, _ key: UnsafePointer<CChar>?, _ buffer: UnsafeMutablePointer<CChar>?,
    _ capacity: Int, _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let key = try key.required("key")
        guard let value = model.metadata.value(of: bytes(key)) else {
            throw TeleportError(.notFound, "the model has no metadata key \(quoted(key))")
        }
        try copy(value, into: buffer, capacity, length_out)
    }
}

@_cdecl("tp_model_metadata_count") @implementation
public func tp_model_metadata_count(_ model: OpaquePointer?) -> Int32 {
    guard let model = try? model.object(Model.self, "model") else { return 0 }
    return Int32(truncatingIfNeeded: model.metadata.entries.count)
}

@_cdecl("tp_model_metadata_key") @implementation
public func tp_model_metadata_key(
    _ model: OpaquePointer?, _ index: Int32, _ buffer: UnsafeMutablePointer<CChar>?,
    _ capacity: Int, _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let entries = try model.object(Model.self, "model").metadata.entries
        guard entries.indices.contains(Int(index)) else {
            throw TeleportError(
                .notFound, "index is \(index), but the model has \(entries.count) metadata keys")
        }
        try copy(entries[Int(index)].key, into: buffer, capacity, length_out)
    }
}

// Prediction.

/// Checks the samples of a prediction; false when there are none.
private func checkSamples(
    _ model: Model, _ x: UnsafePointer<Float>?, _ width: Int64, _ count: Int64
) throws -> UnsafePointer<Float>? {
    guard count >= 0 else { throw TeleportError.invalid("count is \(count)") }
    guard width == Int64(model.graph.inputWidth) else {
        throw TeleportError(
            .shapeMismatch,
            "x_width is \(width) but the model takes \(model.graph.inputWidth) values a sample"
        )
    }
    _ = try Memory.product(try Memory.product(Int(count), Int(width)), MemoryLayout<Float>.size)
    return count == 0 ? nil : try x.required("x")
}

@_cdecl("tp_model_predict") @implementation
public func tp_model_predict(
    _ model: OpaquePointer?, _ x: UnsafePointer<Float>?, _ x_width: Int64, _ count: Int64,
    _ kind: tp_output, _ outputs: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        guard kind == TP_OUTPUT_RAW || kind == TP_OUTPUT_PROBABILITIES else {
            throw TeleportError.invalid("kind is \(kind.rawValue), which is none of its values")
        }
        guard let x = try checkSamples(model, x, x_width, count) else { return }
        let outputs = try outputs.required("outputs")
        try requireCapacity(
            capacity, try Memory.product(Int(count), model.graph.outputWidth), "outputs")
        let workspace = try model.measuringWorkspace(count: Int(count), .running)
        try model.outputs(
            x, count: Int(count), asProbabilities: kind == TP_OUTPUT_PROBABILITIES,
            into: outputs, workspace: workspace)
    }
}

@_cdecl("tp_model_predict_labels") @implementation
public func tp_model_predict_labels(
    _ model: OpaquePointer?, _ x: UnsafePointer<Float>?, _ x_width: Int64, _ count: Int64,
    _ labels: UnsafeMutablePointer<Int32>?, _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        guard let x = try checkSamples(model, x, x_width, count) else { return }
        let labels = try labels.required("labels")
        try requireCapacity(capacity, Int(count), "labels")
        let workspace = try model.measuringWorkspace(count: Int(count), .running)
        try model.labels(x, count: Int(count), into: labels, workspace: workspace)
    }
}

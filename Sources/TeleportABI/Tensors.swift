import CTeleport
import Networks
import Runtime
import Symmetry

// Header section 4: arrays of a model by name.

@_cdecl("tp_model_tensor_count") @implementation
public func tp_model_tensor_count(_ model: OpaquePointer?) -> Int32 {
    let model = try? model.object(Model.self, "model")
    return Int32(truncatingIfNeeded: model?.graph.tensorCount ?? 0)
}

@_cdecl("tp_model_tensor_name") @implementation
public func tp_model_tensor_name(
    _ model: OpaquePointer?, _ index: Int32, _ buffer: UnsafeMutablePointer<CChar>?,
    _ capacity: Int, _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let name = try model.object(Model.self, "model").graph.tensor(Int(index)).name
        let text = try Buffer<UInt8>(count: name.utf8.count)
        _ = text.elements.update(fromContentsOf: name.utf8)
        try copy(text, into: buffer, capacity, length_out)
    }
}

@_cdecl("tp_model_tensor_shape") @implementation
public func tp_model_tensor_shape(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?,
    _ dimensions: UnsafeMutablePointer<Int32>?, _ capacity: Int,
    _ rank_out: UnsafeMutablePointer<Int32>?
) -> tp_status {
    call {
        let graph = try model.object(Model.self, "model").graph
        let sizes = try graph.tensor(named: shortText(name, "name")).tensor.dimensions
        rank_out?.pointee = Int32(truncatingIfNeeded: sizes.count)
        guard dimensions != nil || capacity != 0 else { return }
        let dimensions = try dimensions.required("dimensions")
        try requireCapacity(capacity, sizes.count, "dimensions")
        for (index, size) in sizes.enumerated() {
            dimensions[index] = Int32(truncatingIfNeeded: size)
        }
    }
}

@_cdecl("tp_model_get_tensor") @implementation
public func tp_model_get_tensor(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?,
    _ values: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let tensor = try model.graph.tensor(named: shortText(name, "name"))
        let values = try values.required("values")
        try requireCapacity(capacity, tensor.tensor.count, "values")
        values.update(from: model.values(of: tensor), count: tensor.tensor.count)
    }
}

@_cdecl("tp_model_set_tensor") @implementation
public func tp_model_set_tensor(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ values: UnsafePointer<Float>?,
    _ count: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let tensor = try model.graph.tensor(named: shortText(name, "name"))
        try model.requireIdle()
        let values = try values.required("values")
        try requireCount(count, tensor.tensor.count, "values")
        try requireFinite(values, count, "values")
        try tensor.requireUsable(values)
        model.values(of: tensor).update(from: values, count: count)
    }
}

// Channels that scale.

@_cdecl("tp_model_scaling_count") @implementation
public func tp_model_scaling_count(_ model: OpaquePointer?) -> Int64 {
    guard let model = try? model.object(Model.self, "model"),
        let count = try? Scaling.channelCount(model.graph)
    else { return 0 }
    return Int64(count)
}

@_cdecl("tp_model_scaling_variables") @implementation
public func tp_model_scaling_variables(
    _ model: OpaquePointer?, _ layer: Int32, _ variables: UnsafeMutablePointer<Int64>?,
    _ capacity: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let parts = try model.parts(ofLayer: Int(layer))
        let variables = try variables.required("variables")
        try requireCapacity(capacity, parts.outputs, "variables")
        try model.scalingVariables(ofLayer: Int(layer), into: variables)
    }
}

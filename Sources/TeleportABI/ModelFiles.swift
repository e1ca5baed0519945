import CTeleport
import Networks
import Runtime
import Training

// Header section 4: models in files.

@_cdecl("tp_model_save") @implementation
public func tp_model_save(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> tp_status {
    call { try model.object(Model.self, "model").save(to: try path.required("path")) }
}

@_cdecl("tp_model_load") @implementation
public func tp_model_load(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ path: UnsafePointer<CChar>?,
    _ config: UnsafePointer<tp_model_config>?
) -> tp_status {
    call {
        try create(out) {
            try Model.load(from: try path.required("path"), options: try ModelConfig(config))
        }
    }
}

@_cdecl("tp_model_save_buffer") @implementation
public func tp_model_save_buffer(
    _ model: OpaquePointer?, _ buffer: UnsafeMutableRawPointer?, _ capacity: Int,
    _ size_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let size = try model.fileSize()
        size_out?.pointee = size
        guard buffer != nil || capacity != 0 else { return }
        let buffer = try buffer.required("buffer")
        try requireCapacity(capacity, size, "buffer")
        try model.save(into: buffer)
    }
}

@_cdecl("tp_model_load_buffer") @implementation
public func tp_model_load_buffer(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ data: UnsafeRawPointer?, _ size: Int,
    _ config: UnsafePointer<tp_model_config>?
) -> tp_status {
    call {
        try create(out) {
            let data = try data.required("data")
            guard size >= 0 else {
                throw TeleportError.invalid("size is \(UInt(bitPattern: size))")
            }
            return try Model.load(
                from: UnsafeRawBufferPointer(start: data, count: size),
                options: try ModelConfig(config))
        }
    }
}

@_cdecl("tp_model_load_weights") @implementation
public func tp_model_load_weights(
    _ model: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        try model.requireIdle()
        try model.loadWeights(from: try path.required("path"))
    }
}

import CTeleport
import Layers
import Networks
import Runtime

// Header section 4: nets from texts, and their texts.

@_cdecl("tp_model_create") @implementation
public func tp_model_create(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ text: UnsafePointer<CChar>?,
    _ config: UnsafePointer<tp_model_config>?
) -> tp_status {
    call {
        try create(out) {
            try Model(text: bytes(try text.required("text")), options: try ModelConfig(config))
        }
    }
}

@_cdecl("tp_architecture") @implementation
public func tp_architecture(
    _ name: UnsafePointer<CChar>?, _ shape: UnsafePointer<Int32>?, _ classes: Int32,
    _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let name = try shortText(name, "name")
        let shape = try shape.required("shape")
        let input = try Shape(
            channels: Int(shape[0]), height: Int(shape[1]), width: Int(shape[2]))
        let text = try Architectures.text(name, input: input, classes: Int(classes))
        try copy(text, into: buffer, capacity, length_out)
    }
}

@_cdecl("tp_model_architecture") @implementation
public func tp_model_architecture(
    _ model: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let graph = try model.object(Model.self, "model").graph
        try copy(try graph.architecture(), into: buffer, capacity, length_out)
    }
}

@_cdecl("tp_model_summary") @implementation
public func tp_model_summary(
    _ model: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        let graph = try model.object(Model.self, "model").graph
        try copy(try graph.summary(), into: buffer, capacity, length_out)
    }
}

/// A host's name of something, which no longer text is.
func shortText(_ text: UnsafePointer<CChar>?, _ name: StaticString) throws -> String {
    let text = bytes(try text.required(name))
    guard text.count <= 256, isUTF8(text) else {
        throw TeleportError.invalid(
            "\(name) has \(text.count) bytes, or is not UTF-8; the most is 256")
    }
    return String(decoding: text, as: UTF8.self)
}

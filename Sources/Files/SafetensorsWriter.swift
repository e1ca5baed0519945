import Glibc
import Runtime

/// Puts a safetensors file together: metadata first, then tensors in the order of their data.
///
/// Tensors are not copied: their memory must stay as it is until the file is written.
public final class SafetensorsWriter {
    private let json: JSONWriter
    private let blocks: GrowingBuffer<UnsafeRawBufferPointer>
    /// Numbers that nobody else keeps.
    private var counters: [Buffer<Int64>] = []
    private var dataSize = 0
    private var isEmpty = true
    private var isInMetadata = false
    private var isComplete = false

    public init() throws {
        json = try JSONWriter()
        blocks = try GrowingBuffer()
        // The header's length comes first and is known last.
        for _ in 0..<8 { try json.bytes.append(0) }
        try json.raw("{")
    }

    public func text(_ key: String, _ value: String) throws {
        try beginText()
        try json.string(key)
        try json.raw(":")
        try json.string(value)
    }

    /// A value that is valid UTF-8.
    public func text(_ key: String, _ value: UnsafeBufferPointer<UInt8>) throws {
        try beginText()
        try json.string(key)
        try json.raw(":")
        try json.string(value)
    }

    /// Both valid UTF-8.
    public func text(
        _ key: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
    ) throws {
        try beginText()
        try json.string(key)
        try json.raw(":")
        try json.string(value)
    }

    public func tensor(
        _ name: String, _ shape: [Int], of data: UnsafePointer<Float>, count: Int
    ) throws {
        try tensor(name, .f32, shape, UnsafeRawBufferPointer(start: data, count: count * 4))
    }

    public func tensor(
        _ name: String, _ shape: [Int], of data: UnsafePointer<Double>, count: Int
    ) throws {
        try tensor(name, .f64, shape, UnsafeRawBufferPointer(start: data, count: count * 8))
    }

    /// A whole number, which has no dimension; it is copied.
    public func tensor(_ name: String, counter: Int64) throws {
        let copy = try Buffer(repeating: counter, count: 1)
        counters.append(copy)
        try tensor(name, .i64, [], UnsafeRawBufferPointer(start: copy.pointer, count: 8))
    }

    private func tensor(
        _ name: String, _ type: TensorType, _ shape: [Int], _ data: UnsafeRawBufferPointer
    ) throws {
        try endMetadata()
        if !isEmpty { try json.raw(",") }
        isEmpty = false
        try json.string(name)
        try json.raw(":{\"dtype\":")
        try json.string(type.rawValue)
        try json.raw(",\"shape\":[")
        for (index, size) in shape.enumerated() {
            if index > 0 { try json.raw(",") }
            try json.number(size)
        }
        try json.raw("],\"data_offsets\":[")
        try json.number(dataSize)
        try json.raw(",")
        dataSize += data.count
        try json.number(dataSize)
        try json.raw("]}")
        try blocks.append(data)
    }

    private func beginText() throws {
        if !isInMetadata { try json.raw("\"__metadata__\":{") } else { try json.raw(",") }
        isInMetadata = true
        isEmpty = false
    }

    private func endMetadata() throws {
        if isInMetadata { try json.raw("}") }
        isInMetadata = false
    }

    /// Ends the header, which is filled up with spaces so that the data begins at a multiple of 8.
    private func complete() throws {
        guard !isComplete else { return }
        try endMetadata()
        try json.raw("}")
        while json.bytes.count % 8 != 0 { try json.raw(" ") }
        let length = UInt64(json.bytes.count - 8)
        for i in 0..<8 { json.bytes[i] = UInt8(truncatingIfNeeded: length >> (8 * i)) }
        isComplete = true
    }

    /// Bytes of the file.
    public func size() throws -> Int {
        try complete()
        return json.bytes.count + dataSize
    }

    /// Writes the file in place of what is at `path`, or leaves that alone; see `AtomicFile`.
    public func write(to path: UnsafePointer<CChar>, keeping: Int = 0) throws(FileFailure) {
        do { try complete() } catch { throw FileFailure(error) }
        try AtomicFile.replace(path, keeping: keeping) { (file) throws(FileFailure) in
            try file.write(json.bytes.pointer, count: json.bytes.count)
            for block in blocks.elements {
                guard let base = block.baseAddress else { continue }
                try file.write(base, count: block.count)
            }
        }
    }

    /// Copies the file into memory that has room for it.
    public func copy(to target: UnsafeMutableRawPointer) throws {
        try complete()
        memcpy(target, json.bytes.pointer, json.bytes.count)
        var next = target + json.bytes.count
        for block in blocks.elements {
            guard let base = block.baseAddress else { continue }
            memcpy(next, base, block.count)
            next += block.count
        }
    }
}

import Glibc

/// Zero-terminated byte strings in one block: names and paths of a whole data set.
///
/// Strings keep the bytes that they have on disk. It is written while a data set is built and only
/// read afterwards, so pointers into it then live as long as the table.
public final class StringTable: @unchecked Sendable {
    private let bytes: GrowingBuffer<CChar>
    private let starts: GrowingBuffer<Int>

    public init() throws {
        bytes = try GrowingBuffer()
        starts = try GrowingBuffer()
    }

    public var count: Int { starts.count }

    /// The string at `index`, which must be below `count`.
    public subscript(index: Int) -> UnsafePointer<CChar> {
        UnsafePointer(bytes.pointer + starts[index])
    }

    /// Its bytes without the zero.
    public func bytes(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        let string = self[index]
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(string).assumingMemoryBound(to: UInt8.self),
            count: strlen(string))
    }

    public func append(_ string: UnsafePointer<CChar>) throws {
        try append(string, length: strlen(string))
    }

    public func append(_ string: UnsafePointer<CChar>, length: Int) throws {
        try starts.reserve(1)
        let start = bytes.count
        try bytes.reserve(length + 1)
        try bytes.append(from: string, count: length)
        try bytes.append(0)
        try starts.append(start)
    }

    /// Puts the string at `source` into the place of an earlier one that is no longer needed.
    public func move(from source: Int, to target: Int) {
        starts[target] = starts[source]
    }

    public func removeLast(to remaining: Int) {
        starts.removeLast(to: remaining)
    }
}

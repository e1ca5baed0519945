import Runtime

/// Strings kept with a model, such as class names and normalization: UTF-8 without zeros, ordered
/// by the keys' bytes.
///
/// Their memory comes from the checked allocator, since hosts and files decide their length.
public struct Metadata: Sendable {
    public static let maximumKeyLength = 255
    public static let maximumValueLength = 1 << 20
    public static let maximumCount = 1_024
    /// Keys that begin so belong to the library's files.
    public static let reservedPrefix = "teleport."

    public struct Entry: Sendable {
        public let key: Buffer<UInt8>
        public let value: Buffer<UInt8>
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    public func value(of key: UnsafeBufferPointer<UInt8>) -> Buffer<UInt8>? {
        let position = position(of: key)
        return holds(key, at: position) ? entries[position].value : nil
    }

    /// Sets or, with nil, removes a value. On failure nothing has changed.
    public mutating func set(
        _ key: UnsafeBufferPointer<UInt8>, to value: UnsafeBufferPointer<UInt8>?
    ) throws {
        guard (1...Self.maximumKeyLength).contains(key.count) else {
            throw TeleportError.invalid(
                "a metadata key has 1 to \(Self.maximumKeyLength) bytes; this one has \(key.count)")
        }
        guard isUTF8(key) else { throw TeleportError.invalid("key is not UTF-8") }
        let name = String(decoding: key, as: UTF8.self)
        guard !key.starts(with: Self.reservedPrefix.utf8) else {
            throw TeleportError.invalid(
                "the metadata key \"\(name)\" begins with \"\(Self.reservedPrefix)\", which is the library's own"
            )
        }
        let position = position(of: key)
        let isThere = holds(key, at: position)
        guard let value else {
            if isThere { entries.remove(at: position) }
            return
        }
        guard value.count <= Self.maximumValueLength else {
            throw TeleportError.invalid(
                "the value of metadata key \"\(name)\" has \(value.count) bytes; the most is \(Self.maximumValueLength)"
            )
        }
        guard isUTF8(value) else { throw TeleportError.invalid("value is not UTF-8") }
        guard isThere || entries.count < Self.maximumCount else {
            throw TeleportError.invalid("a model holds at most \(Self.maximumCount) metadata keys")
        }
        let entry = Entry(key: try copy(key), value: try copy(value))
        if isThere { entries[position] = entry } else { entries.insert(entry, at: position) }
    }

    private func copy(_ bytes: UnsafeBufferPointer<UInt8>) throws -> Buffer<UInt8> {
        let copy = try Buffer<UInt8>(count: bytes.count)
        _ = copy.elements.update(fromContentsOf: bytes)
        return copy
    }

    /// Where the key is or would be.
    private func position(of key: UnsafeBufferPointer<UInt8>) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key.elements.lexicographicallyPrecedes(key) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private func holds(_ key: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position < entries.count && entries[position].key.elements.elementsEqual(key)
    }
}

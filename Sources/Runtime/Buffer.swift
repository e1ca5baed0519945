/// A block of `count` elements from the checked allocator, freed with its last reference.
public final class Buffer<Element: BitwiseCopyable>: @unchecked Sendable {
    public let pointer: UnsafeMutablePointer<Element>
    public let count: Int

    /// Elements are not initialized.
    public init(count: Int) throws {
        let bytes = try Memory.product(count, MemoryLayout<Element>.stride)
        pointer = try Memory.allocate(bytes: bytes).bindMemory(to: Element.self, capacity: count)
        self.count = count
    }

    public convenience init(repeating value: Element, count: Int) throws {
        try self.init(count: count)
        pointer.initialize(repeating: value, count: count)
    }

    public convenience init(copying source: UnsafePointer<Element>, count: Int) throws {
        try self.init(count: count)
        pointer.initialize(from: source, count: count)
    }

    deinit { Memory.free(UnsafeMutableRawPointer(pointer)) }

    public var elements: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }
}

extension Buffer {
    public convenience init(copying source: Buffer<Element>) throws {
        try self.init(copying: source.pointer, count: source.count)
    }
}

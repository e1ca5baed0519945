/// An array whose memory comes from the checked allocator, so that a folder or file of any size can
/// at worst be refused.
///
/// It is written while a data set or a file's header is built and only read afterwards.
public final class GrowingBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    private var storage: Buffer<Element>
    public private(set) var count = 0

    public init(capacity: Int = 0) throws {
        storage = try Buffer(count: capacity)
    }

    public var pointer: UnsafeMutablePointer<Element> { storage.pointer }

    public subscript(index: Int) -> Element {
        get { storage.pointer[index] }
        set { storage.pointer[index] = newValue }
    }

    public func reserve(_ extra: Int) throws {
        guard extra > storage.count - count else { return }
        let (needed, overflow) = count.addingReportingOverflow(extra)
        guard !overflow else { throw TeleportError(.outOfMemory, "a list is too long") }
        let larger = try Buffer<Element>(
            count: max(needed, Memory.product(storage.count, 2), 16))
        larger.pointer.update(from: storage.pointer, count: count)
        storage = larger
    }

    public func append(_ element: Element) throws {
        try reserve(1)
        storage.pointer[count] = element
        count += 1
    }

    public func append(from source: UnsafePointer<Element>, count added: Int) throws {
        try reserve(added)
        (storage.pointer + count).update(from: source, count: added)
        count += added
    }

    public func removeLast(to remaining: Int) {
        count = min(count, remaining)
    }
}

extension GrowingBuffer {
    public var elements: UnsafeMutableBufferPointer<Element> {
        UnsafeMutableBufferPointer(start: pointer, count: count)
    }
}

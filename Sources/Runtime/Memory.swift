import Glibc
import Synchronization

/// The checked allocator: every block whose size a host or a file decides comes from here, so that
/// a lack of memory is an error instead of the end of the process.
public enum Memory {
    /// Blocks begin on a cache line, which is also the width of the widest vector registers.
    public static let alignment = 64

    /// Number of allocations that still succeed before one fails; negative: none is made to fail.
    private static let allocationsLeft = Atomic<Int>(-1)

    /// Makes the allocation after the next `count` fail, once. For tests.
    public static func failAllocation(after count: Int) {
        allocationsLeft.store(count, ordering: .relaxed)
    }

    /// Ends what `failAllocation` began and tells whether the failure has happened.
    public static func endAllocationFailure() -> Bool {
        allocationsLeft.exchange(-1, ordering: .relaxed) < 0
    }

    private static func mustFail() -> Bool {
        guard allocationsLeft.load(ordering: .relaxed) >= 0 else { return false }
        return allocationsLeft.wrappingSubtract(1, ordering: .relaxed).oldValue == 0
    }

    public static func allocate(bytes: Int) throws -> UnsafeMutableRawPointer {
        var block: UnsafeMutableRawPointer?
        guard !mustFail(), posix_memalign(&block, alignment, max(bytes, 1)) == 0, let block else {
            throw TeleportError(.outOfMemory, "no memory for a block of \(bytes) bytes")
        }
        return block
    }

    public static func free(_ block: UnsafeMutableRawPointer) {
        Glibc.free(block)
    }

    /// The product of sizes that a host or a file decides, or an error where it has no place in an
    /// `Int`.
    public static func product(_ a: Int, _ b: Int) throws -> Int {
        let (value, overflow) = a.multipliedReportingOverflow(by: b)
        guard !overflow, a >= 0, b >= 0 else {
            throw TeleportError(.outOfMemory, "\(a) x \(b) elements are more than memory can hold")
        }
        return value
    }
}

import TestAllocations

/// Blocks that `body` allocates, on all threads; nil where a sanitizer has the allocator.
public func countAllocations(_ body: () -> Void) -> Int? {
    let before = test_allocation_count()
    body()
    let after = test_allocation_count()
    return before < 0 ? nil : after - before
}

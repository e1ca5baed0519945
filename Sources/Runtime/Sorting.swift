extension UnsafeMutableBufferPointer {
    /// Sorts in place without memory of its own, which the standard library's sort takes from
    /// Swift's allocator (a heap sort). The order of equal elements is not kept: `isBefore` must
    /// tell them apart where it matters.
    ///
    /// - Complexity: O(count log count)
    public func sortInPlace(by isBefore: (Element, Element) -> Bool) {
        for start in stride(from: count / 2 - 1, through: 0, by: -1) {
            sink(start, count, isBefore)
        }
        for end in stride(from: count - 1, to: 0, by: -1) {
            swapAt(0, end)
            sink(0, end, isBefore)
        }
    }

    /// Makes a heap, the last element on top, of the heaps below `root`.
    private func sink(_ start: Int, _ end: Int, _ isBefore: (Element, Element) -> Bool) {
        var root = start
        while 2 * root + 1 < end {
            var child = 2 * root + 1
            if child + 1 < end, isBefore(self[child], self[child + 1]) { child += 1 }
            guard isBefore(self[root], self[child]) else { return }
            swapAt(root, child)
            root = child
        }
    }
}

/// Samples of a storage that are wanted, in order: those at `positions` of a data set, or all from
/// `first` on.
struct Places: BitwiseCopyable {
    /// The data set's own order; nil: that of the storage.
    var order: UnsafePointer<Int>?
    var positions: UnsafePointer<Int>?
    var first = 0

    @inline(__always)
    subscript(i: Int) -> Int {
        let position = positions.map { $0[i] } ?? first &+ i
        return order.map { $0[position] } ?? position
    }
}

import Layers

/// Where a pass writes a layer's inputs in a frame's coordinates, for the gradient product to read.
struct FramedInput: BitwiseCopyable {
    /// Nil: the layer has no frame.
    let map: RowMap?
    /// Rows x inputs of the layer, and one more number a row.
    let values: UnsafeMutablePointer<Float>
    let ones: UnsafeMutablePointer<Float>?

    var isFramed: Bool { map != nil }

    func write(_ x: UnsafePointer<Float>, first: Int, count: Int) {
        guard let map else { return }
        map.apply(
            x, last: nil, rows: count, into: values + first &* map.width,
            lastOut: ones.map { $0 + first })
    }
}

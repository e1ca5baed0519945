import Layers

/// How a layer's gradient comes by the coordinates of its frame, on the cheaper side: the inputs of
/// a batch go through the map, or where these are more than the outputs, the gradient's rows.
struct FramedInput: BitwiseCopyable {
    /// Nil: the layer has no frame.
    let map: RowMap?
    let outputs: Int
    /// Rows x inputs of the layer, and one more number a row.
    let values: UnsafeMutablePointer<Float>
    let ones: UnsafeMutablePointer<Float>?
    /// A gradient in the weights' own coordinates, as the layer's parameters lie; of a shear the
    /// sums of deltas, which are the bias's.
    let gradient: UnsafeMutablePointer<Float>

    func mapsGradient(batch: Int) -> Bool {
        guard let map else { return false }
        return map.shift == nil && batch > outputs
    }

    /// Before the gradient of `batch` samples is summed: what is made of `x`, those of them from
    /// `first` on.
    func write(_ x: UnsafePointer<Float>, first: Int, count: Int, batch: Int) {
        guard let map, !mapsGradient(batch: batch) else { return }
        let ones = ones.map { $0 + first }
        guard map.shift == nil else {
            if let ones { map.shearOnes(x, rows: count, into: ones) }
            return
        }
        map.apply(x, last: nil, rows: count, into: values + first &* map.width, lastOut: ones)
    }

    /// A pass of the layer whose gradient is by the frame's coordinates, after `write`.
    func enter(_ pass: inout LayerPass) {
        guard let map else { return }
        pass.framedOnes = map.changesOnes ? UnsafePointer(ones) : nil
        if let shift = map.shift {
            pass.shift = (shift, gradient + outputs &* map.width)
        } else {
            pass.framedInput = UnsafePointer(values)
        }
    }

    /// target <- beta target + alpha (rows `first ..< first + count` of `gradient`, by the frame's
    /// coordinates).
    func map(
        into target: UnsafeMutablePointer<Float>, first: Int, count: Int, alpha: Float,
        beta: Float
    ) {
        guard let map else { return }
        let (weights, bias) = (first &* map.width, outputs &* map.width &+ first)
        let hasBias = ones != nil
        map.apply(
            gradient + weights, last: hasBias ? gradient + bias : nil, rows: count,
            into: target + weights, lastOut: hasBias ? target + bias : nil, alpha: alpha,
            beta: beta)
    }
}

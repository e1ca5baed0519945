import LinearAlgebra

// Frames of the outputs on the cheaper side: a gradient's rows are mixed by mixing the deltas that
// it is made of.
extension Workspace {
    /// The deltas of a layer <- deltas T for `count` samples, after a backward pass and before the
    /// gradient is summed, with a square T of the layer's `width`. `room` holds `rows` of them.
    public func multiplyDeltas(
        of layer: Int, by t: UnsafePointer<Float>, width: Int, count: Int,
        room: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let pass = self.pass(.training)
        guard let deltas = pass.deltas, pass.steps[layer].width == width else { return }
        for first in stride(from: 0, to: count, by: rows) {
            let part = min(rows, count - first)
            let own = deltas + pass.steps[layer].offset + first * width
            BLAS.multiply(
                own, stride: width, t, stride: width, into: room, stride: width, m: part,
                n: width, k: width)
            own.update(from: room, count: part * width)
        }
    }
}

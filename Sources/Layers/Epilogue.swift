import CShims

/// Bias and activation of a layer whose channels are the columns of its rows: one fused pass, and
/// its derivatives. The border of an image is never read or written.
struct Epilogue: Sendable {
    let shape: Shape
    let activation: Activation

    /// Of a layer that writes vectors or images of this shape.
    init(_ shape: Shape, activation: Activation) {
        self.shape = shape
        self.activation = activation
    }

    /// output <- f(output + bias)
    @inline(__always)
    func forward(_ pass: LayerPass, bias: UnsafePointer<Float>?) {
        guard shape.border > 0 else {
            let positions = shape.height &* shape.width
            activation.apply(
                pass.output, rows: pass.rows &* positions, width: shape.channels, bias: bias)
            return
        }
        guard bias != nil || activation.kind != .identity else { return }
        shape.forEachRun(pass.rows) { place, _ in
            activation.apply(
                pass.output + place, rows: shape.width, width: shape.channels, bias: bias)
        }
    }

    /// outputDelta <- outputDelta f'(z)
    @inline(__always)
    func backward(_ pass: LayerPass) {
        guard let delta = pass.outputDelta else { return }
        multiplyByDerivative(delta, pass)
    }

    @inline(__always)
    private func multiplyByDerivative(_ target: UnsafeMutablePointer<Float>, _ pass: LayerPass) {
        guard activation.kind != .identity else { return }
        let h = UnsafePointer(pass.output)
        shape.forEachRun(pass.rows) { place, count in
            activation.multiplyByDerivative(target + place, h: h + place, count: count)
        }
    }

    /// R h = f'(z) (R z + v_b), with R z in outputTangent.
    @inline(__always)
    func forwardTangent(_ pass: LayerPass, bias: UnsafePointer<Float>?) {
        if let bias {
            shape.forEachRun(pass.rows) { place, count in
                shim_add_bias(
                    pass.outputTangent + place, count / shape.channels, shape.channels, bias)
            }
        }
        multiplyByDerivative(pass.outputTangent, pass)
    }

    /// R delta <- R delta f'(z) + delta (f''(z) / f'(z)) R z
    @inline(__always)
    func backwardTangent(_ pass: LayerPass) {
        guard let delta = pass.outputDelta else { return }
        multiplyByDerivative(pass.outputDeltaTangent, pass)
        guard !activation.isPositivelyHomogeneous else { return }
        let h = UnsafePointer(pass.output)
        shape.forEachRun(pass.rows) { place, count in
            activation.addCurvature(
                pass.outputDeltaTangent + place, delta: UnsafePointer(delta) + place, h: h + place,
                tangent: UnsafePointer(pass.outputTangent) + place, count: count)
        }
    }

    /// bias <- beta bias + alpha (column sums of delta), for columns `first ..< first + count`;
    /// with `ones`, each row of delta times its own. An image has a row a position, its border
    /// included, which adds zeros.
    @inline(__always)
    func accumulate(
        _ delta: UnsafePointer<Float>, ones: UnsafePointer<Float>? = nil, rows: Int,
        into bias: UnsafeMutablePointer<Float>, first: Int, count: Int, alpha: Float, beta: Float
    ) {
        let width = shape.channels
        if shape.isVector {
            sum(delta + first, ones, rows, count, width, alpha, beta, bias + first)
            return
        }
        // A sample at a time: short sums round less.
        let positions = shape.storedCount / width
        for row in 0..<rows {
            sum(
                delta + (row &* shape.storedCount &+ first), ones.map { $0 + row &* positions },
                positions, count, width, alpha, row == 0 ? beta : 1, bias + first)
        }
    }

    @inline(__always)
    private func sum(
        _ delta: UnsafePointer<Float>, _ ones: UnsafePointer<Float>?, _ rows: Int, _ count: Int,
        _ stride: Int, _ alpha: Float, _ beta: Float, _ bias: UnsafeMutablePointer<Float>
    ) {
        if let ones {
            shim_weighted_column_sums(delta, rows, count, stride, ones, alpha, beta, bias)
        } else {
            shim_column_sums(delta, rows, count, stride, alpha, beta, bias)
        }
    }
}

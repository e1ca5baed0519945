import CShims

/// Bias and activation of a layer whose channels are the columns of its rows: one fused pass, and
/// its derivatives.
struct Epilogue: Sendable {
    let width: Int
    let activation: Activation

    /// output <- f(output + bias)
    @inline(__always)
    func forward(_ pass: LayerPass, bias: UnsafePointer<Float>?) {
        activation.apply(pass.output, rows: pass.rows, width: width, bias: bias)
    }

    /// outputDelta <- outputDelta f'(z)
    @inline(__always)
    func backward(_ pass: LayerPass) {
        guard let delta = pass.outputDelta else { return }
        activation.multiplyByDerivative(
            delta, h: UnsafePointer(pass.output), count: pass.rows &* width)
    }

    /// R h = f'(z) (R z + v_b), with R z in outputTangent.
    @inline(__always)
    func forwardTangent(_ pass: LayerPass, bias: UnsafePointer<Float>?) {
        if let bias { shim_add_bias(pass.outputTangent, pass.rows, width, bias) }
        activation.multiplyByDerivative(
            pass.outputTangent, h: UnsafePointer(pass.output), count: pass.rows &* width)
    }

    /// R delta <- R delta f'(z) + delta (f''(z) / f'(z)) R z
    @inline(__always)
    func backwardTangent(_ pass: LayerPass) {
        guard let delta = pass.outputDelta else { return }
        let (h, count) = (UnsafePointer(pass.output), pass.rows &* width)
        activation.multiplyByDerivative(pass.outputDeltaTangent, h: h, count: count)
        activation.addCurvature(
            pass.outputDeltaTangent, delta: UnsafePointer(delta), h: h,
            tangent: UnsafePointer(pass.outputTangent), count: count)
    }

    /// bias <- beta bias + alpha (column sums of delta), for columns `first ..< first + count`;
    /// with `ones`, each row of delta times its own.
    @inline(__always)
    func accumulate(
        _ delta: UnsafePointer<Float>, ones: UnsafePointer<Float>? = nil, rows: Int,
        into bias: UnsafeMutablePointer<Float>, first: Int, count: Int, alpha: Float, beta: Float
    ) {
        if let ones {
            shim_weighted_column_sums(
                delta + first, rows, count, width, ones, alpha, beta, bias + first)
        } else {
            shim_column_sums(delta + first, rows, count, width, alpha, beta, bias + first)
        }
    }
}

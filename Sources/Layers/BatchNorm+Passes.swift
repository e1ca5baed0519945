import CShims

// With x = (z - mean) / sigma and d = dy - mean(dy) - x mean(dy x):
//
//     dz = weight / sigma d
//     R sigma = mean(x (R z - mean R z))    R x = (R z - mean R z - x R sigma) / sigma
//     R y = v_weight x + weight R x + v_bias
//     R dz = (v_weight / sigma - weight R sigma / sigma^2) d
//         + weight / sigma (R dy - mean R dy - R x mean(dy x) - x mean(R dy x + dy R x))
//
// `gather` sums over the positions of each sample in floats, `meet` over samples in double; what
// it leaves are the factors of maps of each channel, which the passes apply.

extension BatchNorm {
    /// The running statistics take the place of the batch's.
    public func prepare(_ pass: LayerPass) {
        guard pass.mode == .running else { return }
        let (mean, variance) = (pass.statistics, pass.statistics + channels)
        for c in 0..<channels {
            let inverse = 1 / (Double(variance[c]) + epsilon).squareRoot()
            slot(pass, .mean)[c] = mean[c]
            slot(pass, .scale)[c] = Float(Double(pass.parameters[c]) * inverse)
        }
    }

    public func gather(_ pass: LayerPass, _ phase: PassPhase) {
        switch phase {
        case .forward:
            forEachSample(pass) { positions, z, _, kept in
                shim_channel_moments(
                    &positions, pass.input.value + z, kept, kept + channels)
            }
        case .backward:
            guard let delta = pass.outputDelta else { return }
            if !isRectifier { epilogue.backward(pass) }
            forEachSample(pass) { positions, z, y, kept in
                shim_channel_products(
                    &positions, pass.input.value + z, slot(pass, .mean), delta + y,
                    slope == 1 ? nil : UnsafePointer(pass.output) + y, slope, kept, kept + channels)
            }
        case .forwardTangent:
            guard let inputTangent = pass.input.tangent else { return }
            forEachSample(pass) { positions, z, _, kept in
                positions.y_stride = positions.x_stride
                shim_channel_products(
                    &positions, pass.input.value + z, slot(pass, .mean),
                    UnsafeMutablePointer(mutating: inputTangent) + z, nil, 1, kept, kept + channels)
            }
        case .backwardTangent:
            guard let delta = pass.outputDelta else { return }
            epilogue.backwardTangent(pass)
            forEachSample(pass) { positions, z, y, kept in
                shim_channel_products(
                    &positions, pass.input.value + z, slot(pass, .mean),
                    pass.outputDeltaTangent + y, nil, 1, kept, kept + channels)
                guard let inputTangent = pass.input.tangent else { return }
                shim_channel_products(
                    &positions, inputTangent + z, tangent(pass, .mean), delta + y, nil, 1, nil,
                    kept + 2 &* channels)
            }
        }
    }

    public func forward(_ pass: LayerPass) {
        let bias = pass.parameters + channels
        forEachSample(pass) { positions, z, y, _ in
            positions.out_stride = output.rowStride
            shim_channel_map(
                &positions, pass.input.value + z, slot(pass, .mean), slot(pass, .scale), nil, nil,
                bias, slope, 0, pass.output + y)
        }
        if !isRectifier { epilogue.forward(pass, bias: nil) }
    }

    /// `gather` has multiplied the delta by f'(z).
    public func backward(_ pass: LayerPass) {
        guard let delta = pass.outputDelta, let below = pass.input.delta else { return }
        forEachSample(pass) { positions, z, y, _ in
            shim_channel_map(
                &positions, pass.input.value + z, slot(pass, .mean), slot(pass, .deltaByInput),
                delta + y, slot(pass, .scale), slot(pass, .deltaConstant), 1,
                pass.input.addsDelta ? 1 : 0, below + z)
        }
    }

    public func forwardTangent(_ pass: LayerPass) {
        forEachSample(pass) { positions, z, y, _ in
            positions.y_stride = positions.x_stride
            positions.out_stride = output.rowStride
            shim_channel_map(
                &positions, pass.input.value + z, slot(pass, .mean), tangent(pass, .byInput),
                pass.input.tangent.map { $0 + z }, slot(pass, .scale), tangent(pass, .constant), 1,
                0,
                pass.outputTangent + y)
        }
        epilogue.forwardTangent(pass, bias: nil)
    }

    /// `gather` has done what comes before the norm.
    public func backwardTangent(_ pass: LayerPass) {
        guard let delta = pass.outputDelta, let below = pass.input.deltaTangent else { return }
        forEachSample(pass) { positions, z, y, _ in
            shim_channel_map(
                &positions, pass.input.value + z, slot(pass, .mean),
                tangent(pass, .deltaByInput), delta + y, tangent(pass, .deltaByDelta),
                tangent(pass, .deltaConstant), 1, pass.input.addsDelta ? 1 : 0, below + z)
            guard let inputTangent = pass.input.tangent else { return }
            shim_channel_map(
                &positions, inputTangent + z, tangent(pass, .mean),
                tangent(pass, .deltaByTangent), nil, nil, nil, 1, 1, below + z)
        }
        forEachSample(pass) { positions, z, y, _ in
            positions.x_stride = positions.y_stride
            shim_channel_map(
                &positions, pass.outputDeltaTangent + y, nil, slot(pass, .scale), nil, nil, nil, 1,
                1, below + z)
        }
    }

    public func accumulate(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, first: Int, count: Int,
        alpha: Float, beta: Float
    ) {
        add(slot(pass, .weightGradient), to: target, first, count, alpha, beta)
        add(slot(pass, .biasGradient), to: target + channels, first, count, alpha, beta)
    }

    public func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {
        add(tangent(pass, .weightGradient), to: target, 0, channels, 1, beta)
        add(tangent(pass, .biasGradient), to: target + channels, 0, channels, 1, beta)
    }

    private func add(
        _ sums: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, _ first: Int,
        _ count: Int, _ alpha: Float, _ beta: Float
    ) {
        for c in first..<first &+ count {
            target[c] = (beta == 0 ? 0 : beta * target[c]) + alpha * sums[c]
        }
    }

    /// f is z > 0 ? z : slope z, which the kernels do in passing.
    private var isRectifier: Bool { activation.isPositivelyHomogeneous }
    private var slope: Float { isRectifier ? activation.negativeSlope : 1 }

    /// Places of a sample's first value in the input and in the output, and what is kept of it.
    @inline(__always)
    private func forEachSample(
        _ pass: LayerPass,
        _ body: (inout shim_positions, _ z: Int, _ y: Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        let input = inputs[0]
        for row in 0..<pass.rows {
            var positions = shim_positions(
                height: input.height, width: input.width, channels: channels,
                x_stride: input.rowStride, y_stride: output.rowStride, out_stride: input.rowStride)
            body(
                &positions, row &* input.storedCount &+ input.interiorOffset,
                row &* output.storedCount &+ output.interiorOffset, pass.kept + row &* keptStride)
        }
    }
}

// What samples have gathered is joined in double, in the order of the samples.

extension BatchNorm {
    public func meet(_ pass: LayerPass, _ phase: PassPhase) {
        switch phase {
        case .forward: meetForward(pass)
        case .backward: meetBackward(pass)
        case .forwardTangent: meetForwardTangent(pass)
        case .backwardTangent: meetBackwardTangent(pass)
        }
    }

    /// The mean of the samples' means; squares about it are those about the samples' own, and what
    /// lies between (Chan).
    private func meetForward(_ pass: LayerPass) {
        let rows = Double(pass.rows)
        forEachBlock { first, lanes in
            let means = sum(pass, 0, first) / rows
            var between = SIMD8<Double>.zero
            for row in 0..<pass.rows {
                let distance = kept(pass, row, 0, first) - means
                between += distance * distance
            }
            let variances =
                (sum(pass, 1, first) / Double(positions) + between) / rows
            for lane in 0..<lanes {
                let c = first &+ lane
                let inverse = 1 / (variances[lane] + epsilon).squareRoot()
                slot(pass, .mean)[c] = Float(means[lane])
                slot(pass, .variance)[c] = Float(variances[lane])
                slot(pass, .inverse)[c] = Float(inverse)
                slot(pass, .scale)[c] = Float(Double(pass.parameters[c]) * inverse)
            }
        }
    }

    private func meetBackward(_ pass: LayerPass) {
        let count = Double(pass.rows) * Double(positions)
        forEachBlock { first, lanes in
            let (deltas, products) = (sum(pass, 0, first), sum(pass, 1, first))
            for lane in 0..<lanes {
                let c = first &+ lane
                let (inverse, scale) = factors(pass, c)
                let product = products[lane] * inverse
                slot(pass, .biasGradient)[c] = Float(deltas[lane])
                slot(pass, .weightGradient)[c] = Float(product)
                slot(pass, .deltaByInput)[c] = Float(-scale * inverse * product / count)
                slot(pass, .deltaConstant)[c] = Float(-scale * deltas[lane] / count)
            }
        }
    }

    private func meetForwardTangent(_ pass: LayerPass) {
        let count = Double(pass.rows) * Double(positions)
        let hasTangent = pass.input.tangent != nil
        forEachBlock { first, lanes in
            let tangents = hasTangent ? sum(pass, 0, first) : .zero
            let products = hasTangent ? sum(pass, 1, first) : .zero
            for lane in 0..<lanes {
                let c = first &+ lane
                let (inverse, scale) = factors(pass, c)
                let mean = tangents[lane] / count
                let spread = products[lane] * inverse / count
                let (weight, bias) = (pass.direction[c], pass.direction[c &+ channels])
                tangent(pass, .mean)[c] = Float(mean)
                tangent(pass, .spread)[c] = Float(spread)
                tangent(pass, .byInput)[c] = Float(inverse * (Double(weight) - scale * spread))
                tangent(pass, .constant)[c] = Float(Double(bias) - scale * mean)
            }
        }
    }

    private func meetBackwardTangent(_ pass: LayerPass) {
        let count = Double(pass.rows) * Double(positions)
        let hasTangent = pass.input.tangent != nil
        forEachBlock { first, lanes in
            let deltas = sum(pass, 0, first)
            let byInput = sum(pass, 1, first)
            let byTangent = hasTangent ? sum(pass, 2, first) : .zero
            for lane in 0..<lanes {
                let c = first &+ lane
                let (inverse, scale) = factors(pass, c)
                let spread = Double(tangent(pass, .spread)[c])
                let delta = Double(slot(pass, .biasGradient)[c]) / count
                let product = Double(slot(pass, .weightGradient)[c]) / count
                // The sum of R dy x + dy R x.
                let total =
                    inverse * (byInput[lane] + byTangent[lane] - spread * product * count)
                let ofDelta = inverse * Double(pass.direction[c]) - scale * inverse * spread
                tangent(pass, .biasGradient)[c] = Float(deltas[lane])
                tangent(pass, .weightGradient)[c] = Float(total)
                tangent(pass, .deltaByInput)[c] = Float(
                    inverse
                        * (scale * inverse * spread * product - ofDelta * product
                            - scale * total / count))
                tangent(pass, .deltaByDelta)[c] = Float(ofDelta)
                tangent(pass, .deltaByTangent)[c] = Float(-scale * inverse * product)
                tangent(pass, .deltaConstant)[c] = Float(
                    -ofDelta * delta - scale * deltas[lane] / count)
            }
        }
    }

    /// 1 / sigma and weight / sigma.
    @inline(__always)
    private func factors(_ pass: LayerPass, _ channel: Int) -> (inverse: Double, scale: Double) {
        let inverse = Double(slot(pass, .inverse)[channel])
        return (inverse, Double(pass.parameters[channel]) * inverse)
    }

    /// Eight channels at a time; of the last there may be fewer.
    @inline(__always)
    private func forEachBlock(_ body: (_ first: Int, _ lanes: Int) -> Void) {
        var first = 0
        while first < channels {
            body(first, min(8, channels &- first))
            first &+= 8
        }
    }

    /// The sum over samples of the kept numbers `place` of eight channels.
    @inline(__always)
    private func sum(_ pass: LayerPass, _ place: Int, _ first: Int) -> SIMD8<Double> {
        var total = SIMD8<Double>.zero
        for row in 0..<pass.rows { total += kept(pass, row, place, first) }
        return total
    }

    @inline(__always)
    private func kept(_ pass: LayerPass, _ row: Int, _ place: Int, _ first: Int) -> SIMD8<Double> {
        let numbers = pass.kept + (row &* keptStride &+ place &* channels &+ first)
        return SIMD8<Double>(UnsafeRawPointer(numbers).loadUnaligned(as: SIMD8<Float>.self))
    }
}

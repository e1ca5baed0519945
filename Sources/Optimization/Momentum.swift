import Runtime

/// Gradient descent with momentum as PyTorch has it: M <- mu M + G, W <- W - learningRate M, or
/// with Nesterov's W <- W - learningRate (G + mu M). The first step takes M = G.
struct Momentum: OptimizerRule {
    let isNesterov: Bool
    var keepsGradients: Bool { true }

    /// Nesterov's needs the gradient by itself.
    func rows(_ step: OptimizerStep) -> RowStep? {
        guard !isNesterov, let weights = step.weights, let moments = step.gradients else {
            return nil
        }
        return .momentum(
            MomentumStep(
                weights: weights, moments: moments, momentum: Float(step.config.momentum),
                rate: Float(step.rate), decay: step.decay))
    }

    func take(_ step: OptimizerStep) {
        guard let moments = step.gradients else { return }
        guard let weights = step.weights else { return takeInPlace(step, moments) }
        let (rate, decay, gradient) = (Float(step.rate), step.decay, step.gradient)
        let (momentum, isNesterov) = (Float(step.config.momentum), isNesterov)
        forEachVector(step.count) { i in
            let old = load(weights + i)
            let slope = load(gradient + i) + decay * old
            let moment = momentum * load(moments + i) + slope
            store(moment, moments + i)
            store(old - rate * (isNesterov ? slope + momentum * moment : moment), weights + i)
        } tail: { i in
            let slope = gradient[i] + decay * weights[i]
            moments[i] = momentum * moments[i] + slope
            weights[i] -= rate * (isNesterov ? slope + momentum * moments[i] : moments[i])
        }
    }

    private func takeInPlace(_ step: OptimizerStep, _ moments: UnsafeMutablePointer<Float>) {
        let (place, rate) = (step.place, Float(step.rate))
        let (momentum, isNesterov) = (Float(step.config.momentum), isNesterov)
        forEachVector(step.count) { i in
            let slope = load(place + i)
            let moment = momentum * load(moments + i) + slope
            store(moment, moments + i)
            store(-rate * (isNesterov ? slope + momentum * moment : moment), place + i)
        } tail: { i in
            let slope = place[i]
            moments[i] = momentum * moments[i] + slope
            place[i] = -rate * (isNesterov ? slope + momentum * moments[i] : moments[i])
        }
    }
}

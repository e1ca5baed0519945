import Runtime

/// Gradient descent with momentum: M <- mu M + G, W <- W - learningRate M. The first step takes M =
/// G.
struct Momentum: OptimizerRule {
    var keepsGradients: Bool { true }

    func take(_ step: OptimizerStep) {
        guard let weights = step.weights, let moments = step.gradients else { return }
        let (rate, decay, gradient) = (Float(step.rate), step.decay, step.gradient)
        let momentum = Float(step.config.momentum)
        forEachVector(step.count) { i in
            let old = load(weights + i)
            let moment = momentum * load(moments + i) + (load(gradient + i) + decay * old)
            store(moment, moments + i)
            store(old - rate * moment, weights + i)
        } tail: { i in
            moments[i] = momentum * moments[i] + (gradient[i] + decay * weights[i])
            weights[i] -= rate * moments[i]
        }
    }
}

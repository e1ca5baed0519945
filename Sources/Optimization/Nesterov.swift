import Runtime

/// Nesterov's momentum as PyTorch has it: M <- mu M + G, W <- W - learningRate (G + mu M).
struct Nesterov: OptimizerRule {
    var keepsGradients: Bool { true }

    func take(_ step: OptimizerStep) {
        guard let weights = step.weights, let moments = step.gradients else { return }
        let (rate, decay, gradient) = (Float(step.rate), step.decay, step.gradient)
        let momentum = Float(step.config.momentum)
        forEachVector(step.count) { i in
            let old = load(weights + i)
            let slope = load(gradient + i) + decay * old
            let moment = momentum * load(moments + i) + slope
            store(moment, moments + i)
            store(old - rate * (slope + momentum * moment), weights + i)
        } tail: { i in
            let slope = gradient[i] + decay * weights[i]
            moments[i] = momentum * moments[i] + slope
            weights[i] -= rate * (slope + momentum * moments[i])
        }
    }
}

import Runtime

/// Plain stochastic gradient descent: W <- W - learningRate (G + weightDecay W).
struct SGD: OptimizerRule {
    func linearStep(_ config: OptimizerConfig, rate: Double) -> (alpha: Float, beta: Float)? {
        (-Float(rate), Float(1 - rate * config.resolvedWeightDecay))
    }

    func take(_ step: OptimizerStep) {
        guard let weights = step.weights,
            let (alpha, beta) = linearStep(step.config, rate: step.rate)
        else { return }
        forEachVector(step.count) { i in
            store(beta * load(weights + i) + alpha * load(step.gradient + i), weights + i)
        } tail: { i in
            weights[i] = beta * weights[i] + alpha * step.gradient[i]
        }
    }
}

import Runtime

/// Plain stochastic gradient descent: W <- W - learningRate (G + weightDecay W).
struct SGD: OptimizerRule {
    func linearStep(_ config: OptimizerConfig, rate: Double) -> (alpha: Float, beta: Float)? {
        (-Float(rate), Float(1 - rate * config.resolvedWeightDecay))
    }

    func take(_ step: OptimizerStep) {
        guard let (alpha, beta) = linearStep(step.config, rate: step.rate) else { return }
        guard let weights = step.weights else {
            let place = step.place
            return forEachVector(step.count) { i in
                store(alpha * load(place + i), place + i)
            } tail: { i in
                place[i] *= alpha
            }
        }
        forEachVector(step.count) { i in
            store(beta * load(weights + i) + alpha * load(step.gradient + i), weights + i)
        } tail: { i in
            weights[i] = beta * weights[i] + alpha * step.gradient[i]
        }
    }
}

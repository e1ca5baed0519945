import CShims

/// AdaGrad (Duchi, Hazan and Singer, JMLR 12, 2011): S <- S + G^2,
/// W <- W - learningRate G / (sqrt(S) + epsilon).
struct AdaGrad: OptimizerRule {
    var keepsSquares: Bool { true }
    var stepsInPlace: Bool { true }

    func take(_ step: OptimizerStep) { adaptiveStep(step)?.run() }

    func rows(_ step: OptimizerStep) -> RowStep? { adaptiveStep(step).map { .adaptive($0) } }

    private func adaptiveStep(_ step: OptimizerStep) -> AdaptiveStep? {
        AdaptiveStep(
            step,
            shim_adaptive(
                rate: Float(step.rate), beta1: 0, rest1: 1, beta2: 1, rest2: 1, root: 1,
                epsilon: Float(step.config.resolvedEpsilon), decay: step.decay, kept: 1)
        )
    }
}

import CShims

/// AdaGrad (Duchi, Hazan and Singer, JMLR 12, 2011): S <- S + G^2,
/// W <- W - learningRate G / (sqrt(S) + epsilon).
struct AdaGrad: OptimizerRule {
    var keepsSquares: Bool { true }

    func adaptive(_ step: OptimizerStep) -> AdaptiveStep? {
        AdaptiveStep(
            step,
            shim_adaptive(
                rate: Float(step.rate), beta1: 0, rest1: 1, beta2: 1, rest2: 1, root: 1,
                epsilon: Float(step.config.resolvedEpsilon), decay: step.decay, kept: 1)
        )
    }
}

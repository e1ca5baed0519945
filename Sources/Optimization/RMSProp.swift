import CShims

/// RMSProp (Tieleman and Hinton, 2012): S <- alpha S + (1 - alpha) G^2,
/// W <- W - learningRate G / (sqrt(S) + epsilon).
struct RMSProp: OptimizerRule {
    var keepsSquares: Bool { true }

    func adaptive(_ step: OptimizerStep) -> AdaptiveStep? {
        let alpha = step.config.alpha
        return AdaptiveStep(
            step,
            shim_adaptive(
                rate: Float(step.rate), beta1: 0, rest1: 1, beta2: Float(alpha),
                rest2: Float(1 - alpha), root: 1, epsilon: Float(step.config.resolvedEpsilon),
                decay: step.decay, kept: 1)
        )
    }
}

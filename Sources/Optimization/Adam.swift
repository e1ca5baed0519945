import CShims
import Glibc

/// Adam (Kingma and Ba, arXiv 1412.6980), and AdamW (Loshchilov and Hutter, arXiv 1711.05101):
/// M <- beta1 M + (1 - beta1) G,  S <- beta2 S + (1 - beta2) G^2,
/// W <- W - learningRate M / (1 - beta1^t) / (sqrt(S / (1 - beta2^t)) + epsilon)
struct Adam: OptimizerRule {
    /// AdamW: the decay shrinks the weights; otherwise it is added to the gradient.
    let decaysBeside: Bool
    var keepsGradients: Bool { true }
    var keepsSquares: Bool { true }

    func adaptive(_ step: OptimizerStep) -> AdaptiveStep? {
        let (steps, config) = (Double(step.state.steps), step.config)
        let (beta1, beta2) = (config.gradientBeta1, config.beta2)
        return AdaptiveStep(
            step,
            shim_adaptive(
                rate: Float(step.rate / (1 - pow(beta1, steps))), beta1: Float(beta1),
                rest1: Float(1 - beta1), beta2: Float(beta2), rest2: Float(1 - beta2),
                root: Float(1 / (1 - pow(beta2, steps)).squareRoot()),
                epsilon: Float(config.resolvedEpsilon), decay: decaysBeside ? 0 : step.decay,
                kept: decaysBeside ? Float(1 - step.rate * config.resolvedWeightDecay) : 1)
        )
    }
}

import CShims
import Glibc

/// The step that Adam and AdamW share; they differ in where the weight decay goes.
struct AdaptiveMoments {
    private let options: OptimizerConfig
    private let learningRate: Double
    /// The decay shrinks the weights; otherwise it is added to the gradient.
    private let decoupledDecay: Bool

    init(_ options: OptimizerConfig, learningRate: Double, decoupledDecay: Bool) {
        self.options = options
        self.learningRate = learningRate
        self.decoupledDecay = decoupledDecay
    }

    /// M <- beta1 M + (1 - beta1) G,  S <- beta2 S + (1 - beta2) G^2,
    /// W <- W - learningRate M / (1 - beta1^t) / (sqrt(S / (1 - beta2^t)) + epsilon)
    func step(
        _ parameters: UnsafeMutablePointer<Float>?, gradient: UnsafePointer<Float>, count: Int,
        _ state: OptimizerState
    ) {
        guard let moments = state.firstMoments?.pointer, let squares = state.secondMoments?.pointer
        else { return }
        state.steps += 1
        let steps = Double(state.steps)
        let decay = options.resolvedWeightDecay
        let beta1 = options.gradientBeta1
        let factors = shim_adaptive(
            rate: Float(learningRate / (1 - pow(beta1, steps))),
            beta1: Float(beta1), rest1: Float(1 - beta1),
            beta2: Float(options.beta2), rest2: Float(1 - options.beta2),
            root: Float(1 / (1 - pow(options.beta2, steps)).squareRoot()),
            epsilon: Float(options.resolvedEpsilon), decay: decoupledDecay ? 0 : Float(decay),
            kept: decoupledDecay ? Float(1 - learningRate * decay) : 1)
        AdaptiveStep(
            weights: parameters, gradient: gradient, moments: moments, squares: squares,
            count: count, factors: factors
        ).run()
    }
}

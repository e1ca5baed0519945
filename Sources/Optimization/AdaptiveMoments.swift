import Glibc
import Runtime

/// The step that Adam and AdamW share; they differ in where the weight decay goes.
struct AdaptiveMoments {
    private let options: OptimizerOptions
    private let learningRate: Double
    /// The decay shrinks the weights; otherwise it is added to the gradient.
    private let decoupledDecay: Bool

    init(_ options: OptimizerOptions, learningRate: Double, decoupledDecay: Bool) {
        self.options = options
        self.learningRate = learningRate
        self.decoupledDecay = decoupledDecay
    }

    /// M <- beta1 M + (1 - beta1) G,  S <- beta2 S + (1 - beta2) G^2,
    /// W <- W - learningRate M / (1 - beta1^t) / (sqrt(S / (1 - beta2^t)) + epsilon)
    func step(
        _ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, count: Int,
        _ state: OptimizerState
    ) {
        guard let moments = state.firstMoments?.pointer, let squares = state.secondMoments?.pointer
        else { return }
        state.steps += 1
        let beta1 = Float(options.beta1)
        let rest1 = Float(1 - options.beta1)
        let beta2 = Float(options.beta2)
        let rest2 = Float(1 - options.beta2)
        let steps = Double(state.steps)
        let rate = Float(learningRate / (1 - pow(options.beta1, steps)))
        let root = Float(1 / (1 - pow(options.beta2, steps)).squareRoot())
        let epsilon = Float(options.resolvedEpsilon)
        let decay = options.resolvedWeightDecay
        let added = decoupledDecay ? 0 : Float(decay)
        let kept = decoupledDecay ? Float(1 - learningRate * decay) : 1
        forEachVector(count) { i in
            let weights = load(parameters + i)
            let slope = load(gradient + i) + added * weights
            let moment = beta1 * load(moments + i) + rest1 * slope
            let square = beta2 * load(squares + i) + rest2 * slope * slope
            store(moment, moments + i)
            store(square, squares + i)
            store(
                kept * weights - rate * moment / (root * square.squareRoot() + epsilon),
                parameters + i)
        } tail: { i in
            let slope = gradient[i] + added * parameters[i]
            moments[i] = beta1 * moments[i] + rest1 * slope
            squares[i] = beta2 * squares[i] + rest2 * slope * slope
            parameters[i] = kept * parameters[i]
                - rate * moments[i] / (root * squares[i].squareRoot() + epsilon)
        }
    }
}

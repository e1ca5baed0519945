import CShims

/// RMSProp (Tieleman and Hinton, 2012): S <- alpha S + (1 - alpha) G^2, W <- W - learningRate G /
/// (sqrt(S) + epsilon).
public final class RMSProp: Optimizer {
    public var learningRate: Double
    public let state: OptimizerState
    public let options: OptimizerConfig
    private let parameterCount: Int

    public init(_ options: OptimizerConfig, parameterCount: Int) throws {
        self.options = options
        self.parameterCount = parameterCount
        learningRate = options.learningRate
        state = try OptimizerState(
            options, parameterCount: parameterCount, first: false, second: true)
    }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        step(optional: parameters, gradient: gradient)
    }

    public func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) -> Bool {
        step(optional: nil, gradient: gradient)
        return true
    }

    private func step(
        optional parameters: UnsafeMutablePointer<Float>?, gradient: UnsafePointer<Float>
    ) {
        guard let squares = state.secondMoments?.pointer else { return }
        state.steps += 1
        let factors = shim_adaptive(
            rate: Float(learningRate), beta1: 0, rest1: 1, beta2: Float(options.alpha),
            rest2: Float(1 - options.alpha), root: 1, epsilon: Float(options.resolvedEpsilon),
            decay: Float(options.resolvedWeightDecay), kept: 1)
        AdaptiveStep(
            weights: parameters, gradient: gradient, moments: nil, squares: squares,
            count: parameterCount, factors: factors
        ).run()
    }

    public func fresh() throws -> any Optimizer {
        try RMSProp(options, parameterCount: parameterCount)
    }
}

import Runtime

/// AdamW (Loshchilov and Hutter, arXiv 1711.05101): Adam with weight decay beside the gradient.
public final class AdamW: Optimizer {
    public var learningRate: Double
    public let state: OptimizerState
    public let options: OptimizerConfig
    private let parameterCount: Int

    public init(_ options: OptimizerConfig, parameterCount: Int) throws {
        self.options = options
        self.parameterCount = parameterCount
        learningRate = options.learningRate
        state = try OptimizerState(
            options, parameterCount: parameterCount, first: true, second: true)
    }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        AdaptiveMoments(options, learningRate: learningRate, decoupledDecay: true)
            .step(parameters, gradient: gradient, count: parameterCount, state)
    }

    public func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) -> Bool {
        AdaptiveMoments(options, learningRate: learningRate, decoupledDecay: true)
            .step(nil, gradient: gradient, count: parameterCount, state)
        return true
    }

    public func fresh() throws -> any Optimizer {
        try AdamW(options, parameterCount: parameterCount)
    }
}

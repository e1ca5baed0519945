import Runtime

/// Adam (Kingma and Ba, arXiv 1412.6980), weight decay added to the gradient.
public final class Adam: Optimizer {
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
        AdaptiveMoments(options, learningRate: learningRate, decoupledDecay: false)
            .step(parameters, gradient: gradient, count: parameterCount, state)
    }

    public func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) -> Bool {
        AdaptiveMoments(options, learningRate: learningRate, decoupledDecay: false)
            .step(nil, gradient: gradient, count: parameterCount, state)
        return true
    }

    public func fresh() throws -> any Optimizer {
        try Adam(options, parameterCount: parameterCount)
    }
}

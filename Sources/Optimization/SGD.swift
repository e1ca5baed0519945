import Runtime

/// Plain stochastic gradient descent: W <- W - learningRate (G + weightDecay W).
public final class SGD: Optimizer {
    public var learningRate: Double
    public let state: OptimizerState
    public let options: OptimizerConfig
    private let parameterCount: Int

    public init(_ options: OptimizerConfig, parameterCount: Int) throws {
        self.options = options
        self.parameterCount = parameterCount
        learningRate = options.learningRate
        state = try OptimizerState(
            options, parameterCount: parameterCount, first: false, second: false)
    }

    public var linearStep: (alpha: Float, beta: Float)? {
        (-Float(learningRate), Float(1 - learningRate * options.resolvedWeightDecay))
    }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        let rate = Float(learningRate)
        let kept = Float(1 - learningRate * options.resolvedWeightDecay)
        forEachVector(parameterCount) { i in
            store(kept * load(parameters + i) - rate * load(gradient + i), parameters + i)
        } tail: { i in
            parameters[i] = kept * parameters[i] - rate * gradient[i]
        }
    }

    public func fresh() throws -> any Optimizer {
        try SGD(options, parameterCount: parameterCount)
    }
}

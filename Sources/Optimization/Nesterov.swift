import Runtime

/// Nesterov's momentum as PyTorch has it: M <- mu M + G, W <- W - learningRate (G + mu M).
public final class Nesterov: Optimizer {
    public var learningRate: Double
    public let state: OptimizerState
    public let options: OptimizerConfig
    private let parameterCount: Int

    public init(_ options: OptimizerConfig, parameterCount: Int) throws {
        self.options = options
        self.parameterCount = parameterCount
        learningRate = options.learningRate
        state = try OptimizerState(
            options, parameterCount: parameterCount, first: true, second: false)
    }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        guard let moments = state.firstMoments?.pointer else { return }
        let rate = Float(learningRate)
        let momentum = Float(options.momentum)
        let decay = Float(options.resolvedWeightDecay)
        state.steps += 1
        forEachVector(parameterCount) { i in
            let weights = load(parameters + i)
            let slope = load(gradient + i) + decay * weights
            let moment = momentum * load(moments + i) + slope
            store(moment, moments + i)
            store(weights - rate * (slope + momentum * moment), parameters + i)
        } tail: { i in
            let slope = gradient[i] + decay * parameters[i]
            moments[i] = momentum * moments[i] + slope
            parameters[i] -= rate * (slope + momentum * moments[i])
        }
    }

    public func fresh() throws -> any Optimizer {
        try Nesterov(options, parameterCount: parameterCount)
    }
}

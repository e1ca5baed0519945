import Runtime

/// Gradient descent with momentum: M <- mu M + G, W <- W - learningRate M. The first step takes M =
/// G.
public final class Momentum: Optimizer {
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
            let moment = momentum * load(moments + i) + (load(gradient + i) + decay * weights)
            store(moment, moments + i)
            store(weights - rate * moment, parameters + i)
        } tail: { i in
            moments[i] = momentum * moments[i] + (gradient[i] + decay * parameters[i])
            parameters[i] -= rate * moments[i]
        }
    }

    public func fresh() throws -> any Optimizer {
        try Momentum(options, parameterCount: parameterCount)
    }
}

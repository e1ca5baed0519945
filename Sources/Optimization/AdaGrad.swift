import Runtime

/// AdaGrad (Duchi, Hazan and Singer, JMLR 12, 2011): S <- S + G^2, W <- W - learningRate G / (sqrt(S) + epsilon).
public final class AdaGrad: Optimizer {
    public var learningRate: Double
    public let state: OptimizerState
    private let options: OptimizerOptions
    private let parameterCount: Int

    public init(_ options: OptimizerOptions, parameterCount: Int) throws {
        self.options = options
        self.parameterCount = parameterCount
        learningRate = options.learningRate
        state = try OptimizerState(parameterCount: parameterCount, first: false, second: true)
    }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        guard let squares = state.secondMoments?.pointer else { return }
        let rate = Float(learningRate)
        let epsilon = Float(options.resolvedEpsilon)
        let decay = Float(options.resolvedWeightDecay)
        state.steps += 1
        forEachVector(parameterCount) { i in
            let weights = load(parameters + i)
            let slope = load(gradient + i) + decay * weights
            let square = load(squares + i) + slope * slope
            store(square, squares + i)
            store(weights - rate * slope / (square.squareRoot() + epsilon), parameters + i)
        } tail: { i in
            let slope = gradient[i] + decay * parameters[i]
            squares[i] += slope * slope
            parameters[i] -= rate * slope / (squares[i].squareRoot() + epsilon)
        }
    }

    public func fresh() throws -> any Optimizer {
        try AdaGrad(options, parameterCount: parameterCount)
    }
}

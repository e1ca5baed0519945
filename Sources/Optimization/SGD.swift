import Runtime

/// Plain stochastic gradient descent: W <- W - learningRate G.
public final class SGD: Optimizer {
    public var learningRate: Double
    private let parameterCount: Int

    public init(learningRate: Double, parameterCount: Int) {
        self.learningRate = learningRate
        self.parameterCount = parameterCount
    }

    public var linearStep: (alpha: Float, beta: Float)? { (-Float(learningRate), 1) }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        addScaled(gradient, by: -Float(learningRate), to: parameters, count: parameterCount)
    }

    public func copy() throws -> any Optimizer {
        SGD(learningRate: learningRate, parameterCount: parameterCount)
    }

    public func restore(from copy: any Optimizer) {
        learningRate = copy.learningRate
    }
}

import Networks

/// What a search makes larger or smaller, as a function of the weights.
protocol ObjectiveFunction: AnyObject {
    /// The value at the model's weights.
    func value(_ model: Model) throws -> Double

    /// The value with what else came of computing it.
    func measure(_ model: Model) throws -> Measured

    /// The value, and its derivative by the weights into `covector` (parameterCount).
    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double
}

struct Measured {
    let value: Double
    /// Of the objective's samples, where it is known.
    var loss: Double?
}

extension ObjectiveFunction {
    func measure(_ model: Model) throws -> Measured { Measured(value: try value(model)) }
}

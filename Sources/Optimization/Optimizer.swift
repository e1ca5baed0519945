import Networks
import Runtime

/// A rule that turns gradients into steps, with the state it carries from step to step.
///
/// One object serves one model; a rollout works on a copy and leaves the original alone.
public protocol Optimizer: AnyObject {
    var learningRate: Double { get set }

    /// When a step is `parameters <- beta parameters + alpha gradient`, those factors: the step then is one
    /// matrix product a layer and the gradient is never stored. Otherwise nil.
    var linearStep: (alpha: Float, beta: Float)? { get }

    /// One step. Arrays have the model's parameter count.
    func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>)

    /// An optimizer with the same settings and a copy of the state.
    func copy() throws -> any Optimizer

    /// Takes over settings and state from a copy of this optimizer. Allocates nothing and cannot fail.
    func restore(from copy: any Optimizer)
}

/// Which optimizer; raw values are those of `tp_optimizer`.
public enum OptimizerKind: Int32, Sendable {
    case sgd = 0
}

/// The fields of `tp_optimizer_config`.
public struct OptimizerOptions: Sendable {
    public var kind = OptimizerKind.sgd
    public var learningRate = 0.01

    public init() {}

    public func makeOptimizer(parameterCount: Int) throws -> any Optimizer {
        try Self.validate(learningRate: learningRate)
        switch kind {
        case .sgd: return SGD(learningRate: learningRate, parameterCount: parameterCount)
        }
    }

    public static func validate(learningRate: Double) throws {
        guard learningRate.isFinite, learningRate >= 0, Float(learningRate).isFinite else {
            throw TeleportError.invalid(
                "learning_rate is \(learningRate); it must be finite and not negative")
        }
    }
}

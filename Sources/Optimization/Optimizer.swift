import Networks
import Runtime

/// A rule that turns gradients into steps, with the state it carries from step to step.
///
/// One object serves one model; a rollout works on a copy and leaves the original alone. Formulas
/// and defaults are those of PyTorch's `torch.optim`.
public protocol Optimizer: AnyObject {
    /// The rate of the next step.
    var learningRate: Double { get set }

    /// What shrinks the weights, or is added to their gradients, in each step.
    var weightDecay: Double { get }

    /// When a step is `parameters <- beta parameters + alpha gradient`, those factors: the step
    /// then is one matrix product a layer and the gradient is never stored. Otherwise nil.
    var linearStep: (alpha: Float, beta: Float)? { get }

    /// One step. Arrays have the model's parameter count.
    func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>)

    /// What the optimizer remembers.
    var state: OptimizerState { get }

    /// An optimizer with the same settings and empty state.
    func fresh() throws -> any Optimizer
}

/// The memory of an optimizer: averages of gradients, averages of their squares, and the steps
/// behind them.
public final class OptimizerState {
    /// Averages that move like gradients under a change of the weights' scale.
    public let firstMoments: Buffer<Float>?
    /// Averages that move like squares of gradients.
    public let secondMoments: Buffer<Float>?
    /// Steps that the averages have seen.
    public var steps = 0

    init(parameterCount: Int, first: Bool, second: Bool) throws {
        firstMoments = first ? try Buffer(repeating: 0, count: parameterCount) : nil
        secondMoments = second ? try Buffer(repeating: 0, count: parameterCount) : nil
    }

    /// Forgets everything.
    public func reset() {
        steps = 0
        for moments in [firstMoments, secondMoments] {
            moments?.pointer.update(repeating: 0, count: moments?.count ?? 0)
        }
    }

    /// Takes over the memory of an optimizer of the same kind. Allocates nothing and cannot fail.
    public func restore(from other: OptimizerState) {
        steps = other.steps
        for (own, theirs) in [
            (firstMoments, other.firstMoments), (secondMoments, other.secondMoments),
        ] {
            guard let own, let theirs else { continue }
            own.pointer.update(from: theirs.pointer, count: min(own.count, theirs.count))
        }
    }
}

extension Optimizer {
    public var linearStep: (alpha: Float, beta: Float)? { nil }

    /// An optimizer with the same settings and a copy of the state.
    public func copy() throws -> any Optimizer {
        let copy = try fresh()
        copy.restore(from: self)
        return copy
    }

    /// Takes over rate and state from a copy of this optimizer. Allocates nothing and cannot fail.
    public func restore(from copy: any Optimizer) {
        learningRate = copy.learningRate
        state.restore(from: copy.state)
    }
}

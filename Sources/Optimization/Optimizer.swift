import Networks
import Runtime

/// A rule that turns gradients into steps, with the state it carries from step to step.
///
/// One object serves one model; a rollout works on a copy and leaves the original alone. Formulas
/// and defaults are those of PyTorch's `torch.optim`.
public protocol Optimizer: AnyObject {
    /// The rate of the next step.
    var learningRate: Double { get set }

    /// When a step is `parameters <- beta parameters + alpha gradient`, those factors: the step
    /// then is one matrix product a layer and the gradient is never stored. Otherwise nil.
    var linearStep: (alpha: Float, beta: Float)? { get }

    /// One step. Arrays have the model's parameter count.
    func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>)

    /// The step itself, without decay, in the gradient's place; false, and nothing done, where
    /// there is no such way.
    func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) -> Bool

    var options: OptimizerConfig { get }

    /// What the optimizer remembers.
    var state: OptimizerState { get }

    /// An optimizer with the same settings and empty state.
    func fresh() throws -> any Optimizer
}

extension Optimizer {
    /// What shrinks the weights, or is added to their gradients, in each step.
    public var weightDecay: Double { options.resolvedWeightDecay }

    public var linearStep: (alpha: Float, beta: Float)? { nil }

    public func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) -> Bool { false }

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

import Networks
import Runtime

/// A rule that turns gradients into steps, with the state it carries from step to step.
///
/// One object serves one model; a rollout works on a copy and leaves the original alone.
public final class Optimizer {
    /// The rate of the next step.
    public var learningRate: Double
    public let options: OptimizerConfig
    /// What the optimizer remembers.
    public let state: OptimizerState
    /// The rule, where it is DoG, which measures before it steps.
    let dog: DoG?

    private let rule: any OptimizerRule
    /// There are averages, whose steps are counted.
    private let remembers: Bool
    private let hasRowSteps: Bool
    private let parameterCount: Int
    private let layers: [Range<Int>]

    /// `layers`: each layer's parameters; DoG has a radius for each.
    init(_ options: OptimizerConfig, parameterCount: Int, layers: [Range<Int>]) throws {
        self.options = options
        self.parameterCount = parameterCount
        self.layers = layers
        dog =
            options.kind == .dog
            ? try DoG(options, parameterCount: parameterCount, layers: layers) : nil
        rule = dog ?? options.kind.rule
        hasRowSteps = dog == nil && options.kind != .sgd && options.kind != .nesterov
        remembers = dog != nil || rule.keepsGradients || rule.keepsSquares
        learningRate = dog == nil ? options.learningRate : 1
        state = try OptimizerState(
            options, parameterCount: parameterCount, first: rule.keepsGradients,
            second: rule.keepsSquares, radii: dog?.radiusCount ?? 0)
    }

    /// When a step is `parameters <- beta parameters + alpha gradient`, those factors: the step
    /// then is one matrix product a layer and the gradient is never stored. Otherwise nil.
    public var linearStep: (alpha: Float, beta: Float)? {
        rule.linearStep(options, rate: learningRate)
    }

    /// One step. Arrays have the model's parameter count.
    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        step(parameters, gradient: gradient, averaging: nil)
    }

    /// The next step for rows of weights; it counts as taken. Nil, and nothing done, where the
    /// rule has no such way.
    func beginRows(
        _ weights: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>
    ) -> RowStep? {
        hasRowSteps ? rule.rows(next(weights, gradient)) : nil
    }

    /// The same, and the average of the weights after it.
    func step(
        _ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
        averaging: AveragingPass?
    ) {
        rule.take(next(parameters, gradient, averaging))
        if dog == nil { averaging?.run(0..<parameterCount) }
    }

    /// The step itself, without decay, in the gradient's place.
    func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) {
        rule.take(next(nil, gradient))
    }

    /// The same for part after part: what makes a part of the gradient its step where this is
    /// elementwise; else it is in the gradient's place, but for a factor of DoG's.
    func stepByParts(_ gradient: UnsafeMutablePointer<Float>) -> AdaptiveStep? {
        let step = next(nil, gradient)
        if let adaptive = rule.adaptive(step) { return adaptive }
        if let dog {
            dog.sum(step)
        } else {
            rule.take(step)
        }
        return nil
    }

    /// Counts the step.
    private func next(
        _ weights: UnsafeMutablePointer<Float>?, _ gradient: UnsafePointer<Float>,
        _ averaging: AveragingPass? = nil
    ) -> OptimizerStep {
        if remembers { state.steps += 1 }
        return OptimizerStep(
            weights: weights, gradient: gradient, count: parameterCount, rate: learningRate,
            config: options, state: state, averaging: averaging)
    }

    /// What shrinks the weights, or is added to their gradients, in each step.
    public var weightDecay: Double { options.resolvedWeightDecay }

    /// An optimizer with the same settings and a copy of the state.
    public func copy() throws -> Optimizer {
        let copy = try Optimizer(options, parameterCount: parameterCount, layers: layers)
        copy.restore(from: self)
        return copy
    }

    /// Takes over rate and state from a copy of this optimizer. Allocates nothing and cannot fail.
    public func restore(from copy: Optimizer) {
        learningRate = copy.learningRate
        state.restore(from: copy.state)
    }
}

extension OptimizerConfig {
    /// `layers`: each layer's parameters; DoG has a radius for each.
    public func makeOptimizer(
        parameterCount: Int, layers: [Range<Int>] = []
    ) throws -> Optimizer {
        try validate()
        return try Optimizer(self, parameterCount: parameterCount, layers: layers)
    }
}

extension OptimizerKind {
    /// DoG, which needs to know the layers, is made where they are known.
    fileprivate var rule: any OptimizerRule {
        switch self {
        case .sgd, .dog: return SGD()
        case .momentum: return Momentum(isNesterov: false)
        case .nesterov: return Momentum(isNesterov: true)
        case .adaGrad: return AdaGrad()
        case .rmsProp: return RMSProp()
        case .adam: return Adam(decaysBeside: false)
        case .adamW: return Adam(decaysBeside: true)
        }
    }
}

/// What one kind of optimizer is: its formula, and the averages that it needs for it. Formulas and
/// defaults are those of PyTorch's `torch.optim`.
protocol OptimizerRule {
    /// Averages of gradients, and of their squares.
    var keepsGradients: Bool { get }
    var keepsSquares: Bool { get }

    /// The factors of a step that is `parameters <- beta parameters + alpha gradient`.
    func linearStep(_ config: OptimizerConfig, rate: Double) -> (alpha: Float, beta: Float)?

    /// A step that is elementwise, for any part of the weights by itself.
    func adaptive(_ step: OptimizerStep) -> AdaptiveStep?

    func take(_ step: OptimizerStep)

    /// The same step for rows of weights, each as soon as its gradient is there.
    func rows(_ step: OptimizerStep) -> RowStep?
}

extension OptimizerRule {
    var keepsGradients: Bool { false }
    var keepsSquares: Bool { false }
    func adaptive(_ step: OptimizerStep) -> AdaptiveStep? { nil }
    func take(_ step: OptimizerStep) { adaptive(step)?.run() }
    func linearStep(_ config: OptimizerConfig, rate: Double) -> (alpha: Float, beta: Float)? { nil }
    func rows(_ step: OptimizerStep) -> RowStep? { adaptive(step).map { .adaptive($0) } }
}

/// What a rule works on: arrays of `count` numbers.
struct OptimizerStep {
    /// Nil: the step goes, without decay, into the gradient's place, which is then the caller's
    /// own.
    let weights: UnsafeMutablePointer<Float>?
    let gradient: UnsafePointer<Float>
    let count: Int
    let rate: Double
    let config: OptimizerConfig
    let state: OptimizerState
    /// For rules that take the average of the weights along.
    let averaging: AveragingPass?

    /// Where the step goes if there are no weights.
    var place: UnsafeMutablePointer<Float> { UnsafeMutablePointer(mutating: gradient) }
    var gradients: UnsafeMutablePointer<Float>? { state.firstMoments?.pointer }
    var squares: UnsafeMutablePointer<Float>? { state.secondMoments?.pointer }
    /// Added to the gradient, times the weight.
    var decay: Float { Float(config.resolvedWeightDecay) }
}

import Runtime

/// Which optimizer; raw values, in this order, are those of `tp_optimizer`.
public enum OptimizerKind: Int32, Sendable {
    case sgd = 0
    case momentum, nesterov, adaGrad, rmsProp, adam, adamW, dog
}

/// Which average of the weights is what training is for; raw values are those of `tp_average`.
public enum Average: Int32, Sendable {
    /// POLYNOMIAL for DOG, else none.
    case standard = 0
    case none = 1
    /// x_avg <- x_avg + 9 / (t + 9) (x - x_avg) (Shamir and Zhang, ICML 2013).
    case polynomial = 2
    /// Schedule-Free (arXiv 2405.15682).
    case scheduleFree = 3
}

/// The fields of `tp_optimizer_config`.
public struct OptimizerConfig: Sendable {
    public var kind = OptimizerKind.sgd
    public var learningRate = 0.01
    /// Of momentum and Nesterov.
    public var momentum = 0.9
    /// Of Adam and AdamW: averages of the gradient and of its square.
    public var beta1 = 0.9
    public var beta2 = 0.999
    /// Of RMSProp: average of the squares.
    public var alpha = 0.99
    /// Nil: PyTorch's, 1e-10 for AdaGrad and 1e-8 for the others.
    public var epsilon: Double?
    /// Nil: PyTorch's, 0.01 for AdamW and 0 for the others.
    public var weightDecay: Double?
    /// Largest norm of a gradient; 0: no bound.
    public var clipNorm = 0.0
    public var average = Average.standard
    /// Of DoG: a radius and a sum for each layer, or one for all.
    public var isLayerwise = true
    /// Of DoG, in units of 1 + |W_0|; nil: 1e-6.
    public var initialRadius: Double?

    public init() {}

    public var resolvedInitialRadius: Double { initialRadius ?? 1e-6 }
    public var resolvedAverage: Average {
        average == .standard ? (kind == .dog ? .polynomial : .none) : average
    }
    /// beta1 of the moments; Schedule-Free has the average of the weights instead of one of
    /// gradients.
    var gradientBeta1: Double { resolvedAverage == .scheduleFree ? 0 : beta1 }
    /// Schedule-Free: the share of the average in where gradients are taken.
    var interpolation: Double { kind == .sgd ? momentum : beta1 }

    /// How steps are taken in frames.
    public var frameCoordinates: FrameCoordinates {
        switch kind {
        case .sgd: return clipNorm > 0 ? .factor : .folded
        case .momentum, .nesterov, .dog: return .factor
        case .adaGrad, .rmsProp, .adam, .adamW: return .root
        }
    }
    /// The decay is part of the gradient, and not beside it.
    var hasCoupledDecay: Bool { kind != .sgd && kind != .adamW }

    public var resolvedEpsilon: Double { epsilon ?? (kind == .adaGrad ? 1e-10 : 1e-8) }
    public var resolvedWeightDecay: Double { weightDecay ?? (kind == .adamW ? 0.01 : 0) }

    public func validate() throws {
        try Self.validate(learningRate: learningRate)
        try require("momentum", momentum, momentum >= 0 && momentum < 1, "at least 0 and below 1")
        try require("beta1", beta1, beta1 >= 0 && beta1 < 1, "at least 0 and below 1")
        try require("beta2", beta2, beta2 >= 0 && beta2 < 1, "at least 0 and below 1")
        try require("alpha", alpha, alpha >= 0 && alpha < 1, "at least 0 and below 1")
        try require(
            "epsilon", resolvedEpsilon, resolvedEpsilon >= 0 && Float(resolvedEpsilon).isFinite,
            "finite and not negative")
        try require(
            "weight_decay", resolvedWeightDecay,
            resolvedWeightDecay >= 0 && Float(resolvedWeightDecay).isFinite,
            "finite and not negative")
        try require(
            "clip_norm", clipNorm, clipNorm >= 0 && clipNorm.isFinite, "finite and not negative")
        try require(
            "initial_radius", resolvedInitialRadius,
            resolvedInitialRadius > 0 && Float(resolvedInitialRadius).isNormal,
            "positive and finite, or 0 for the default")
        guard average != .scheduleFree || kind == .sgd || kind == .adamW else {
            throw TeleportError(
                .unsupported, "average is SCHEDULE_FREE, which SGD and ADAMW have; this is another")
        }
    }

    public static func validate(learningRate: Double) throws {
        try require(
            "learning_rate", learningRate, learningRate >= 0 && Float(learningRate).isFinite,
            "finite and not negative")
    }
}

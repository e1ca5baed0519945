import Networks
import Runtime

/// Which symmetry moves the weights; raw values are those of `tp_group`.
public enum Group: Int32, Sendable {
    case scaling = 0
    case linear = 1
    case nullSpace = 2
    case levelSet = 3
    /// Of a trainer's coordinates, not of its model.
    case frame = 4

    /// The move keeps the loss on the samples it was made from, and elsewhere only as far as they speak for others.
    public var dependsOnData: Bool { self != .scaling }

    var name: String {
        switch self {
        case .scaling: return "scaling group"
        case .linear: return "general linear group"
        case .nullSpace: return "null-space move"
        case .levelSet: return "level-set move"
        case .frame: return "frame"
        }
    }
}

/// How the element is found; raw values are those of `tp_search`.
public enum Search: Int32, Sendable {
    case lookahead = 0
    case ascent = 1
    case random = 2
}

/// What the element is chosen for; raw values are those of `tp_objective`.
public enum Objective: Int32, Sendable {
    case gradientNormMaximize = 0
    case gradientNormMinimize = 1
    case sharpnessMaximize = 2
    case sharpnessMinimize = 3
    case curvatureMaximize = 4
    case curvatureMinimize = 5
    case lookahead = 6

    var isMaximized: Bool {
        switch self {
        case .gradientNormMaximize, .sharpnessMaximize, .curvatureMaximize: return true
        case .gradientNormMinimize, .sharpnessMinimize, .curvatureMinimize, .lookahead: return false
        }
    }

    /// A gain times this is positive where it is an improvement.
    var sign: Double { isMaximized ? 1 : -1 }

    /// Whether a finite `value` is better than `other`; where that is not a number, any is.
    func isBetter(_ value: Double, than other: Double) -> Bool {
        value.isFinite && !(sign * (value - other) <= 0)
    }

    var isGradientNorm: Bool { self == .gradientNormMaximize || self == .gradientNormMinimize }
    var isCurvature: Bool { self == .curvatureMaximize || self == .curvatureMinimize }
}

/// What becomes of the optimizer's state; raw values are those of `tp_state_policy`.
public enum StatePolicy: Int32, Sendable {
    case keep = 0
    case reset = 1
    case transform = 2
}

/// How random elements of the general linear group are drawn; raw values are those of `tp_sampler`.
public enum Sampler: Int32, Sendable {
    case exponential = 0
    case diagonallyDominant = 1
}

/// The fields of `tp_teleport_config`.
public struct TeleportOptions {
    /// Hidden layers that move.
    public enum Layers: Sendable, Equatable {
        case all
        case one(Int)
        /// Another one for every candidate of the random search.
        case random
    }

    public var group = Group.scaling
    public var search = Search.lookahead
    public var objective = Objective.gradientNormMaximize
    public var state = StatePolicy.keep
    /// Nil: the group's own.
    public var radius: Double?
    /// Nil: the group's own.
    public var steps: Int?
    public var candidates = 1_000
    public var layers = Layers.all
    public var sampler = Sampler.exponential
    public var rolloutSteps = 30
    public var rolloutBatch = 32
    public var exact = false
    /// Rate of the rollouts where there is no optimizer.
    public var learningRate = 0.0
    public var lossTolerance = 1e-5
    public var heldOutTolerance = 0.05
    public var heldOut: Batch?
    public var seed: UInt64 = 0
    /// Singular values of a layer's input under this share of the largest count as zero.
    public var nullTolerance = 1e-6
    /// Norms of the perturbations whose mean loss is the sharpness, and how many of each.
    /// Nil: 0.1, 0.3, 0.5, 0.7 and 0.9.
    public var perturbationNorms: Buffer<Double>?
    public var perturbations = 4
    /// Curves whose mean curvature is the objective.
    public var curves = 8

    public init() {}

    public static let largestRadius = 16.0
    public static let mostPerturbationNorms = 10_000
    /// Each candidate of a random search by rollouts holds a copy of the weights.
    public static let mostRolloutCandidates = 256

    public var resolvedRadius: Double {
        if let radius { return radius }
        switch group {
        case .scaling: return 1
        case .linear: return 0.3
        case .nullSpace, .levelSet, .frame: return 0.05
        }
    }

    func resolvedPerturbationNorms() throws -> Buffer<Double> {
        try perturbationNorms ?? Buffer(copying: [0.1, 0.3, 0.5, 0.7, 0.9], count: 5)
    }

    public var resolvedSteps: Int {
        steps ?? (group == .scaling && objective.isGradientNorm ? 50 : 10)
    }

    /// Checks the numbers by themselves.
    public func validate() throws {
        let radius = resolvedRadius
        let steps = resolvedSteps
        try check(
            "radius", radius, radius > 0 && radius <= Self.largestRadius,
            "in (0, 16], or 0 for the group's own")
        try check(
            "steps", steps, (1...10_000).contains(steps), "1 to 10,000, or 0 for the group's own")
        try check(
            "candidates", candidates, (1...1_000_000).contains(candidates), "1 to 1,000,000")
        try check(
            "rollout_steps", rolloutSteps, (3...10_000).contains(rolloutSteps), "3 to 10,000")
        try check(
            "rollout_batch", rolloutBatch, (1...1_000_000).contains(rolloutBatch), "1 to 1,000,000")
        try check(
            "learning_rate", learningRate, learningRate >= 0 && Float(learningRate).isFinite,
            "finite and not negative")
        try check(
            "loss_tolerance", lossTolerance, lossTolerance >= 0 && lossTolerance.isFinite,
            "finite and not negative")
        try check("held_out_tolerance", heldOutTolerance, heldOutTolerance.isFinite, "finite")
        try check(
            "null_tolerance", nullTolerance, nullTolerance > 0 && nullTolerance < 1, "in (0, 1)")
        try check(
            "perturbations", perturbations, (1...10_000).contains(perturbations), "1 to 10,000")
        try check("curves", curves, (1...10_000).contains(curves), "1 to 10,000")
        guard let norms = perturbationNorms else { return }
        for (i, norm) in norms.elements.enumerated() where !(norm > 0 && norm.isFinite) {
            throw TeleportError.wrong("perturbation_norms[\(i)]", norm, "positive and finite")
        }
    }

    private func check(_ name: String, _ value: Double, _ isRight: Bool, _ rule: String) throws {
        guard isRight else { throw TeleportError.wrong(name, value, rule) }
    }

    private func check(_ name: String, _ value: Int, _ isRight: Bool, _ rule: String) throws {
        guard isRight else {
            throw TeleportError.invalid("\(name) is \(value); it must be \(rule)")
        }
    }
}

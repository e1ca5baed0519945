import Networks
import Runtime

/// The fields of `tp_teleport_config`.
public struct TeleportConfig {
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

    func resolvedPerturbationNorms() throws -> Buffer<Double> {
        try perturbationNorms ?? Buffer(copying: [0.1, 0.3, 0.5, 0.7, 0.9], count: 5)
    }
}

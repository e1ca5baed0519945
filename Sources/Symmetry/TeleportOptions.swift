import Networks
import Runtime

/// Which symmetry moves the weights; raw values are those of `tp_group`.
public enum Group: Int32, Sendable {
    case scaling = 0
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
}

/// What becomes of the optimizer's state; raw values are those of `tp_state_policy`.
public enum StatePolicy: Int32, Sendable {
    case keep = 0
}

/// The fields of `tp_teleport_config`.
public struct TeleportOptions {
    public var group = Group.scaling
    public var search = Search.lookahead
    public var objective = Objective.gradientNormMaximize
    public var state = StatePolicy.keep
    public var radius = 1.0
    public var steps = 50
    public var candidates = 1_000
    /// Hidden layer to move; nil: all.
    public var layer: Int?
    public var rolloutSteps = 30
    public var rolloutBatch = 32
    public var exact = false
    /// Rate of the rollouts where there is no optimizer.
    public var learningRate = 0.0
    public var lossTolerance = 1e-5
    public var heldOutTolerance = 0.05
    public var heldOut: Batch?
    public var seed: UInt64 = 0

    public init() {}

    public static let largestRadius = 16.0

    /// Checks the numbers by themselves.
    public func validate() throws {
        try check("radius", radius, radius > 0 && radius <= Self.largestRadius, "in (0, 16]")
        try check("steps", steps, (1...10_000).contains(steps), "1 to 10,000")
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
    }

    private func check<Value>(_ name: String, _ value: Value, _ isRight: Bool, _ rule: String) throws {
        guard isRight else {
            throw TeleportError.invalid("\(name) is \(value); it must be \(rule)")
        }
    }

    /// Checks that this teleport has a meaning for the model; the error says why not.
    public func validate(for architecture: Architecture) throws {
        guard architecture.hiddenLayerCount > 0 else {
            throw TeleportError(
                .unsupported,
                "the model has no hidden layer, and the groups act on hidden layers")
        }
        if let layer, layer < 0 || layer >= architecture.hiddenLayerCount {
            throw TeleportError.invalid(
                "layer is \(layer); the model has hidden layers 0 to \(architecture.hiddenLayerCount - 1), and -1 means all"
            )
        }
        try Scaling.requireHomogeneous(architecture)
    }
}

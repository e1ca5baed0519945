import Runtime

/// The fields of `tp_plane_config`.
public struct PlaneConfig {
    public var steps = 1_000
    public var learningRate = 1e-3
    /// Steps, from 0, before which the point is teleported.
    public var teleportSteps: Buffer<Int32>?
    /// Evaluations of theta a teleport; the point of the last one is used.
    public var thetaSteps = 10
    public var thetaLearningRate = 0.1
    /// Where each teleport's theta begins; nil: uniform in [0, pi).
    public var thetaStarts: Buffer<Double>?
    public var lossTolerance = 1e-9
    public var seed: UInt64 = 0

    public init() {}

    public static let mostSteps = 100_000_000

    public func validateSteps() throws {
        guard (1...Self.mostSteps).contains(steps) else {
            throw TeleportError.invalid("steps is \(steps); it must be 1 to 100,000,000")
        }
    }

    public func validate() throws {
        try validateSteps()
        guard (1...1_000_000).contains(thetaSteps) else {
            throw TeleportError.invalid("theta_steps is \(thetaSteps); it must be 1 to 1,000,000")
        }
        for (name, value) in [
            ("learning_rate", learningRate), ("theta_learning_rate", thetaLearningRate),
            ("loss_tolerance", lossTolerance),
        ] where !(value >= 0 && value.isFinite) {
            throw TeleportError.wrong(name, value, "finite and not negative")
        }
        guard let thetaStarts else { return }
        for (i, theta) in thetaStarts.elements.enumerated() where !theta.isFinite {
            throw TeleportError.wrong("theta_starts[\(i)]", theta, "finite")
        }
    }
}

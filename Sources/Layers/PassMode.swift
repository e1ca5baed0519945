/// What a pass is for, where layers differ by it.
public enum PassMode: Sendable {
    /// Predictions and evaluations: running statistics, nothing dropped.
    case running
    /// A loss and its derivatives: statistics of the batch, nothing dropped, nothing remembered.
    case batch
    /// A training step: statistics of the batch, units dropped.
    case training
}

/// The four passes in which samples may meet.
public enum PassPhase: Sendable {
    case forward, backward, forwardTangent, backwardTangent
}

import Symmetry

/// Progress of a run; the fields of `tp_event`.
public struct TrainingEvent {
    /// Raw values are those of `tp_event_kind`.
    public enum Kind: Int32, Sendable {
        case step = 0
        case epoch = 1
        case teleport = 2
        case earlyStop = 3
    }

    public var kind: Kind
    public var epoch: Int
    public var step: Int
    public var stepInEpoch: Int
    public var stepsPerEpoch: Int
    public var loss = Double.nan
    public var learningRate: Double
    public var seconds: Double
    public var validation: Metrics?
    public var report: TeleportReport?
}

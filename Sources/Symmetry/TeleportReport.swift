/// What a teleport came to; raw values are those of `tp_teleport_outcome`.
public enum TeleportOutcome: Int32, Sendable {
    case none = 0
    case accepted = 1
    case stayed = 2
    case lossChanged = 3
    case heldOutChanged = 4
    case notFinite = 5
    case undone = 6
    case inexact = 7
    case noRoom = 8
}

/// Everything a teleport measured; the fields of `tp_teleport_report`.
public struct TeleportReport: Sendable {
    public var outcome = TeleportOutcome.none
    public var group = Group.scaling
    public var search = Search.lookahead
    public var layer: Int?
    public var halvesShared = false
    public var steps = 0
    public var backtracks = 0
    public var candidates = 0
    public var refused = 0
    public var rank = 0
    public var radius = 0.0
    public var lossBefore = Double.nan
    public var lossAfter = Double.nan
    public var heldOutBefore = Double.nan
    public var heldOutAfter = Double.nan
    public var objectiveBefore = Double.nan
    public var objectiveAfter = Double.nan
    public var gradientNorm2Before = Double.nan
    public var gradientNorm2After = Double.nan
    public var outputChange = Double.nan
    public var condition = Double.nan
    public var inputCondition = Double.nan
    public var fitResidual = Double.nan
    public var scoreBefore = Double.nan
    public var scoreAfter = Double.nan
    public var seconds = 0.0
    /// Of frames: the condition of C by the old and by the new coordinates.
    public var conditionBefore = Double.nan
    public var conditionAfter = Double.nan

    public var accepted: Bool { outcome == .accepted }

    public init() {}
}

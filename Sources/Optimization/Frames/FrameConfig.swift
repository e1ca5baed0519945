import Runtime

/// What a layer's frame is made of; raw values are those of `tp_frame_kind`.
public enum FrameKind: Int32, Sendable {
    /// P = k (C + l I)^-1
    case whiten = 0
    /// The eigenvectors of C.
    case rotate = 1
    /// Nothing inside, so that only inputs are centred.
    case centre = 2
}

/// The frame of a layer that reads the samples; raw values are those of `tp_frame_input`.
public enum FrameInput: Int32, Sendable {
    case centre = 0
    case none = 1
    /// Centred, and whitened in the directions that have the largest eigenvalues.
    case rank = 2
}

/// The fields of `tp_frame_config`.
public struct FrameConfig: Sendable, Equatable {
    public var kind = FrameKind.whiten
    public var input = FrameInput.centre
    /// Steps between refreshes, -1 for none but those by teleports, and those of the first
    /// `earlySteps` steps.
    public var every = 200
    public var earlyEvery = 25
    public var earlySteps = 200
    /// Samples that C is averaged over.
    public var samples = 512
    /// l in units of the mean eigenvalue of C.
    public var damping = 1.0
    /// Steps over which the rate grows from nothing after frames were set.
    public var warmupSteps = 100
    /// Layers with a frame have one of their outputs as well, if these are at most `widest`.
    public var outputs = false
    /// Directions that layers inside are whitened in which read more than `widest` values.
    public var rank = 64
    /// The same of the samples, where `input` says so.
    public var inputRank = 16

    public init() {}

    /// Wider inputs of a layer inside are whitened in `rank` directions and have no rotated frame:
    /// whole products would cost more than the step.
    public static let widest = 256

    public func validate() throws {
        try check("every", every, every >= 1 || every == -1, "at least 1, or -1 for never")
        try check("early_every", earlyEvery, earlyEvery >= 1, "at least 1")
        try check("early_steps", earlySteps, earlySteps >= 0, "at least 0")
        try check("samples", samples, (1...65_536).contains(samples), "1 to 65,536")
        try check("damping", damping, damping > 0 && damping <= 1e6, "above 0 and at most 1e6")
        try check("rank", rank, (1...Self.widest).contains(rank), "1 to \(Self.widest)")
        try check(
            "input_rank", inputRank, (1...Self.widest).contains(inputRank), "1 to \(Self.widest)")
        try check("warmup_steps", warmupSteps, warmupSteps >= 0, "at least 0")
        guard !outputs || kind != .centre else {
            throw TeleportError.invalid("outputs is 1 and kind CENTRE, which is of inputs alone")
        }
    }

    private func check<Value>(
        _ name: String, _ value: Value, _ isRight: Bool, _ rule: String
    ) throws {
        guard isRight else {
            throw TeleportError.invalid("\(name) is \(value); it must be \(rule)")
        }
    }
}

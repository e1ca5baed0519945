import Runtime

/// Where and when a run writes checkpoints; the fields of `tp_run_config`.
public struct CheckpointConfig {
    public static let mostKept = 1_000

    public var path: Buffer<CChar>
    /// 0 and 0: after each epoch.
    public var steps = 0
    public var seconds = 0.0
    /// The newest included.
    public var kept = 1

    public init(path: UnsafePointer<CChar>) throws {
        var length = 0
        while path[length] != 0 { length += 1 }
        self.path = try Buffer(copying: path, count: length + 1)
    }

    func validate() throws {
        guard path.count > 1 else { throw TeleportError.invalid("checkpoint_path is empty") }
        try require("checkpoint_steps", steps, steps >= 0, "at least 0")
        try require(
            "checkpoint_seconds", seconds, seconds >= 0 && seconds.isFinite,
            "finite and not negative")
        try require(
            "checkpoint_keep", kept, (1...Self.mostKept).contains(kept), "0 to \(Self.mostKept)")
    }
}

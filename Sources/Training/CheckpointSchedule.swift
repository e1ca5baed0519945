import Files
import Runtime

/// Where and when a run writes checkpoints; the fields of `tp_run_config`.
public struct CheckpointOptions {
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
        guard steps >= 0 else {
            throw TeleportError.invalid("checkpoint_steps is \(steps); it must not be negative")
        }
        guard seconds.isFinite, seconds >= 0 else {
            throw TeleportError.wrong("checkpoint_seconds", seconds, "finite and not negative")
        }
        guard (1...Self.mostKept).contains(kept) else {
            throw TeleportError.invalid(
                "checkpoint_keep is \(kept); it must be 0 to \(Self.mostKept)")
        }
    }
}

/// The checkpoints of one run.
final class CheckpointSchedule {
    private let options: CheckpointOptions
    private let trainer: Trainer
    private var lastStep: Int
    private var lastTime = Clock.seconds()

    /// Refuses a place where nothing can be written, before there is something to lose.
    init(_ options: CheckpointOptions, _ trainer: Trainer) throws {
        do throws(FileFailure) {
            try AtomicFile.check(options.path.pointer)
        } catch {
            throw error.error("checkpoint", at: options.path.pointer)
        }
        self.options = options
        self.trainer = trainer
        lastStep = trainer.stepCount
    }

    /// Asked after each step.
    var isDue: Bool {
        if options.steps > 0, trainer.stepCount - lastStep >= options.steps { return true }
        return options.seconds > 0 && Clock.seconds() - lastTime >= options.seconds
    }

    func endEpoch() throws {
        if options.steps == 0, options.seconds == 0 { try write() }
    }

    /// What is left to write when the run ends. Weights that are not finite leave the good checkpoint alone.
    func writeLast() throws {
        let parameters = trainer.model.parameters
        guard allFinite(parameters.pointer, count: parameters.count), trainer.stepCount > lastStep
        else { return }
        try write()
    }

    func write() throws {
        try trainer.save(to: options.path.pointer, keeping: options.kept - 1)
        lastStep = trainer.stepCount
        lastTime = Clock.seconds()
    }
}

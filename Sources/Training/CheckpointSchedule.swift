import Files
import Runtime

/// The checkpoints of one run.
final class CheckpointSchedule {
    private let options: CheckpointConfig
    private let trainer: Trainer
    private var lastStep: Int
    private var lastTime = Clock.seconds()

    /// Refuses a place where nothing can be written, before there is something to lose.
    init(_ options: CheckpointConfig, _ trainer: Trainer) throws {
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

    /// What is left to write when the run ends; `isDue`: even if no step has been taken since.
    /// Weights that are not finite leave the good checkpoint alone.
    func writeLast(isDue: Bool) throws {
        guard trainer.model.weights.areFinite, isDue || trainer.stepCount > lastStep else { return }
        try write()
    }

    func write() throws {
        try trainer.save(to: options.path.pointer, keeping: options.kept - 1)
        lastStep = trainer.stepCount
        lastTime = Clock.seconds()
    }
}

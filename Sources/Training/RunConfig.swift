import Datasets
import Optimization
import Runtime
import Symmetry

/// Which weights a run ends with; raw values are those of `tp_finish`.
public enum Finish: Int32, Sendable {
    /// Those of the best validation with patience, else BEST where the trainer averages weights.
    case standard = 0
    case last = 1
    case average = 2
    /// Whichever has the smaller loss over the training set.
    case best = 3
}

/// What a run is to do; the fields of `tp_run_config`.
public struct RunConfig {
    public var epochs = 1
    public var batchSize = 32
    public var seed: UInt64 = 0
    public var shuffle = true
    public var dropLast = false
    public var teleport: TeleportConfig?
    /// Epochs that begin with teleports; nil: epoch 0.
    public var teleportEpochs: Buffer<Int32>?
    public var teleportsPerEpoch = 1
    public var teleportSamples = 2_048
    public var watchSteps = 200
    /// Steps between step events; 0: about a hundred an epoch; -1: none.
    public var progressInterval = 0
    /// Nil: none.
    public var checkpoints: CheckpointConfig?
    /// Nil: the trainer's own, if it has any.
    public var frames: FrameConfig?
    public var finish = Finish.standard
    public var classes = ClassWeighting.equal
    /// Validations without an improvement after which the run stops early; 0: it does not.
    public var patience = 0
    /// What a loss must be below the best by to be one.
    public var minDelta = 0.0
    /// Of the images of mini-batches; nil: none.
    public var augmentation: Augmentation?
    public var centring = Centring.standard

    public init() {}

    public static let mostTeleportsPerEpoch = 65_536
    public static let mostTeleportEpochs = 65_536

    public func validate() throws {
        try require("epochs", epochs, epochs >= 1, "at least 1")
        try require("batch_size", batchSize, batchSize >= 1, "at least 1")
        try require(
            "teleports_per_epoch", teleportsPerEpoch,
            (1...Self.mostTeleportsPerEpoch).contains(teleportsPerEpoch), "1 to 65,536")
        try require("teleport_samples", teleportSamples, teleportSamples >= 1, "at least 1")
        try require("watch_steps", watchSteps, watchSteps >= 0, "at least 0")
        try require("progress_interval", progressInterval, progressInterval >= -1, "at least -1")
        if let teleportEpochs {
            for epoch in teleportEpochs.elements {
                try require("a teleport epoch", Int(epoch), epoch >= 0, "at least 0")
            }
        }
        try teleport?.validate()
        try checkpoints?.validate()
        try frames?.validate()
        try classes.validate()
        try require("patience", patience, patience >= 0, "at least 0")
        try require(
            "min_delta", minDelta, minDelta >= 0 && minDelta.isFinite, "finite and not negative")
        guard minDelta == 0 || patience > 0 else {
            throw TeleportError.invalid("min_delta is \(minDelta), but patience is 0")
        }
        try augmentation?.validate()
        try validateCentring()
    }

    /// Checks what would end the run at its first teleport, which may be epochs after its first
    /// step.
    func validateTeleports(of trainer: Trainer, samples count: Int) throws {
        guard let teleport else { return }
        try trainer.requireTeleportable(teleport)
        guard teleport.group != .frame else { return }
        guard frames == nil else {
            throw TeleportError(
                .unsupported, "teleport is set and frames too, which other teleports do not move")
        }
        try teleport.validate(
            for: trainer.model.graph, loss: trainer.loss, optimizer: trainer.optimizer)
        guard min(teleportSamples, count) >= teleport.fewestSamples else {
            throw TeleportError.invalid(
                "teleport_samples is \(teleportSamples) and the data set has \(count) samples, too few to hold a quarter out; give held_out, or a negative held_out_tolerance to do without"
            )
        }
    }

    /// Whether the schedule teleports before this step of this epoch.
    func teleports(inEpoch epoch: Int, beforeStep step: Int) -> Bool {
        guard teleport != nil, step < teleportsPerEpoch else { return false }
        guard let teleportEpochs else { return epoch == 0 }
        return teleportEpochs.elements.contains { Int($0) == epoch }
    }
}

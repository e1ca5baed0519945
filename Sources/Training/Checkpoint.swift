import Files
import Networks
import Optimization
import Runtime
import Symmetry

// A trainer in a safetensors file: its model as in `ModelFile`, so that the file is a model's file
// too; numbers in __metadata__ under teleport.trainer.*; the optimizer's averages, and what undoing
// a teleport needs, as tensors trainer.* in the order of the parameters.

/// Keys of `__metadata__` and names of tensors.
enum CheckpointFile {
    static func key(_ name: String) -> String { "teleport.trainer." + name }

    static let radii = "radii"
    static let secondMoments = "second_moments"
    static let parameters = "parameters"
    static let statistics = "statistics"
    static let undo = "trainer.undo."
    static let frames = "frames"
    static let seen = "trainer.seen"
    static let current = "trainer."

    /// No count of a file is larger, so that sums and products of counts stay within an Int.
    static let mostCount = 1 << 40
}

extension OptimizerKind: NamedInFiles {
    public static var allCases: [OptimizerKind] {
        [.sgd, .momentum, .nesterov, .adaGrad, .rmsProp, .adam, .adamW, .dog]
    }

    var fileName: String {
        switch self {
        case .sgd: "sgd"
        case .momentum: "momentum"
        case .nesterov: "nesterov"
        case .adaGrad: "adagrad"
        case .rmsProp: "rmsprop"
        case .adam: "adam"
        case .adamW: "adamw"
        case .dog: "dog"
        }
    }
}

extension Loss.Kind: NamedInFiles {
    public static var allCases: [Self] { [.crossEntropy, .meanSquaredError, .halfSquaredError] }

    var fileName: String {
        switch self {
        case .crossEntropy: "cross_entropy"
        case .meanSquaredError: "mean_squared_error"
        case .halfSquaredError: "half_squared_error"
        }
    }
}

extension LearningRateSchedule.Kind: NamedInFiles {
    public static var allCases: [Self] { [.constant, .step, .cosine, .callback] }

    var fileName: String {
        switch self {
        case .constant: "constant"
        case .step: "step"
        case .cosine: "cosine"
        case .callback: "callback"
        }
    }
}

// Writing.
extension Trainer {
    /// Writes all that training goes on from (`tp_trainer_save`), after the `keeping` checkpoints
    /// before it have moved on to path.1, path.2, ...
    public func save(to path: UnsafePointer<CChar>, keeping: Int = 0) throws {
        try requireUsable(optimizer.state, named: CheckpointFile.current)
        if let undo = beforeTeleport {
            try requireUsable(undo.optimizer.state, named: CheckpointFile.undo)
        }
        let writer = try SafetensorsWriter()
        try writer.texts(of: model)
        for (name, value) in settings + progress {
            try writer.text(CheckpointFile.key(name), value)
        }
        if let watch {
            try writer.text(CheckpointFile.key("watch_end"), watch.end.description)
            try writer.texts(of: watch.report)
        }
        for (name, snapshot) in snapshots {
            try writer.text(
                CheckpointFile.key(name + "_optimizer_steps"),
                snapshot.optimizer.state.steps.description)
            try writer.texts(of: snapshot.optimizer.state, named: name + "_")
            try writer.texts(
                of: snapshot.frames, age: snapshot.frameAge, scale: snapshot.frameScale,
                refreshed: -1, named: name + "_")
        }
        try writer.texts(of: bestEpoch)
        try writer.texts(of: optimizer.state, named: "")
        try writer.texts(
            of: frames, age: frames?.age ?? 0, scale: frames?.scale ?? 1,
            refreshed: frames?.refreshedAge ?? -1, named: "")
        for (name, value) in frameProgress {
            try writer.text(CheckpointFile.key(name), value)
        }
        try writer.tensors(of: model)
        try writer.tensors(of: optimizer.state, named: CheckpointFile.current)
        try writer.tensor(of: frames?.numbers, named: CheckpointFile.current)
        try writer.tensor(of: seen)
        try writer.tensors(of: bestEpoch)
        for (name, snapshot) in snapshots {
            let prefix = CheckpointFile.current + name + "."
            try writer.tensor(
                prefix + CheckpointFile.parameters, [snapshot.weights.parameters.count],
                of: snapshot.weights.parameters.pointer, count: snapshot.weights.parameters.count)
            let statistics = snapshot.weights.statistics
            if statistics.count > 0 {
                try writer.tensor(
                    prefix + CheckpointFile.statistics, [statistics.count],
                    of: statistics.pointer, count: statistics.count)
            }
            try writer.tensors(of: snapshot.optimizer.state, named: prefix)
            if snapshot.frames != nil {
                try writer.tensor(of: snapshot.frameNumbers, named: prefix)
            }
        }
        try writer.save(to: path, keeping: keeping, as: "checkpoint")
    }

    /// What would be refused when it is loaded must not take a good file's place.
    private func requireUsable(_ state: OptimizerState, named prefix: String) throws {
        if let radius = state.unusableRadius {
            throw TeleportError(
                .notFinite, "a radius of the optimizer is \(radius); it is not saved")
        }
        guard let bad = state.unusableMoment else { return }
        throw TeleportError(
            .notFinite,
            "element \(bad.index) of the optimizer's averages, \(prefix + bad.name), is \(bad.value); they are not saved"
        )
    }

    private var settings: [(String, String)] {
        [
            ("loss", loss.kind.fileName),
            ("label_smoothing", loss.smoothing.description),
            ("optimizer", options.kind.fileName),
            ("learning_rate", options.learningRate.description),
            ("momentum", options.momentum.description),
            ("beta1", options.beta1.description),
            ("beta2", options.beta2.description),
            ("alpha", options.alpha.description),
            ("epsilon", options.resolvedEpsilon.description),
            ("weight_decay", options.resolvedWeightDecay.description),
            ("clip_norm", options.clipNorm.description),
            ("average", options.average.rawValue.description),
            ("dog_layerwise", options.isLayerwise ? "1" : "0"),
            ("initial_radius", options.resolvedInitialRadius.description),
            ("base_rate", baseRate.description),
            ("schedule", schedule.kind.fileName),
            ("warmup_steps", schedule.warmupSteps.description),
            ("interval", schedule.interval.description),
            ("factor", schedule.factor.description),
            ("floor", schedule.floor.description),
        ]
    }

    private var progress: [(String, String)] {
        [
            ("epoch", epoch.description),
            ("step", stepCount.description),
            ("step_in_epoch", stepInEpoch.description),
            ("epoch_loss", epochLoss.sum.description),
            // A whole number where samples have no weights, as it always was.
            (
                "epoch_samples",
                Int(exactly: epochLoss.weight)?.description ?? epochLoss.weight.description
            ),
            // Steps count from 0; 0 here means none.
            ("next_scheduled_teleport", (lastScheduledTeleport + 1).description),
            ("optimizer_steps", optimizer.state.steps.description),
        ]
    }
}

extension OptimizerState {
    /// The first of DoG's distances or sums of squares that is none.
    fileprivate var unusableRadius: Double? {
        radii?.elements.first { !($0.isFinite && $0 >= 0) }
    }

    /// The first average that makes the next step unfit to be trusted: one that is not finite, or a
    /// negative square.
    fileprivate var unusableMoment: (name: String, index: Int, value: Float)? {
        for (name, values) in arrays {
            let least: Float = name == CheckpointFile.secondMoments ? 0 : -.infinity
            let index = values.elements.firstIndex { !($0.isFinite && $0 >= least) }
            if let index { return (name, index, values.pointer[index]) }
        }
        return nil
    }
}

extension SafetensorsWriter {
    fileprivate func tensors(of state: OptimizerState, named prefix: String) throws {
        for (name, values) in state.arrays {
            try tensor(prefix + name, [values.count], of: values.pointer, count: values.count)
        }
        if let radii = state.radii {
            try tensor(
                prefix + CheckpointFile.radii, [radii.count], of: radii.pointer, count: radii.count)
        }
    }
}

// Reading.
extension Trainer {
    /// A new trainer with a model of its own, where a checkpoint left off (`tp_trainer_load`).
    public static func load(from path: UnsafePointer<CChar>) throws -> Trainer {
        try reading(path, as: "checkpoint") { file in
            guard try file.isOwn(), file.text(CheckpointFile.key("loss")) != nil else {
                throw FileFailure(.format, "it holds no trainer")
            }
            let trainer = try Trainer(
                try Model(from: file, options: ModelConfig()),
                loss: try file.loss(),
                options: try OptimizerConfig(from: file))
            try trainer.restore(from: file)
            return trainer
        }
    }

    private func restore(from file: SafetensorsReader) throws {
        try setLearningRate(try file.number(CheckpointFile.key("base_rate")))
        var schedule = LearningRateSchedule()
        schedule.kind = try file.member(CheckpointFile.key("schedule"))
        schedule.warmupSteps = try file.number(CheckpointFile.key("warmup_steps"))
        schedule.interval = try file.number(CheckpointFile.key("interval"))
        schedule.factor = try file.number(CheckpointFile.key("factor"))
        schedule.floor = try file.number(CheckpointFile.key("floor"))
        if schedule.kind == .callback {
            // A place for the host's own; nothing can be trained before it is there.
            var rest = schedule
            rest.kind = .constant
            try rest.validate()
        } else {
            try schedule.validate()
        }
        self.schedule = schedule
        epoch = try file.count("epoch")
        stepCount = try file.count("step")
        stepInEpoch = try file.count("step_in_epoch")
        epochLoss.weight = try file.number(CheckpointFile.key("epoch_samples"))
        guard epochLoss.weight.isFinite, epochLoss.weight >= 0 else {
            throw FileFailure(.format, "epoch_samples is \(epochLoss.weight)")
        }
        lastScheduledTeleport = try file.count("next_scheduled_teleport") - 1
        epochLoss.sum = try file.number(CheckpointFile.key("epoch_loss"))
        guard epochLoss.sum.isFinite else {
            throw FileFailure(.format, "epoch_loss is \(epochLoss.sum)")
        }
        optimizer.state.steps = try file.count("optimizer_steps")
        try file.read(optimizer.state, named: CheckpointFile.current)
        try restoreFrames(from: file)
        beforeTeleport = try snapshot("undo", from: file)
        bestEpoch = try bestEpoch(from: file)
        if file.text(CheckpointFile.key("watch_end")) != nil {
            watch = Watch(
                end: try file.count("watch_end"), report: try TeleportReport(from: file))
        }
    }
}

extension OptimizerConfig {
    fileprivate init(from file: SafetensorsReader) throws {
        self.init()
        kind = try file.member(CheckpointFile.key("optimizer"))
        learningRate = try file.number(CheckpointFile.key("learning_rate"))
        momentum = try file.number(CheckpointFile.key("momentum"))
        beta1 = try file.number(CheckpointFile.key("beta1"))
        beta2 = try file.number(CheckpointFile.key("beta2"))
        alpha = try file.number(CheckpointFile.key("alpha"))
        epsilon = try file.number(CheckpointFile.key("epsilon"))
        weightDecay = try file.number(CheckpointFile.key("weight_decay"))
        clipNorm = try file.number(CheckpointFile.key("clip_norm"))
        // Files of versions before averages have none of these.
        guard file.text(CheckpointFile.key("average")) != nil else { return }
        let average: Int = try file.number(CheckpointFile.key("average"))
        guard let known = Int32(exactly: average).flatMap({ Average(rawValue: $0) }) else {
            throw FileFailure(.format, "average is \(average)")
        }
        self.average = known
        let layerwise: Int = try file.number(CheckpointFile.key("dog_layerwise"))
        isLayerwise = layerwise != 0
        initialRadius = try file.number(CheckpointFile.key("initial_radius"))
    }
}

extension SafetensorsReader {
    fileprivate func loss() throws(FileFailure) -> Loss {
        let kind: Loss.Kind = try member(CheckpointFile.key("loss"))
        let key = CheckpointFile.key("label_smoothing")
        // Files of before label smoothing have none.
        return Loss(kind, smoothing: text(key) == nil ? 0 : try number(key))
    }

    func count(_ name: String) throws(FileFailure) -> Int {
        let value: Int = try number(CheckpointFile.key(name))
        guard (0...CheckpointFile.mostCount).contains(value) else {
            throw FileFailure(.format, "\(name) is \(value)")
        }
        return value
    }

    func read(_ state: OptimizerState, named prefix: String) throws(FileFailure) {
        for (name, values) in state.arrays {
            try read(prefix + name, into: values.pointer, count: values.count)
        }
        if let radii = state.radii {
            try read(prefix + CheckpointFile.radii, into: radii.pointer, count: radii.count)
            if let bad = state.unusableRadius {
                throw FileFailure(.format, "a radius of its optimizer is \(bad)")
            }
        }
        guard let bad = state.unusableMoment else { return }
        let reason = bad.value.isFinite ? "; an average of squares is not negative" : ""
        throw FileFailure(
            bad.value.isFinite ? .format : .notFinite,
            "element \(bad.index) of tensor '\(prefix + bad.name)' is \(bad.value)\(reason)")
    }

    func read<Number>(
        _ name: String, into target: UnsafeMutablePointer<Number>, count: Int
    ) throws(FileFailure) {
        let type: TensorType = Number.self == Float.self ? .f32 : .f64
        guard let tensor = tensor(named: name) else {
            throw FileFailure(.format, "it has no tensor '\(name)'")
        }
        guard tensor.type == type, tensor.count == count else {
            throw FileFailure(
                .format,
                "tensor '\(name)' has \(tensor.count) elements of type \(tensor.type.rawValue); \(count) of type \(type.rawValue) belong there"
            )
        }
        try read(tensor, into: target)
    }
}

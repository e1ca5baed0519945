import CTeleport
import Datasets
import Networks
import Optimization
import Runtime
import Symmetry
import Training

// Header section 8: training.

extension tp_optimizer_config {
    static var defaults: tp_optimizer_config {
        let options = OptimizerConfig()
        var config = tp_optimizer_config()
        config.optimizer = options.kind.rawValue
        config.learning_rate = options.learningRate
        config.momentum = options.momentum
        config.beta1 = options.beta1
        config.beta2 = options.beta2
        config.alpha = options.alpha
        config.epsilon = -1
        config.weight_decay = -1
        config.clip_norm = options.clipNorm
        config.dog_layerwise = options.isLayerwise ? 1 : 0
        config.average = options.average.rawValue
        return config
    }

    fileprivate init(_ trainer: Trainer) {
        let options = trainer.options
        self = .defaults
        optimizer = options.kind.rawValue
        learning_rate = trainer.baseRate
        momentum = options.momentum
        beta1 = options.beta1
        beta2 = options.beta2
        alpha = options.alpha
        epsilon = options.resolvedEpsilon
        weight_decay = options.resolvedWeightDecay
        clip_norm = options.clipNorm
        initial_radius = options.resolvedInitialRadius
        dog_layerwise = options.isLayerwise ? 1 : 0
        average = options.resolvedAverage.rawValue
        label_smoothing = trainer.loss.smoothing
    }
}

extension OptimizerConfig {
    fileprivate init(_ config: tp_optimizer_config) throws {
        try requireZero(config.reserved)
        self.init()
        kind = try member(config.optimizer, OptimizerKind.self, "optimizer")
        learningRate = config.learning_rate
        momentum = config.momentum
        beta1 = config.beta1
        beta2 = config.beta2
        alpha = config.alpha
        epsilon = givenUnlessMinusOne(config.epsilon)
        weightDecay = givenUnlessMinusOne(config.weight_decay)
        clipNorm = config.clip_norm
        initialRadius = config.initial_radius == 0 ? nil : config.initial_radius
        isLayerwise = try flag(config.dog_layerwise, "dog_layerwise")
        average = try member(config.average, Average.self, "average")
    }
}

@_cdecl("tp_optimizer_config_init") @implementation
public func tp_optimizer_config_init(
    _ config: UnsafeMutablePointer<tp_optimizer_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

@_cdecl("tp_trainer_create") @implementation
public func tp_trainer_create(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ model: OpaquePointer?, _ loss: tp_loss,
    _ config: UnsafePointer<tp_optimizer_config>?
) -> tp_status {
    call {
        try create(out) {
            let model = try model.object(Model.self, "model")
            let config = try readConfig(config, defaults: .defaults, "config")
            return try Trainer(
                model, loss: try lossMember(loss, smoothing: config.label_smoothing),
                options: try OptimizerConfig(config))
        }
    }
}

@_cdecl("tp_trainer_get_config") @implementation
public func tp_trainer_get_config(
    _ trainer: OpaquePointer?, _ loss_out: UnsafeMutablePointer<tp_loss>?,
    _ config_out: UnsafeMutablePointer<tp_optimizer_config>?
) -> tp_status {
    call {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try writeOutput(tp_optimizer_config(trainer), to: config_out, "config_out")
        loss_out?.pointee = tp_loss(rawValue: UInt32(trainer.loss.kind.rawValue))
    }
}

@_cdecl("tp_trainer_free") @implementation
public func tp_trainer_free(_ trainer: OpaquePointer?) {
    trainer.release(Trainer.self)
}

@_cdecl("tp_trainer_step") @implementation
public func tp_trainer_step(
    _ trainer: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    call {
        let trainer = try trainer.object(Trainer.self, "trainer")
        let value = try trainer.takeStep(try Batch(batch))
        loss_out?.pointee = value
    }
}

@_cdecl("tp_trainer_apply_gradient") @implementation
public func tp_trainer_apply_gradient(
    _ trainer: OpaquePointer?, _ gradient: UnsafePointer<Float>?, _ count: Int
) -> tp_status {
    call {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try trainer.apply(gradient: try gradient.required("gradient"), count: count)
    }
}

@_cdecl("tp_trainer_teleport") @implementation
public func tp_trainer_teleport(
    _ trainer: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?,
    _ config: UnsafePointer<tp_teleport_config>?,
    _ report_out: UnsafeMutablePointer<tp_teleport_report>?
) -> tp_status {
    callStoppable {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try checkOutput(report_out, "report_out")
        let report = try trainer.teleport(try Batch(batch), try TeleportConfig(config))
        try writeOutput(tp_teleport_report(report), to: report_out, "report_out")
    }
}

@_cdecl("tp_trainer_undo_teleport") @implementation
public func tp_trainer_undo_teleport(_ trainer: OpaquePointer?) -> tp_status {
    call { try trainer.object(Trainer.self, "trainer").undoTeleport() }
}

@_cdecl("tp_trainer_end_epoch") @implementation
public func tp_trainer_end_epoch(_ trainer: OpaquePointer?) -> tp_status {
    call { try trainer.object(Trainer.self, "trainer").endEpoch() }
}

@_cdecl("tp_trainer_epoch") @implementation
public func tp_trainer_epoch(_ trainer: OpaquePointer?) -> Int64 {
    Int64((try? trainer.object(Trainer.self, "trainer"))?.epoch ?? 0)
}

@_cdecl("tp_trainer_step_count") @implementation
public func tp_trainer_step_count(_ trainer: OpaquePointer?) -> Int64 {
    Int64((try? trainer.object(Trainer.self, "trainer"))?.stepCount ?? 0)
}

@_cdecl("tp_trainer_learning_rate") @implementation
public func tp_trainer_learning_rate(_ trainer: OpaquePointer?) -> Double {
    (try? trainer.object(Trainer.self, "trainer"))?.learningRate ?? .nan
}

@_cdecl("tp_trainer_set_learning_rate") @implementation
public func tp_trainer_set_learning_rate(
    _ trainer: OpaquePointer?, _ learning_rate: Double
) -> tp_status {
    call { try trainer.object(Trainer.self, "trainer").setLearningRate(learning_rate) }
}

@_cdecl("tp_trainer_model") @implementation
public func tp_trainer_model(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ trainer: OpaquePointer?
) -> tp_status {
    call { try create(out) { try trainer.object(Trainer.self, "trainer").model } }
}

// Files.

@_cdecl("tp_trainer_save") @implementation
public func tp_trainer_save(
    _ trainer: OpaquePointer?, _ path: UnsafePointer<CChar>?
) -> tp_status {
    call { try trainer.object(Trainer.self, "trainer").save(to: try path.required("path")) }
}

@_cdecl("tp_trainer_load") @implementation
public func tp_trainer_load(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ path: UnsafePointer<CChar>?
) -> tp_status {
    call { try create(out) { try Trainer.load(from: try path.required("path")) } }
}

// Runs.

extension tp_run_config {
    static var defaults: tp_run_config {
        let options = RunConfig()
        var config = tp_run_config()
        config.epochs = Int32(options.epochs)
        config.batch_size = Int32(options.batchSize)
        config.seed = options.seed
        config.shuffle = options.shuffle ? 1 : 0
        config.drop_last = options.dropLast ? 1 : 0
        config.teleports_per_epoch = Int32(options.teleportsPerEpoch)
        config.teleport_samples = Int32(options.teleportSamples)
        config.watch_steps = Int32(options.watchSteps)
        config.progress_interval = Int32(options.progressInterval)
        config.checkpoint_keep = 1
        return config
    }
}

extension RunConfig {
    fileprivate init(_ config: tp_run_config) throws {
        self.init()
        epochs = given(config.epochs, or: epochs)
        batchSize = given(config.batch_size, or: batchSize)
        seed = config.seed
        shuffle = try flag(config.shuffle, "shuffle")
        dropLast = try flag(config.drop_last, "drop_last")
        if let config = config.teleport { teleport = try TeleportConfig(config) }
        teleportEpochs = try array(
            config.teleport_epochs, config.teleport_epoch_count,
            most: RunConfig.mostTeleportEpochs, "teleport_epochs")
        teleportsPerEpoch = given(config.teleports_per_epoch, or: teleportsPerEpoch)
        teleportSamples = given(config.teleport_samples, or: teleportSamples)
        watchSteps = Int(config.watch_steps)
        progressInterval = Int(config.progress_interval)
        finish = try member(config.finish, Finish.self, "finish")
        classes = try ClassWeighting(config)
        patience = Int(config.patience)
        minDelta = config.min_delta
        frames = try config.frames.map { try FrameConfig($0) }
        augmentation = try config.augment.map { try AugmentOptions($0).options }
        centring = try member(config.centring, Centring.self, "centring")
        try requireZero(config.reserved)
        if let path = config.checkpoint_path {
            var options = try CheckpointConfig(path: path)
            options.steps = Int(config.checkpoint_steps)
            options.seconds = config.checkpoint_seconds
            options.kept = given(config.checkpoint_keep, or: options.kept)
            checkpoints = options
        } else if config.checkpoint_steps != 0 || config.checkpoint_seconds != 0
            || config.checkpoint_keep > 1 || config.checkpoint_keep < 0
        {
            throw TeleportError.invalid("checkpoint_path is NULL, but its other fields are set")
        }
        try validate()
    }
}

extension ClassWeighting {
    fileprivate init(_ config: tp_run_config) throws {
        let given = try array(
            config.class_weights, config.class_weight_count, most: ImageConfig.mostClasses,
            "class_weights")
        let isBalanced = try flag(config.balance_classes, "balance_classes")
        guard !isBalanced || given == nil else {
            throw TeleportError.invalid("class_weights is set and balance_classes too")
        }
        self = isBalanced ? .balanced : given.map { .given($0) } ?? .equal
    }
}

@_cdecl("tp_run_config_init") @implementation
public func tp_run_config_init(
    _ config: UnsafeMutablePointer<tp_run_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

extension tp_run_result {
    fileprivate init(_ result: RunResult) {
        self.init()
        epochs = Int64(result.epochs)
        best_epoch = Int64(result.bestEpoch ?? -1)
        best_valid_loss = result.bestLoss
        best_valid_accuracy = result.bestAccuracy
        stopped_early = result.isStoppedEarly ? 1 : 0
    }
}

@_cdecl("tp_run_result_init") @implementation
public func tp_run_result_init(
    _ result: UnsafeMutablePointer<tp_run_result>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(result, size: struct_size, with: tp_run_result(RunResult()), "result") }
}

/// Hands an event to the host; the pointers in it are valid during the call.
private func deliver(
    _ event: TrainingEvent, to callback: tp_event_callback, _ user_data: UnsafeMutableRawPointer?
) -> Bool {
    var result = tp_event()
    result.struct_size = MemoryLayout<tp_event>.size
    result.kind = event.kind.rawValue
    result.epoch = Int64(event.epoch)
    result.step = Int64(event.step)
    result.step_in_epoch = Int64(event.stepInEpoch)
    result.steps_per_epoch = Int64(event.stepsPerEpoch)
    result.loss = event.loss
    result.learning_rate = event.learningRate
    result.seconds = event.seconds
    result.valid_loss = event.validation?.loss ?? .nan
    result.valid_accuracy = event.validation?.accuracy ?? .nan
    guard let report = event.report else { return callback(&result, user_data) != 0 }
    return withUnsafePointer(to: tp_teleport_report(report)) { report in
        result.teleport = report
        return callback(&result, user_data) != 0
    }
}

@_cdecl("tp_trainer_run") @implementation
public func tp_trainer_run(
    _ trainer: OpaquePointer?, _ train: OpaquePointer?, _ valid: OpaquePointer?,
    _ config: UnsafePointer<tp_run_config>?, _ progress: tp_event_callback?,
    _ user_data: UnsafeMutableRawPointer?
) -> tp_status {
    callStoppable {
        let trainer = try trainer.object(Trainer.self, "trainer")
        let config = try readConfig(config, defaults: .defaults, "config")
        try checkOutput(config.result, "result")
        let isDone = try Stop.watching(config.stop_flag) {
            try trainer.run(
                try train.object(Dataset.self, "train"),
                validation: try valid.map { try Optional($0).object(Dataset.self, "valid") },
                options: try RunConfig(config),
                notify: { event in progress.map { deliver(event, to: $0, user_data) } ?? false })
        }
        try writeOutput(tp_run_result(trainer.lastRun), to: config.result, "result")
        guard isDone else { throw Stopped() }
    }
}

@_cdecl("tp_trainer_request_stop") @implementation
public func tp_trainer_request_stop(_ trainer: OpaquePointer?) {
    // Not `object`: an error would allocate, and this may be a signal handler.
    guard let trainer else { return }
    Unmanaged<Trainer>.fromOpaque(UnsafeRawPointer(trainer))._withUnsafeGuaranteedRef {
        $0.requestStop()
    }
}

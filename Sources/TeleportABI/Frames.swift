import CTeleport
import Networks
import Optimization
import Runtime
import Training

// Header section 8: frames and averages of weights.

extension tp_frame_config {
    static var defaults: tp_frame_config {
        let options = FrameConfig()
        var config = tp_frame_config()
        config.kind = options.kind.rawValue
        config.input = options.input.rawValue
        config.every = Int64(options.every)
        config.early_every = Int64(options.earlyEvery)
        config.early_steps = Int64(options.earlySteps)
        config.samples = Int64(options.samples)
        config.damping = options.damping
        config.warmup_steps = Int64(options.warmupSteps)
        config.rank = Int64(options.rank)
        config.input_rank = Int64(options.inputRank)
        return config
    }
}

extension FrameConfig {
    init(_ config: UnsafePointer<tp_frame_config>) throws {
        let config = try readConfig(config, defaults: .defaults, "frames")
        self.init()
        kind = try member(config.kind, FrameKind.self, "kind")
        input = try member(config.input, FrameInput.self, "input")
        every = Int(config.every)
        earlyEvery = Int(config.early_every)
        earlySteps = Int(config.early_steps)
        samples = Int(config.samples)
        damping = config.damping
        warmupSteps = Int(config.warmup_steps)
        rank = Int(config.rank)
        inputRank = Int(config.input_rank)
        try validate()
    }
}

@_cdecl("tp_frame_config_init") @implementation
public func tp_frame_config_init(
    _ config: UnsafeMutablePointer<tp_frame_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

@_cdecl("tp_trainer_set_frames") @implementation
public func tp_trainer_set_frames(
    _ trainer: OpaquePointer?, _ config: UnsafePointer<tp_frame_config>?
) -> tp_status {
    call {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try trainer.setFrames(try config.map { try FrameConfig($0) })
    }
}

@_cdecl("tp_trainer_averaged_model") @implementation
public func tp_trainer_averaged_model(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ trainer: OpaquePointer?
) -> tp_status {
    call {
        try create(out) { try trainer.object(Trainer.self, "trainer").averagedModel() }
    }
}

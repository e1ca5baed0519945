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
        config.outputs = options.outputs ? 1 : 0
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
        outputs = try flag(config.outputs, "outputs")
        try requireZero(config.reserved)
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

extension tp_frame_report {
    fileprivate init(_ report: FrameReport) {
        self.init()
        struct_size = MemoryLayout<tp_frame_report>.size
        framed = report.isFramed ? 1 : 0
        renewed = report.isRenewed ? 1 : 0
        size = Int32(truncatingIfNeeded: report.size)
        rank = Int32(truncatingIfNeeded: report.rank)
        condition_before = report.conditionBefore
        condition_after = report.conditionAfter
        reason = report.reason.map {
            UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self)
        }
    }
}

@_cdecl("tp_frame_report_init") @implementation
public func tp_frame_report_init(
    _ report: UnsafeMutablePointer<tp_frame_report>?, _ struct_size: Int
) -> tp_status {
    call {
        try initialize(report, size: struct_size, with: tp_frame_report(FrameReport()), "report")
    }
}

@_cdecl("tp_trainer_frame_report") @implementation
public func tp_trainer_frame_report(
    _ trainer: OpaquePointer?, _ layer: Int32, _ report_out: UnsafeMutablePointer<tp_frame_report>?
) -> tp_status {
    call {
        let trainer = try trainer.object(Trainer.self, "trainer")
        _ = try report_out.required("report_out")
        try writeOutput(
            tp_frame_report(try trainer.frameReport(layer: Int(layer))), to: report_out,
            "report_out")
    }
}

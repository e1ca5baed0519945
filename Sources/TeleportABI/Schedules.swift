import CTeleport
import Optimization
import Runtime
import Training

// Header section 8: how the rate goes.

extension tp_schedule_config {
    static var defaults: tp_schedule_config {
        let schedule = LearningRateSchedule()
        var config = tp_schedule_config()
        config.schedule = schedule.kind.rawValue
        config.warmup_steps = Int64(schedule.warmupSteps)
        config.interval = Int64(schedule.interval)
        config.factor = schedule.factor
        config.floor = schedule.floor
        return config
    }
}

extension LearningRateSchedule {
    fileprivate init(_ config: UnsafePointer<tp_schedule_config>?) throws {
        let config = try readConfig(config, defaults: .defaults, "config")
        try requireZero(config.reserved)
        self.init()
        kind = try member(config.schedule, Kind.self, "schedule")
        warmupSteps = Int(config.warmup_steps)
        interval = given(config.interval, or: interval)
        factor = given(config.factor, or: factor)
        floor = config.floor
        let user = config.user_data
        callback = config.rate.map { rate in { step, base in rate(Int64(step), base, user) } }
    }
}

@_cdecl("tp_schedule_config_init") @implementation
public func tp_schedule_config_init(
    _ config: UnsafeMutablePointer<tp_schedule_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

@_cdecl("tp_trainer_set_schedule") @implementation
public func tp_trainer_set_schedule(
    _ trainer: OpaquePointer?, _ config: UnsafePointer<tp_schedule_config>?
) -> tp_status {
    call {
        try trainer.object(Trainer.self, "trainer").setSchedule(try LearningRateSchedule(config))
    }
}

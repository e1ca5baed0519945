import Glibc
import Runtime

/// How the learning rate goes over the steps of a trainer; the fields of `tp_schedule_config`.
public struct LearningRateSchedule {
    /// Raw values are those of `tp_schedule`.
    public enum Kind: Int32, Sendable {
        case constant = 0
        /// Times `factor` every `interval` steps.
        case step = 1
        /// Half a cosine from 1 down to `floor` over `interval` steps, then `floor`.
        case cosine = 2
        /// The host's own.
        case callback = 3
    }

    public var kind = Kind.constant
    /// The rate grows linearly over the first steps, from 1 / warmupSteps of it.
    public var warmupSteps = 0
    public var interval = 1_000
    public var factor = 0.1
    public var floor = 0.0
    /// Rate of a step, from its number and the base rate.
    public var callback: ((Int, Double) -> Double)?

    public init() {}

    public func validate() throws {
        try require("warmup_steps", warmupSteps, warmupSteps >= 0, "at least 0")
        try require("interval", interval, interval >= 1, "at least 1")
        try require("factor", factor, factor > 0 && factor.isFinite, "positive and finite")
        try require("floor", floor, floor >= 0 && floor <= 1, "0 to 1")
        guard kind != .callback || callback != nil else {
            throw TeleportError.invalid("rate is NULL, but the schedule is CALLBACK")
        }
    }

    /// The rate of step `step` (from 0); may be anything a callback returns.
    public func rate(step: Int, base: Double) -> Double {
        let warmup =
            step < warmupSteps ? Double(step + 1) / Double(warmupSteps) : 1
        let after = max(step - warmupSteps, 0)
        switch kind {
        case .constant: return warmup * base
        case .step: return warmup * base * pow(factor, Double(after / interval))
        case .cosine:
            let part = min(Double(after) / Double(interval), 1)
            return warmup * base * (floor + (1 - floor) * 0.5 * (1 + cos(.pi * part)))
        case .callback: return warmup * (callback?(step, base) ?? .nan)
        }
    }
}

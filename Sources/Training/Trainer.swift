import CShims
import Layers
import Networks
import Optimization
import Runtime
import Symmetry

/// Trains one model with one optimizer, step by step or over data sets, and teleports it on the
/// way.
public final class Trainer {
    public let model: Model
    public let loss: Loss
    let optimizer: Optimizer
    let step: TrainingStep
    public let options: OptimizerConfig
    /// The rate that the schedule starts from.
    public internal(set) var baseRate: Double
    /// Of a checkpoint, it may be a host's whose callback is still to be set again.
    var schedule = LearningRateSchedule()

    /// Epochs completed.
    public internal(set) var epoch = 0
    /// Steps taken.
    public internal(set) var stepCount = 0
    /// Steps of the epoch at hand that an earlier run has taken.
    var stepInEpoch = 0
    /// Losses of these steps times the weight of their samples, and that weight.
    var epochLoss = (sum: 0.0, weight: 0.0)
    /// Not 0: the run or teleport under way, or else the next one, is to stop (`requestStop`).
    private let stopRequest: UnsafeMutablePointer<Int32>
    /// The step count at which the schedule teleported last, so that a run taken up again does not
    /// repeat it.
    var lastScheduledTeleport = -1

    /// The last teleport of a run's schedule, for as long as a loss that is not finite undoes it.
    struct Watch {
        /// The first step that does not count against it.
        var end: Int
        var report: TeleportReport
    }
    private var lastWatch: Watch?
    var watch: Watch? {
        get { lastWatch.flatMap { stepCount < $0.end ? $0 : nil } }
        set { lastWatch = newValue }
    }

    /// Where an accepted teleport began, and the memory for the next one.
    var beforeTeleport: Snapshot?
    private var spare: Snapshot?
    /// What the steps are watched by while there are frames, and the inputs that a host's own steps
    /// have seen.
    var frameWatch: FrameWatch?
    /// Of a run that stops early and has not come to its end.
    var bestEpoch: BestEpoch?
    /// What the last run came to that did not fail.
    public internal(set) var lastRun = RunResult()
    var seen: SeenSamples?

    public init(_ model: Model, loss: Loss, options: OptimizerConfig) throws {
        try loss.validate()
        self.model = model
        self.loss = loss
        optimizer = try options.makeOptimizer(
            parameterCount: model.parameters.count,
            layers: model.graph.parameterRanges())
        self.options = options
        baseRate = options.learningRate
        step = try TrainingStep(
            model: model, loss: loss, optimizer: optimizer, clipNorm: options.clipNorm, batchSize: 1
        )
        stopRequest = .allocate(capacity: 1)
        stopRequest.initialize(to: 0)
    }

    deinit { stopRequest.deallocate() }

    /// Asks the run or teleport under way, or else the next one, to stop. Safe on any thread and in
    /// a signal handler: one atomic store.
    public func requestStop() { shim_write_flag(stopRequest, 1) }

    /// Carries out what a request stops, which with that is answered. `body` says whether it came
    /// to its end.
    func answeringRequests(_ body: () throws -> Bool) throws -> Bool {
        do {
            let isDone = try Stop.watching(stopRequest, body)
            if !isDone { shim_write_flag(stopRequest, 0) }
            return isDone
        } catch let stopped as Stopped {
            shim_write_flag(stopRequest, 0)
            throw stopped
        }
    }

    /// The rate of the next step. A schedule of the host is asked for it, and must not ask in its
    /// turn: then it is NaN.
    public var learningRate: Double {
        guard schedule.kind == .callback else {
            return schedule.rate(step: stepCount, base: baseRate)
        }
        guard !HostCallback.isAsking(.rate, self) else { return .nan }
        return HostCallback.asking(.rate, self, model) {
            schedule.rate(step: stepCount, base: baseRate)
        }
    }

    /// Sets the rate that the schedule starts from. A callback of a run may do so; that of the
    /// schedule may not.
    public func setLearningRate(_ value: Double) throws {
        try requireNotAsking()
        try OptimizerConfig.validate(learningRate: value)
        baseRate = value
    }

    public func setSchedule(_ schedule: LearningRateSchedule) throws {
        try requireIdle()
        try schedule.validate()
        self.schedule = schedule
    }

    /// Gives the optimizer the rate of the next step.
    private func updateRate() throws {
        guard schedule.kind != .callback || schedule.callback != nil else {
            throw TeleportError(
                .badState,
                "the schedule of this checkpoint was a callback; set it again with tp_trainer_set_schedule"
            )
        }
        let rate = learningRate
        try OptimizerConfig.validate(learningRate: rate)
        // DoG has no rate of its own to be told.
        let own = options.kind == .dog ? frames?.scale ?? 1 : rate * (frames?.rateFactor ?? 1)
        optimizer.learningRate = own
    }

    private func requireNotAsking() throws {
        guard !HostCallback.isAsking(.rate, self) else {
            throw TeleportError(
                .badState, "the trainer is asking its rate callback, which may only read it")
        }
    }

    func requireIdle() throws {
        try requireNotAsking()
        guard !HostCallback.isAsking(.run, self) else {
            throw TeleportError(
                .badState, "the trainer is inside tp_trainer_run; a callback may only read it")
        }
        try model.requireIdle()
    }

    func beginEpoch() {
        stepInEpoch = 0
        epochLoss = (0, 0)
    }

    /// Counts the epoch at hand, of a host's own loop or what a run has done of it, as completed.
    public func endEpoch() throws {
        try requireIdle()
        beginEpoch()
        epoch += 1
        // The next epoch's teleports are others, though no step may lie between.
        lastScheduledTeleport = -1
    }

    /// Room for batches of `count` samples, on this thread.
    func reserve(_ count: Int) throws {
        try step.reserve(count)
    }

    /// One step on a valid batch for which there is room; nil, and all as before, where the loss,
    /// an error or the weights after it are not finite.
    func advance(_ batch: Batch) throws -> Double? {
        try updateRate()
        step.number = stepCount
        guard let value = try step.take(batch) else { return nil }
        stepCount += 1
        return value
    }

    /// One step on a host's batch; returns the loss before it.
    public func takeStep(_ batch: Batch) throws -> Double {
        try requireIdle()
        // A step is one product a layer over the whole batch, and products count rows in 32 bits.
        guard batch.count <= Int(Int32.max) else {
            throw TeleportError.invalid(
                "the batch has \(batch.count) samples; a step takes at most \(Int32.max)")
        }
        try batch.validate(for: model.graph, loss: loss)
        try reserve(batch.count)
        try refreshFrames(before: batch)
        guard let value = try advance(batch) else { throw failure(of: batch) }
        return value
    }

    /// Why a step failed: a number of the batch, or divergence.
    private func failure(of batch: Batch) -> TeleportError {
        for (name, values, width) in [
            ("x", batch.x, batch.inputWidth), ("targets", batch.targets, batch.targetWidth),
        ] {
            guard let values else { continue }
            for i in 0..<batch.count * width where !values[i].isFinite {
                return TeleportError(
                    .notFinite,
                    "value \(i % width) of sample \(i / width) in \(name) is \(values[i]); the weights are those of the step before"
                )
            }
        }
        return divergence("step \(stepCount)")
    }

    private func divergence(_ what: String) -> TeleportError {
        TeleportError(
            .notFinite,
            "\(what) diverges at learning rate \(optimizer.learningRate): the loss, a gradient or the weights after it are not finite; the weights are those of the step before"
        )
    }

    /// One step of the optimizer with a gradient from elsewhere.
    public func apply(gradient: UnsafePointer<Float>, count: Int) throws {
        try requireIdle()
        guard count == model.parameters.count else {
            throw TeleportError(
                .shapeMismatch,
                "the gradient has \(UInt(bitPattern: count)) elements but the model has \(model.parameters.count) parameters"
            )
        }
        for i in 0..<count where !gradient[i].isFinite {
            throw TeleportError(.notFinite, "gradient[\(i)] is \(gradient[i])")
        }
        try updateRate()
        let scratch = step.needsScratch ? try Buffer<Float>(count: count) : nil
        guard try step.apply(gradient: gradient, scratch: scratch) else {
            throw divergence("the applied gradient")
        }
        stepCount += 1
    }

    /// Teleports the model; where it is accepted, `undoTeleport` leads back.
    public func teleport(_ batch: Batch, _ options: TeleportConfig) throws -> TeleportReport {
        try requireIdle()
        var report = TeleportReport()
        _ = try answeringRequests {
            report = try teleport(batch, options, keepingFirst: false)
            return true
        }
        if report.accepted { watch = nil }
        return report
    }

    /// With `keepingFirst` an earlier teleport that may still be undone stays the one that is gone
    /// back to.
    func teleport(
        _ batch: Batch, _ options: TeleportConfig, keepingFirst: Bool
    ) throws -> TeleportReport {
        try updateRate()
        try requireTeleportable(options)
        let teleport =
            options.group == .frame
            ? nil
            : try Teleport(
                model, batch, loss, options, optimizer: optimizer, clipNorm: self.options.clipNorm,
                step: step.number)
        let snapshot = try spare ?? Snapshot(self)
        spare = snapshot
        try snapshot.take(self)
        let report = try teleport?.run() ?? teleportFrames(batch)
        if report.accepted, !(keepingFirst && beforeTeleport != nil) {
            spare = beforeTeleport
            beforeTeleport = snapshot
        }
        return report
    }

    public func undoTeleport() throws {
        try requireIdle()
        guard try goBackBeforeTeleport() else {
            throw TeleportError(.badState, "there is no accepted teleport to undo")
        }
    }

    /// Goes back to where the last accepted teleport began, if there is such a place.
    func goBackBeforeTeleport() throws -> Bool {
        guard let snapshot = beforeTeleport else { return false }
        try snapshot.restore(self)
        spare = snapshot
        beforeTeleport = nil
        watch = nil
        return true
    }
}

import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import Symmetry

/// Trains one model with one optimizer, step by step or over data sets, and teleports it on the way.
public final class Trainer {
    public let model: Model
    public let loss: Loss
    let optimizer: any Optimizer
    private let step: TrainingStep
    public let options: OptimizerOptions
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
    /// Losses of these steps times their samples, and the samples.
    var epochLoss = (sum: 0.0, samples: 0)
    /// A run is under way: whoever calls now is inside its callback.
    var isRunning = false
    /// The step count at which the schedule teleported last, so that a run taken up again does not repeat it.
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

    public init(_ model: Model, loss: Loss, options: OptimizerOptions) throws {
        self.model = model
        self.loss = loss
        optimizer = try options.makeOptimizer(
            parameterCount: model.parameters.count,
            layers: model.graph.layers.elements.map {
                $0.weightOffset..<$0.weightOffset + $0.parameterCount
            })
        self.options = options
        baseRate = options.learningRate
        step = try TrainingStep(
            model: model, loss: loss, optimizer: optimizer, clipNorm: options.clipNorm, batchSize: 1
        )
    }

    /// The rate of the next step; a schedule of the host is asked for it.
    public var learningRate: Double { schedule.rate(step: stepCount, base: baseRate) }

    /// Sets the rate that the schedule starts from.
    public func setLearningRate(_ value: Double) throws {
        try OptimizerOptions.validate(learningRate: value)
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
        try OptimizerOptions.validate(learningRate: rate)
        optimizer.learningRate = rate
    }

    func requireIdle() throws {
        guard !isRunning else {
            throw TeleportError(
                .badState, "the trainer is inside tp_trainer_run; a callback may only read it")
        }
        try model.requireIdle()
    }

    func beginEpoch() {
        stepInEpoch = 0
        epochLoss = (0, 0)
    }

    /// Room for batches of `count` samples.
    func reserve(_ count: Int) throws {
        try step.workspace.reserve(count)
    }

    /// One step on a valid batch for which there is room; nil, and no weight touched, where the loss or the output
    /// error are not finite.
    func advance(_ batch: Batch) throws -> Double? {
        try updateRate()
        guard let value = step.take(batch) else { return nil }
        stepCount += 1
        return value
    }

    /// One step on a host's batch; returns the loss before it.
    public func takeStep(_ batch: Batch) throws -> Double {
        try requireIdle()
        try BLAS.reserve()
        // A step is one product a layer over the whole batch, and products count rows in 32 bits.
        guard batch.count <= Int(Int32.max) else {
            throw TeleportError.invalid(
                "the batch has \(batch.count) samples; a step takes at most \(Int32.max)")
        }
        try batch.validate(for: model.graph, loss: loss)
        try requireFinite(batch)
        try reserve(batch.count)
        guard let value = try advance(batch) else {
            throw TeleportError(
                .notFinite,
                "the loss or the output error of step \(stepCount) is not finite; the weights are those of the step before"
            )
        }
        return value
    }

    /// A bounded activation and a weight of 0 hide an input that is not finite from the loss and the output error,
    /// not from the gradient; elsewhere it reaches the outputs.
    private func requireFinite(_ batch: Batch) throws {
        let isUnbounded = model.graph.layers.elements.allSatisfy {
            $0.activation.isPositivelyHomogeneous
        }
        guard batch.weights != nil || !isUnbounded else { return }
        let count = batch.count * batch.inputWidth
        guard !allFinite(batch.x, count: count) else { return }
        for i in 0..<count where !batch.x[i].isFinite {
            throw TeleportError(
                .notFinite, "x[\(i)] is \(batch.x[i]); the weights are those of the step before")
        }
    }

    /// One step of the optimizer with a gradient from elsewhere.
    public func apply(gradient: UnsafePointer<Float>, count: Int) throws {
        try requireIdle()
        guard count == model.parameters.count else {
            throw TeleportError(
                .shapeMismatch,
                "the gradient has \(count) elements but the model has \(model.parameters.count) parameters"
            )
        }
        for i in 0..<count where !gradient[i].isFinite {
            throw TeleportError(.notFinite, "gradient[\(i)] is \(gradient[i])")
        }
        try updateRate()
        step.apply(
            gradient: gradient, scratch: step.needsScratch ? try Buffer(count: count) : nil)
        stepCount += 1
    }

    /// Teleports the model; where it is accepted, `undoTeleport` leads back.
    public func teleport(_ batch: Batch, _ options: TeleportOptions) throws -> TeleportReport {
        try requireIdle()
        let report = try teleport(batch, options, keepingFirst: false)
        if report.accepted { watch = nil }
        return report
    }

    /// With `keepingFirst` an earlier teleport that may still be undone stays the one that is gone back to.
    func teleport(
        _ batch: Batch, _ options: TeleportOptions, keepingFirst: Bool
    ) throws -> TeleportReport {
        try updateRate()
        let teleport = try Teleport(
            model, batch, loss, options, optimizer: optimizer, clipNorm: self.options.clipNorm)
        let snapshot = try spare ?? Snapshot(model, optimizer)
        spare = snapshot
        snapshot.take(model, optimizer)
        let report = try teleport.run()
        if report.accepted, !(keepingFirst && beforeTeleport != nil) {
            spare = beforeTeleport
            beforeTeleport = snapshot
        }
        return report
    }

    public func undoTeleport() throws {
        try requireIdle()
        guard goBackBeforeTeleport() else {
            throw TeleportError(.badState, "there is no accepted teleport to undo")
        }
    }

    /// Goes back to where the last accepted teleport began, if there is such a place.
    func goBackBeforeTeleport() -> Bool {
        guard let snapshot = beforeTeleport else { return false }
        snapshot.restore(model, optimizer)
        spare = snapshot
        beforeTeleport = nil
        watch = nil
        return true
    }
}

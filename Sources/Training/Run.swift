import Datasets
import Layers
import Networks
import Runtime
import Symmetry

/// One run of a trainer over a data set: epochs of shuffled mini-batches, scheduled teleports,
/// validation, events.
final class Run {
    enum End {
        case done
        case stopped
        /// Patience is used up.
        case early
    }

    let trainer: Trainer
    let train: Dataset
    let validation: Dataset?
    let options: RunConfig
    private let notify: (TrainingEvent) -> Bool

    private let start = Clock.seconds()
    private let stepsPerEpoch: Int
    private let batchSize: Int
    private let order: Buffer<Int>
    /// Nil: 1 each.
    let weights: SampleWeights?
    private let samples: SampleBuffer
    private let teleportSamples: SampleBuffer?
    private let drawn: Buffer<Int>?
    private let evaluation: Evaluation?
    /// What `evaluation` measures where the trainer averages weights.
    let averaged: Model?
    private let frameSamples: SampleBuffer?
    private let frameDrawn: Buffer<Int>?
    /// Of the data that losses are of.
    private let dataFingerprint: UInt64
    private let epochStart: Snapshot
    private var placeOfStart = (step: 0, loss: (sum: 0.0, weight: 0.0))
    private var checkpoints: CheckpointSchedule?
    private var epochsDone = 0

    /// `notify` says whether to stop after an event.
    init(
        _ trainer: Trainer, train: Dataset, validation: Dataset?, options: RunConfig,
        notify: @escaping (TrainingEvent) -> Bool
    ) throws {
        try options.validate()
        let graph = trainer.model.graph
        try train.validate(for: graph, loss: trainer.loss)
        try validation?.validate(for: graph, loss: trainer.loss)
        try validation?.requireWeight()
        guard options.patience == 0 || validation != nil else {
            throw TeleportError.invalid(
                "patience is \(options.patience), but there is no validation set")
        }
        weights = try SampleWeights(of: train, options.classes)
        let weighted = weights?.weightedCount ?? train.count
        try options.validateTeleports(of: trainer, samples: weighted)
        batchSize = min(options.batchSize, train.count)
        stepsPerEpoch =
            options.dropLast
            ? train.count / options.batchSize : (train.count + batchSize - 1) / batchSize
        guard stepsPerEpoch > 0 else {
            throw TeleportError.invalid(
                "batch_size is \(options.batchSize) and drop_last is set, but the data set has only \(train.count) samples"
            )
        }
        self.trainer = trainer
        self.train = train
        self.validation = validation
        self.options = options
        self.notify = notify
        order = try Buffer(count: train.count)
        try options.augmentation?.validate(for: train)
        samples = try SampleBuffer(
            for: train, capacity: batchSize, weights: weights?.values, readsAhead: true,
            augments: options.augmentation != nil)
        try trainer.reserve(batchSize)
        let teleports = options.teleport != nil
        teleportSamples =
            teleports
            ? try SampleBuffer(
                for: train, capacity: min(options.teleportSamples, weighted),
                weights: weights?.values)
            : nil
        drawn = teleports ? try Buffer(count: train.count) : nil
        averaged =
            trainer.optimizer.state.average == nil ? nil : try Model(copying: trainer.model)
        let measured = averaged ?? trainer.model
        evaluation = try validation.map { try Evaluation(measured, on: $0) }
        try trainer.setFrames(for: options)
        let count = trainer.frames.map { min($0.options.samples, train.count) }
        frameSamples = try count.map { try SampleBuffer(for: train, capacity: $0) }
        frameDrawn = try count.map { try Buffer(count: $0) }
        dataFingerprint = try Self.fingerprint(of: train, batchSize: batchSize)
        trainer.beginWatch(of: dataFingerprint)
        epochStart = try Snapshot(trainer)
        checkpoints = try options.checkpoints.map { try CheckpointSchedule($0, trainer) }
        try beginWait()
    }

    func run() throws -> End {
        var end = End.stopped
        // Stopped within a teleport, which has put back what it moved, or between steps.
        do {
            end = try epochs()
            if end != .stopped { try finish() }
        } catch is Stopped {
            end = .stopped
        }
        let best = trainer.bestEpoch
        trainer.lastRun = RunResult(
            epochs: epochsDone, best: best, isStoppedEarly: end == .early)
        if end != .stopped { trainer.bestEpoch = nil }
        if end == .early, let best { _ = notify(event(of: best)) }
        try checkpoints?.writeLast(isDue: end != .stopped && best != nil)
        return end
    }

    private func epochs() throws -> End {
        for _ in 0..<options.epochs {
            // Before the first epoch too: a checkpoint may be of the moment it was used up.
            if isPatienceUsedUp { return .early }
            if try epoch() == .stopped { return .stopped }
            epochsDone += 1
            if isPatienceUsedUp { return .early }
            try checkpoints?.endEpoch()
        }
        return .done
    }

    private func epoch() throws -> End {
        shuffle()
        let change = options.augmentation.map {
            AugmentationDraw($0, seed: options.seed, epoch: trainer.epoch)
        }
        // Past the end: another data set or batch size than before. At the end: stopped by the last
        // step's event.
        if trainer.stepInEpoch > stepsPerEpoch { trainer.beginEpoch() }
        try epochStart.take(trainer)
        placeOfStart = (trainer.stepInEpoch, trainer.epochLoss)
        while trainer.stepInEpoch < stepsPerEpoch {
            try Stop.ask()
            if try teleportIfScheduled() == .stopped { return .stopped }
            if try refreshFramesIfDue() == .stopped { return .stopped }
            let first = trainer.stepInEpoch * batchSize
            let count = min(batchSize, train.count - first)
            let batch = try samples.gather(
                order.pointer + first, count: count, upcoming: train.count - first - count,
                change: change)
            guard let loss = try trainer.advance(batch) else {
                // Without the teleport the same batch is tried again from where the weights are
                // then.
                if try recover() == .stopped { return .stopped }
                continue
            }
            trainer.stepInEpoch += 1
            let weight = batch.totalWeight
            trainer.epochLoss.sum += loss * weight
            trainer.epochLoss.weight += weight
            if try trainer.watchFrames(weight > 0 ? loss : nil, of: dataFingerprint),
                notify(framesUndone) == .stopped
            {
                return .stopped
            }
            if isStepEvent, notify(event(.step, loss: loss)) { return .stopped }
            if let checkpoints, checkpoints.isDue {
                if try recoverWeights() == .stopped { return .stopped }
                try checkpoints.write()
            }
        }
        if try recoverWeights() == .stopped { return .stopped }
        let loss = trainer.epochLoss.sum / trainer.epochLoss.weight
        trainer.beginEpoch()
        trainer.epoch += 1
        var event = event(.epoch, loss: loss)
        event.epoch -= 1
        event.stepInEpoch = stepsPerEpoch
        var end = End.done
        do {
            if let averaged { _ = trainer.writeAverage(to: averaged) }
            event.validation = try validation.flatMap {
                try evaluation?.metrics($0, trainer.loss.plain)
            }
            if let metrics = event.validation {
                trainer.bestEpoch?.consider(
                    metrics, of: averaged ?? trainer.model, epoch: event.epoch,
                    minDelta: options.minDelta)
            }
        } catch is Stopped {
            // The epoch is complete all the same, and its event is due.
            end = .stopped
        }
        return notify(event) ? .stopped : end
    }

    /// The epoch's order is a function of seed and epoch alone: teleports and pauses do not change
    /// it.
    private func shuffle() {
        guard options.shuffle else {
            for i in 0..<order.count { order.pointer[i] = i }
            return
        }
        var generator = RandomGenerator(
            seed: options.seed,
            stream: RandomStream.member(trainer.epoch, of: RandomStream.shuffle))
        generator.permutation(into: order.pointer, count: order.count)
    }

    private var isStepEvent: Bool {
        guard options.progressInterval >= 0 else { return false }
        let interval =
            options.progressInterval > 0 ? options.progressInterval : max(stepsPerEpoch / 100, 1)
        return trainer.stepInEpoch % interval == 0
    }

    func event(_ kind: TrainingEvent.Kind, loss: Double = .nan) -> TrainingEvent {
        TrainingEvent(
            kind: kind, epoch: trainer.epoch, step: trainer.stepCount,
            stepInEpoch: trainer.stepInEpoch, stepsPerEpoch: stepsPerEpoch, loss: loss,
            learningRate: trainer.learningRate, seconds: Clock.seconds() - start)
    }

    private func notify(_ report: TeleportReport) -> End {
        var event = event(.teleport)
        event.report = report
        return notify(event) ? .stopped : .done
    }
}

// Teleports of the schedule.
extension Run {
    private func teleportIfScheduled() throws -> End {
        guard let teleport = options.teleport, let samples = teleportSamples, let drawn,
            options.teleports(inEpoch: trainer.epoch, beforeStep: trainer.stepInEpoch),
            trainer.lastScheduledTeleport != trainer.stepCount
        else { return .done }
        // A generator of its own, so that a schedule does not change the shuffles.
        let index = trainer.epoch * RunConfig.mostTeleportsPerEpoch + trainer.stepInEpoch
        var generator = RandomGenerator(
            seed: options.seed,
            stream: RandomStream.member(index, of: RandomStream.teleportSamples))
        generator.permutation(into: drawn.pointer, count: drawn.count)
        if let weights { drawn.keepFirst { weights.values.pointer[$0] > 0 } }
        let batch = try samples.gather(drawn.pointer, count: samples.capacity)
        let report = try trainer.teleport(batch, teleport, keepingFirst: trainer.watch != nil)
        trainer.lastScheduledTeleport = trainer.stepCount
        // Frames have a watch of their own.
        if report.accepted, teleport.group != .frame {
            trainer.watch = Trainer.Watch(
                end: trainer.stepCount + options.watchSteps, report: report)
        }
        return notify(report)
    }

    /// Goes on if the weights are finite, or are so again without the watched teleport.
    private func recoverWeights() throws -> End {
        trainer.model.weights.areFinite ? .done : try recover()
    }

    /// The loss or the weights stopped being finite: back to before the teleport if one is watched;
    /// otherwise the run fails, and weights that are not finite themselves go back to where the
    /// epoch began.
    private func recover() throws -> End {
        if try trainer.goBackInFrames() { return notify(framesUndone) }
        if var report = trainer.watch?.report, try trainer.goBackBeforeTeleport() {
            report.outcome = .undone
            return notify(report)
        }
        let (step, epoch) = (trainer.stepInEpoch, trainer.epoch)
        var place = "the weights are those of the step before"
        if !trainer.model.weights.areFinite {
            try epochStart.restore(trainer)
            (trainer.stepInEpoch, trainer.epochLoss) = placeOfStart
            place = "the weights had left the finite numbers too and are those the epoch began with"
        }
        throw TeleportError(
            .notFinite,
            "the loss stopped being finite in step \(step) of epoch \(epoch) at learning rate \(trainer.learningRate); \(place)"
        )
    }
}

// Frames.
extension Run {
    private func refreshFramesIfDue() throws -> End {
        guard let frames = trainer.frames, frames.isDue, let frameSamples, let frameDrawn else {
            return .done
        }
        var generator = RandomGenerator(
            seed: options.seed,
            stream: RandomStream.member(trainer.stepCount, of: RandomStream.frameSamples))
        for i in 0..<frameDrawn.count {
            frameDrawn.pointer[i] = generator.nextIndex(below: train.count)
        }
        let batch = try frameSamples.gather(frameDrawn.pointer, count: frameDrawn.count)
        let start = Clock.seconds()
        let refresh = try trainer.refreshFrames(x: batch.x, count: batch.count)
        var report = TeleportReport()
        report.group = .frame
        report.outcome = refresh.renewed > 0 ? .accepted : .stayed
        report.refused = frames.refusedCount + refresh.kept
        report.condition = refresh.condition
        report.outputChange = 0
        report.seconds = Clock.seconds() - start
        return notify(report)
    }

    /// Training went wrong in frames and is back where the last piece began, with half the rate.
    private var framesUndone: TeleportReport {
        var report = TeleportReport()
        report.group = .frame
        report.outcome = .undone
        return report
    }
}

extension Buffer<Int> {
    /// Moves those that fulfil a condition to the front, in their order.
    fileprivate func keepFirst(where holds: (Int) -> Bool) {
        var kept = 0
        for i in 0..<count where holds(pointer[i]) {
            pointer[kept] = pointer[i]
            kept += 1
        }
    }
}

extension Trainer {
    /// Trains over `train` (`tp_trainer_run`). Returns false when it was stopped early.
    public func run(
        _ train: Dataset, validation: Dataset?, options: RunConfig,
        notify: @escaping (TrainingEvent) -> Bool
    ) throws -> Bool {
        try requireIdle()
        let run = try Run(
            self, train: train, validation: validation, options: options, notify: notify)
        return try HostCallback.asking(.run, self, model) {
            defer { endWatch() }
            return try answeringRequests { try run.run() != .stopped }
        }
    }
}

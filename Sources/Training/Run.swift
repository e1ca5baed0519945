import Datasets
import Layers
import LinearAlgebra
import Networks
import Runtime
import Symmetry

/// One run of a trainer over a data set: epochs of shuffled mini-batches, scheduled teleports, validation, events.
final class Run {
    enum End {
        case done
        case stopped
    }

    private let trainer: Trainer
    private let train: Dataset
    private let validation: Dataset?
    private let options: RunOptions
    private let notify: (TrainingEvent) -> Bool

    private let start = Clock.seconds()
    private let stepsPerEpoch: Int
    private let batchSize: Int
    private let order: Buffer<Int>
    private let samples: SampleBuffer
    private let teleportSamples: SampleBuffer?
    private let drawn: Buffer<Int>?
    private let evaluation: Evaluation?
    private let epochStart: Snapshot
    private var placeOfStart = (step: 0, loss: (sum: 0.0, samples: 0))
    private var checkpoints: CheckpointSchedule?

    /// `notify` says whether to stop after an event.
    init(
        _ trainer: Trainer, train: Dataset, validation: Dataset?, options: RunOptions,
        notify: @escaping (TrainingEvent) -> Bool
    ) throws {
        try options.validate()
        let graph = trainer.model.graph
        try train.validate(for: graph, loss: trainer.loss)
        try validation?.validate(for: graph, loss: trainer.loss)
        try options.validateTeleports(of: trainer, samples: train.count)
        try BLAS.reserve()
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
        samples = try SampleBuffer(for: train, capacity: batchSize)
        try trainer.reserve(batchSize)
        let teleports = options.teleport != nil
        teleportSamples =
            teleports
            ? try SampleBuffer(for: train, capacity: min(options.teleportSamples, train.count))
            : nil
        drawn = teleports ? try Buffer(count: train.count) : nil
        evaluation = try validation.map { try Evaluation(trainer.model, on: $0) }
        epochStart = try Snapshot(trainer.model, trainer.optimizer)
        checkpoints = try options.checkpoints.map { try CheckpointSchedule($0, trainer) }
    }

    func run() throws -> End {
        var end = End.stopped
        // Stopped within a teleport, which has put back what it moved, or between steps.
        do { end = try epochs() } catch is Stopped {}
        try checkpoints?.writeLast()
        return end
    }

    private func epochs() throws -> End {
        for _ in 0..<options.epochs {
            if try epoch() == .stopped { return .stopped }
            try checkpoints?.endEpoch()
        }
        return .done
    }

    private func epoch() throws -> End {
        shuffle()
        // Past the end: another data set or batch size than before. At the end: stopped by the last step's event.
        if trainer.stepInEpoch > stepsPerEpoch { trainer.beginEpoch() }
        epochStart.take(trainer.model, trainer.optimizer)
        placeOfStart = (trainer.stepInEpoch, trainer.epochLoss)
        while trainer.stepInEpoch < stepsPerEpoch {
            try Stop.ask()
            if try teleportIfScheduled() == .stopped { return .stopped }
            let first = trainer.stepInEpoch * batchSize
            let count = min(batchSize, train.count - first)
            let batch = samples.gather(train, order.pointer + first, count: count)
            guard let loss = try trainer.advance(batch) else {
                // Without the teleport the same batch is tried again from where the weights are then.
                if try recover() == .stopped { return .stopped }
                continue
            }
            trainer.stepInEpoch += 1
            trainer.epochLoss.sum += loss * Double(count)
            trainer.epochLoss.samples += count
            if isStepEvent, notify(event(.step, loss: loss)) { return .stopped }
            if let checkpoints, checkpoints.isDue {
                if try recoverWeights() == .stopped { return .stopped }
                try checkpoints.write()
            }
        }
        if try recoverWeights() == .stopped { return .stopped }
        let loss = trainer.epochLoss.sum / Double(trainer.epochLoss.samples)
        trainer.beginEpoch()
        trainer.epoch += 1
        var event = event(.epoch, loss: loss)
        event.epoch -= 1
        event.stepInEpoch = stepsPerEpoch
        var end = End.done
        do {
            event.validation = try validation.flatMap { try evaluation?.metrics($0, trainer.loss) }
        } catch is Stopped {
            // The epoch is complete all the same, and its event is due.
            end = .stopped
        }
        return notify(event) ? .stopped : end
    }

    /// The epoch's order is a function of seed and epoch alone: teleports and pauses do not change it.
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

    private func event(_ kind: TrainingEvent.Kind, loss: Double = .nan) -> TrainingEvent {
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
        let index = trainer.epoch * RunOptions.mostTeleportsPerEpoch + trainer.stepInEpoch
        var generator = RandomGenerator(
            seed: options.seed,
            stream: RandomStream.member(index, of: RandomStream.teleportSamples))
        generator.permutation(into: drawn.pointer, count: drawn.count)
        let batch = samples.gather(train, drawn.pointer, count: samples.capacity)
        let report = try trainer.teleport(batch, teleport, keepingFirst: trainer.watch != nil)
        trainer.lastScheduledTeleport = trainer.stepCount
        if report.accepted {
            trainer.watch = Trainer.Watch(
                end: trainer.stepCount + options.watchSteps, report: report)
        }
        return notify(report)
    }

    /// Goes on if the weights are finite, or are so again without the watched teleport.
    private func recoverWeights() throws -> End {
        let parameters = trainer.model.parameters
        return allFinite(parameters.pointer, count: parameters.count) ? .done : try recover()
    }

    /// The loss or the weights stopped being finite: back to before the teleport if one is watched; otherwise the
    /// run fails, and weights that are not finite themselves go back to where the epoch began.
    private func recover() throws -> End {
        if var report = trainer.watch?.report, trainer.goBackBeforeTeleport() {
            report.outcome = .undone
            return notify(report)
        }
        let (step, epoch) = (trainer.stepInEpoch, trainer.epoch)
        var place = "the weights are those of the step before"
        let parameters = trainer.model.parameters
        if !allFinite(parameters.pointer, count: parameters.count) {
            epochStart.restore(trainer.model, trainer.optimizer)
            (trainer.stepInEpoch, trainer.epochLoss) = placeOfStart
            place = "the weights had left the finite numbers too and are those the epoch began with"
        }
        throw TeleportError(
            .notFinite,
            "the loss stopped being finite in step \(step) of epoch \(epoch) at learning rate \(trainer.learningRate); \(place)"
        )
    }
}

extension Trainer {
    /// Trains over `train` (`tp_trainer_run`). Returns false when it was stopped early.
    public func run(
        _ train: Dataset, validation: Dataset?, options: RunOptions,
        notify: @escaping (TrainingEvent) -> Bool
    ) throws -> Bool {
        try requireIdle()
        let run = try Run(
            self, train: train, validation: validation, options: options, notify: notify)
        isRunning = true
        model.isBeingTrained = true
        defer {
            isRunning = false
            model.isBeingTrained = false
        }
        return try answeringRequests { try run.run() == .done }
    }
}

import Networks

// Stopping early.
extension Run {
    /// Goes on waiting where a run over the same validation set left off.
    func beginWait() throws {
        guard options.patience > 0, let validation else {
            trainer.bestEpoch = nil
            return
        }
        let data = try Self.fingerprint(of: validation, batchSize: 0)
        guard trainer.bestEpoch?.data != data else { return }
        trainer.bestEpoch = try BestEpoch(trainer.model.weights, data: data)
    }

    var isPatienceUsedUp: Bool {
        guard let best = trainer.bestEpoch else { return false }
        return best.waited >= options.patience
    }

    func event(of best: BestEpoch) -> TrainingEvent {
        var event = event(.earlyStop)
        event.epoch = best.epoch ?? -1
        event.validation = best.metrics
        return event
    }
}

// The weights at the end.
extension Run {
    /// The weights that the run ends with, where it stops early or averages weights.
    func finish() throws {
        if options.finish == .standard, let best = trainer.bestEpoch, best.epoch != nil {
            trainer.model.weights.copy(from: best.weights)
            return
        }
        guard let averaged, options.finish != .last, trainer.writeAverage(to: averaged) else {
            return
        }
        if options.finish != .average {
            let loss = trainer.loss
            func measured(_ model: Model) throws -> Double {
                try Evaluation(model, on: train, weights: weights).metrics(train, loss).loss
            }
            let last = try measured(trainer.model)
            guard try measured(averaged) < last else { return }
        }
        trainer.model.parameters.pointer.update(
            from: averaged.parameters.pointer, count: averaged.parameters.count)
    }
}

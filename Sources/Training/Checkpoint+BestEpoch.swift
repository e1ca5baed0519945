import Files
import Networks
import Runtime

// How long a run that stops early has waited, in a checkpoint: numbers in __metadata__ under
// teleport.trainer.best_*, and the best weights as tensors trainer.best.*. Files of other trainers
// have none of these.

private let prefix = CheckpointFile.current + "best."

extension Weights {
    /// What there is of parameters and statistics, with the names of their tensors.
    fileprivate var arrays: [(String, Buffer<Float>)] {
        [(CheckpointFile.parameters, parameters), ("statistics", statistics)]
            .filter { $0.1.count > 0 }
    }
}

extension SafetensorsWriter {
    func texts(of best: BestEpoch?) throws {
        guard let best else { return }
        let numbers = [
            ("best_data", best.data.description), ("best_waited", best.waited.description),
            // Epochs count from 0; 0 here means none.
            ("best_epoch", ((best.epoch ?? -1) + 1).description),
            ("best_loss", best.loss.description), ("best_accuracy", best.accuracy.description),
        ]
        for (name, value) in numbers { try text(CheckpointFile.key(name), value) }
    }

    func tensors(of best: BestEpoch?) throws {
        for (name, numbers) in best?.weights.arrays ?? [] {
            try tensor(prefix + name, [numbers.count], of: numbers.pointer, count: numbers.count)
        }
    }
}

extension Trainer {
    func bestEpoch(from file: SafetensorsReader) throws -> BestEpoch? {
        guard file.text(CheckpointFile.key("best_data")) != nil else { return nil }
        let best = try BestEpoch(
            model.weights, data: try file.number(CheckpointFile.key("best_data")))
        best.waited = try file.count("best_waited")
        let epoch = try file.count("best_epoch")
        for (name, numbers) in best.weights.arrays {
            try file.read(prefix + name, into: numbers.pointer, count: numbers.count)
        }
        guard epoch > 0 else { return best }
        best.epoch = epoch - 1
        best.loss = try file.number(CheckpointFile.key("best_loss"))
        best.accuracy = try file.number(CheckpointFile.key("best_accuracy"))
        guard best.loss.isFinite, best.weights.areFinite else {
            throw FileFailure(.notFinite, "its best weights or their loss are not finite")
        }
        return best
    }
}

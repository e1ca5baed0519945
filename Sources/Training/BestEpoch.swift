import Networks

/// The best validation of a run that stops early, the weights it was of, and the epochs since. A
/// trainer keeps it until the run has come to its end, checkpoints keep it with the trainer.
final class BestEpoch {
    /// Those that were validated: an average where the trainer has one.
    let weights: Weights
    /// Of the validation set: over another one the wait begins anew.
    let data: UInt64
    /// Nil before the first validation whose loss is a number.
    var epoch: Int?
    var loss = Double.nan
    var accuracy = Double.nan
    /// Validations since then.
    var waited = 0

    init(_ weights: Weights, data: UInt64) throws {
        self.weights = try Weights(copying: weights)
        self.data = data
    }

    /// Allocates nothing.
    func consider(_ metrics: Metrics, of model: Model, epoch: Int, minDelta: Double) {
        // The first loss is below NaN as well. No checkpoint holds weights that are not finite.
        guard metrics.loss.isFinite, !(metrics.loss >= loss - minDelta), model.weights.areFinite
        else {
            waited += 1
            return
        }
        (loss, accuracy) = (metrics.loss, metrics.accuracy)
        self.epoch = epoch
        waited = 0
        weights.copy(from: model.weights)
    }

    var metrics: Metrics {
        var metrics = Metrics()
        (metrics.loss, metrics.accuracy) = (loss, accuracy)
        return metrics
    }
}

/// What a run came to; the fields of `tp_run_result`.
public struct RunResult: Sendable {
    /// Completed in this run.
    public var epochs = 0
    /// Of the trainer; nil where the run was not to stop early, or no validation gave a number.
    public var bestEpoch: Int?
    public var bestLoss = Double.nan
    public var bestAccuracy = Double.nan
    public var isStoppedEarly = false

    public init() {}

    init(epochs: Int, best: BestEpoch?, isStoppedEarly: Bool) {
        self.epochs = epochs
        self.isStoppedEarly = isStoppedEarly
        guard let best else { return }
        (bestEpoch, bestLoss, bestAccuracy) = (best.epoch, best.loss, best.accuracy)
    }
}

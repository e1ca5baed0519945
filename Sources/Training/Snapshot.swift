import Networks
import Optimization

/// Weights and optimizer state at one moment, in memory that is taken once.
final class Snapshot {
    let weights: Weights
    let optimizer: any Optimizer

    init(_ model: Model, _ optimizer: any Optimizer) throws {
        weights = try Weights(copying: model.weights)
        self.optimizer = try optimizer.copy()
    }

    func take(_ model: Model, _ optimizer: any Optimizer) {
        weights.copy(from: model.weights)
        self.optimizer.restore(from: optimizer)
    }

    /// Puts both back to the bit.
    func restore(_ model: Model, _ optimizer: any Optimizer) {
        model.weights.copy(from: weights)
        optimizer.restore(from: self.optimizer)
    }
}

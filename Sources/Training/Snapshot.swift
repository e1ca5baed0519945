import Networks
import Optimization
import Runtime

/// Weights and optimizer state at one moment, in memory that is taken once.
final class Snapshot {
    let parameters: Buffer<Float>
    let optimizer: any Optimizer

    init(_ model: Model, _ optimizer: any Optimizer) throws {
        parameters = try Buffer(copying: model.parameters)
        self.optimizer = try optimizer.copy()
    }

    func take(_ model: Model, _ optimizer: any Optimizer) {
        parameters.pointer.update(from: model.parameters.pointer, count: parameters.count)
        self.optimizer.restore(from: optimizer)
    }

    /// Puts both back to the bit.
    func restore(_ model: Model, _ optimizer: any Optimizer) {
        model.parameters.pointer.update(from: parameters.pointer, count: parameters.count)
        optimizer.restore(from: self.optimizer)
    }
}

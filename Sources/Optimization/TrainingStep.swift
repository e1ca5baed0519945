import LinearAlgebra
import Networks
import Runtime

/// One training step, the same for trainers and for the rollouts of a teleport: forward, backward, update.
public final class TrainingStep {
    public let model: Model
    public let loss: Loss
    public let optimizer: any Optimizer
    public let workspace: Workspace
    /// Only for optimizers whose step is not one product a layer.
    private let gradient: Buffer<Float>?

    public init(model: Model, loss: Loss, optimizer: any Optimizer, batchSize: Int) throws {
        try BLAS.reserve()
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        workspace = try Workspace(model.architecture, capacity: batchSize, backward: true)
        gradient =
            optimizer.linearStep == nil
            ? try Buffer(count: model.architecture.parameterCount) : nil
    }

    /// A step on a valid batch that fits the workspace; returns the loss before it, or nil when the loss or the
    /// output error are not finite: then no weight has been touched.
    public func take(_ batch: Batch) -> Double? {
        let parameters = model.parameters.pointer
        let (value, isFinite) = workspace.lossAndErrors(
            parameters, batch: batch, loss: loss,
            normalization: loss.normalization(
                totalWeight: batch.totalWeight, outputs: model.architecture.outputWidth))
        guard isFinite else { return nil }
        if let gradient {
            workspace.accumulateGradient(of: batch, into: gradient.pointer, alpha: 1, beta: 0)
            optimizer.step(parameters, gradient: gradient.pointer)
        } else if let step = optimizer.linearStep {
            workspace.accumulateGradient(
                of: batch, into: parameters, alpha: step.alpha, beta: step.beta)
        }
        return value
    }
}

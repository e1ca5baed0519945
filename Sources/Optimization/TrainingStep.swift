import CShims
import Layers
import Networks
import Runtime

/// One training step, the same for trainers and for the rollouts of a teleport: forward, backward, update.
public final class TrainingStep {
    public let model: Model
    public let loss: Loss
    public let optimizer: any Optimizer
    public let workspace: Workspace
    /// Largest norm of a gradient; 0: no bound.
    public let clipNorm: Double
    /// Only where the step is not one product a layer.
    private let gradient: Buffer<Float>?
    private lazy var trust = StepTrust(model, optimizer)

    public init(
        model: Model, loss: Loss, optimizer: any Optimizer, clipNorm: Double = 0, batchSize: Int
    ) throws {
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        workspace = try Workspace(model.graph, capacity: batchSize, backward: true)
        self.clipNorm = clipNorm
        gradient =
            optimizer.linearStep == nil || clipNorm > 0
            ? try Buffer(count: model.graph.parameterCount) : nil
    }

    /// A step on a valid batch that fits the workspace; returns the loss before it, or nil when the loss, the errors or
    /// the weights after it are not finite: then weights and optimizer are as before. Takes memory only for a gradient
    /// that may be too large.
    public func take(_ batch: Batch) throws -> Double? {
        let (value, bound) = workspace.lossAndBound(
            model.parameters.pointer, batch: batch, loss: loss,
            scale: loss.scale(
                totalWeight: batch.totalWeight, outputs: model.graph.outputWidth))
        guard value.isFinite, bound.isFinite else { return nil }
        return try trust.keepsFinite(bound, { update(batch) }) ? value : nil
    }

    private func update(_ batch: Batch) {
        let parameters = model.parameters.pointer
        if let gradient {
            workspace.accumulateGradient(of: batch, into: gradient.pointer, alpha: 1, beta: 0)
            clip(gradient)
            optimizer.step(parameters, gradient: gradient.pointer)
        } else if let step = optimizer.linearStep {
            workspace.accumulateGradient(
                of: batch, into: parameters, alpha: step.alpha, beta: step.beta)
        }
    }

    /// One step with a gradient from elsewhere, which is left alone. False, and nothing changed, where the weights after it
    /// are not finite.
    public func apply(gradient source: UnsafePointer<Float>) throws -> Bool {
        let bound = Double(shim_largest_magnitude(source, model.parameters.count))
        return try trust.keepsFinite(bound) { update(gradient: source) }
    }

    private func update(gradient source: UnsafePointer<Float>) {
        guard let gradient else {
            optimizer.step(model.parameters.pointer, gradient: source)
            return
        }
        gradient.pointer.update(from: source, count: gradient.count)
        clip(gradient)
        optimizer.step(model.parameters.pointer, gradient: gradient.pointer)
    }

    /// Shortens a gradient that is longer than `clipNorm`, as `torch.nn.utils.clip_grad_norm_` does.
    private func clip(_ gradient: Buffer<Float>) {
        guard clipNorm > 0 else { return }
        let norm = squaredNorm(gradient.pointer, count: gradient.count).squareRoot()
        let factor = Float(min(clipNorm / (norm + 1e-6), 1))
        guard factor < 1 else { return }
        for i in 0..<gradient.count { gradient.pointer[i] *= factor }
    }
}

import Networks
import Optimization
import Runtime

/// What a search works on: a model, the samples whose loss a move must keep, and how far it may go.
struct SearchTask {
    /// Below this many samples the objective and the scores of a lookahead share all of them.
    static let smallestSplit = 64

    var model: Model
    var batch: Batch
    /// Samples that the objective is measured on.
    let objectiveBatch: Batch
    /// Rollouts are scored on samples that gave the direction.
    let halvesShared: Bool
    let loss: Loss
    var options: TeleportConfig
    /// The options' own or the group's.
    let radius: Double
    let steps: Int
    let rollout: Rollout
    private let optimizer: Optimizer?

    init(
        _ model: Model, _ batch: Batch, _ loss: Loss, _ options: TeleportConfig,
        radius: Double, steps: Int, optimizer: Optimizer? = nil, clipNorm: Double = 0,
        firstStep: Int = 0
    ) {
        self.model = model
        self.batch = batch
        self.loss = loss
        self.options = options
        self.radius = radius
        self.steps = steps
        self.optimizer = optimizer
        let isSplit = options.needsRollouts && batch.count >= Self.smallestSplit
        let half = batch.count / 2
        objectiveBatch = isSplit ? batch.slice(0, half) : batch
        halvesShared = options.needsRollouts && !isSplit
        rollout = Rollout(
            training: objectiveBatch,
            scoring: isSplit ? batch.slice(half, batch.count - half) : batch, loss: loss,
            steps: options.rolloutSteps, batchSize: options.rolloutBatch, clipNorm: clipNorm,
            firstStep: firstStep)
    }

    /// The one whose copies take the steps of rollouts.
    func rolloutOptimizer() throws -> Optimizer {
        if let optimizer { return optimizer }
        var plain = OptimizerConfig()
        plain.learningRate = options.learningRate
        return try plain.makeOptimizer(parameterCount: model.parameters.count)
    }

    /// The layers of one candidate of a random search.
    func drawLayers(from layers: [Int], _ generator: inout RandomGenerator) -> [Int] {
        guard options.layers == .random else { return layers }
        return [layers[generator.nextIndex(below: layers.count)]]
    }
}

extension TeleportConfig {
    var needsRollouts: Bool { search == .lookahead || objective == .lookahead }
}

import Datasets
import Layers
import Networks
import Runtime

/// Loss, by the samples' weights, and accuracy, which counts samples, over a data set; the fields
/// of `tp_metrics`.
public struct Metrics: Sendable {
    public var loss = Double.nan
    /// NaN for data sets with targets.
    public var accuracy = Double.nan
    public var correct = 0
    public var count = 0

    public init() {}
}

/// Measures one model over data sets, with buffers that are made once.
public final class Evaluation {
    private let model: Model
    private let workspace: Workspace
    private let samples: SampleBuffer
    private let weights: SampleWeights?

    public convenience init(_ model: Model, on dataset: Dataset) throws {
        try self.init(model, on: dataset, weights: nil)
    }

    /// With other weights than the set's own.
    init(_ model: Model, on dataset: Dataset, weights: SampleWeights?) throws {
        self.model = model
        self.weights = weights
        workspace = try model.measuringWorkspace(count: dataset.count, .running)
        samples = try SampleBuffer(
            for: dataset, capacity: workspace.capacity, weights: weights?.values)
    }

    /// The metrics of a valid data set of the shape that this was made for.
    public func metrics(_ dataset: Dataset, _ loss: Loss) throws -> Metrics {
        if weights == nil { try dataset.requireWeight() }
        var metrics = Metrics()
        metrics.count = dataset.count
        metrics.loss = 0
        let width = model.graph.outputWidth
        let scale = loss.scale(
            totalWeight: weights?.total ?? dataset.totalWeight, outputs: width)
        try Model.forEachPiece(of: dataset.count, workspace) { first, count in
            let batch = try samples.copy(first: first, count: count)
            metrics.loss += workspace.loss(
                model.weights, batch: batch, loss: loss, scale: scale, .running)
            guard let labels = batch.labels else { return }
            for row in 0..<count
            where largestIndex(workspace.outputs + row * width, width) == Int(labels[row]) {
                metrics.correct += 1
            }
        }
        if dataset.hasLabels { metrics.accuracy = Double(metrics.correct) / Double(dataset.count) }
        return metrics
    }

    /// counts[t * k + p] += 1 for each sample of class t that is predicted as p; k the output
    /// width.
    public func confusion(
        _ dataset: Dataset, into counts: UnsafeMutablePointer<Int64>
    ) throws {
        let width = model.graph.outputWidth
        try Model.forEachPiece(of: dataset.count, workspace) { first, count in
            let batch = try samples.copy(first: first, count: count)
            workspace.forward(model.weights, x: batch.x, count: count, .running)
            guard let labels = batch.labels else { return }
            for row in 0..<count {
                let predicted = largestIndex(workspace.outputs + row * width, width)
                counts[Int(labels[row]) * width + predicted] += 1
            }
        }
    }
}

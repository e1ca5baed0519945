import Datasets
import Layers
import Networks
import Runtime

/// Room for up to `capacity` samples drawn from a data set, and the batch that they make.
public final class SampleBuffer {
    public let capacity: Int
    private let reader: SampleReader
    private let x: Buffer<Float>
    private let inputWidth: Int
    private let labels: Buffer<Int32>?
    private let targets: Buffer<Float>?
    private let targetWidth: Int
    private let weights: Buffer<Float>
    /// Of the samples of the set that is drawn from; nil: 1 each.
    private let givenWeights: Buffer<Float>?

    /// `readsAhead` and `augments` as a `SampleReader` takes them.
    public init(
        for dataset: Dataset, capacity: Int, weights givenWeights: Buffer<Float>? = nil,
        readsAhead: Bool = false, augments: Bool = false
    ) throws {
        self.capacity = capacity
        self.givenWeights = givenWeights ?? dataset.weights
        weights = try Buffer(count: capacity)
        reader = try SampleReader(
            dataset, capacity: capacity, augments: augments, readsAhead: readsAhead)
        inputWidth = dataset.sampleWidth
        targetWidth = dataset.targetWidth
        x = try Buffer(count: try Memory.product(capacity, inputWidth))
        labels = dataset.hasLabels ? try Buffer(count: capacity) : nil
        targets =
            targetWidth > 0 ? try Buffer(count: try Memory.product(capacity, targetWidth)) : nil
    }

    /// The samples at the given positions, valid until the next call; `upcoming` more positions are
    /// those of the next calls.
    public func gather(
        _ positions: UnsafePointer<Int>, count: Int, upcoming: Int = 0,
        change: AugmentationDraw? = nil
    ) throws -> Batch {
        try reader.gather(
            positions, count: count, upcoming: upcoming, change: change, x: x.pointer,
            labels: labels?.pointer, targets: targets?.pointer)
        guard let source = givenWeights else { return batch(count) }
        for i in 0..<count { weights.pointer[i] = source.pointer[positions[i]] }
        return batch(count, weights: weights.pointer)
    }

    /// The samples first ..< first + count, valid until the next call.
    public func copy(first: Int, count: Int) throws -> Batch {
        try reader.copy(
            first: first, count: count, x: x.pointer, labels: labels?.pointer,
            targets: targets?.pointer)
        return batch(count, weights: givenWeights.map { UnsafePointer($0.pointer) + first })
    }

    private func batch(_ count: Int, weights: UnsafePointer<Float>? = nil) -> Batch {
        Batch(
            x: x.pointer, inputWidth: inputWidth, labels: labels.map { UnsafePointer($0.pointer) },
            targets: targets.map { UnsafePointer($0.pointer) }, targetWidth: targetWidth,
            weights: weights, count: count)
    }
}

extension Dataset {
    /// Checks that the set can train or measure the model with this loss.
    public func validate(for graph: Graph, loss: Loss) throws {
        guard count > 0 else { throw TeleportError.invalid("the data set is empty") }
        guard sampleWidth == graph.inputWidth else {
            throw TeleportError(
                .shapeMismatch,
                "the data set has \(sampleWidth) values a sample (\(shape.channels) x \(shape.height) x \(shape.width)) but the model takes \(graph.inputWidth)"
            )
        }
        switch loss.kind {
        case .crossEntropy:
            guard hasLabels else {
                throw TeleportError.invalid("cross-entropy needs labels and the data set has none")
            }
            guard classCount <= graph.outputWidth else {
                throw TeleportError(
                    .shapeMismatch,
                    "the data set has \(classCount) classes but the model gives \(graph.outputWidth) outputs"
                )
            }
        case .meanSquaredError, .halfSquaredError:
            guard targetWidth > 0 else {
                throw TeleportError.invalid(
                    "a squared error needs targets and the data set has none")
            }
            guard targetWidth == graph.outputWidth else {
                throw TeleportError(
                    .shapeMismatch,
                    "the data set has \(targetWidth) targets a sample but the model gives \(graph.outputWidth) outputs"
                )
            }
        }
    }
}

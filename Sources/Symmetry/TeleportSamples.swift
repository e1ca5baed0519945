import Layers
import Networks
import Runtime

/// The samples of one teleport, and what is held out of them.
///
/// Samples of weight 0 count as nothing: a teleport is that of the batch without them. So no part
/// of it is without weight, be it a half, the quarter that is held out or a mini-batch of a
/// rollout.
final class TeleportSamples {
    /// Samples that the search sees and whose loss the move must keep.
    let batch: Batch
    /// Samples that take no part in the search.
    let heldOut: Batch?
    // What the two point to, where that is not the host's.
    private let copy: WeightedSamples?
    private let heldOutCopy: WeightedSamples?

    /// Valid for as long as this lives and the memory of a valid `batch` and of the options' own
    /// samples.
    init(_ batch: Batch, _ options: TeleportConfig) throws {
        copy = try WeightedSamples(of: batch)
        let all = copy?.batch ?? batch
        guard options.holdsQuarterOut else {
            let given = options.heldOutTolerance >= 0 ? options.heldOut : nil
            heldOutCopy = try given.flatMap { try WeightedSamples(of: $0) }
            self.batch = all
            heldOut = heldOutCopy?.batch ?? given
            return
        }
        guard all.count >= options.fewestSamples else {
            let kind = copy == nil ? "samples" : "samples with a weight"
            throw TeleportError.invalid(
                "the batch has \(all.count) \(kind), too few to hold a quarter out; give held_out, or a negative held_out_tolerance to do without"
            )
        }
        let quarter = all.count / 4
        heldOutCopy = nil
        self.batch = all.slice(0, all.count - quarter)
        heldOut = all.slice(all.count - quarter, quarter)
    }
}

/// A copy of those samples of a batch that have a weight.
private final class WeightedSamples {
    let batch: Batch
    private let x: Buffer<Float>
    private let labels: Buffer<Int32>?
    private let targets: Buffer<Float>?
    private let weights: Buffer<Float>

    /// Nil where all have one. At least one has: the batch is valid.
    init?(of batch: Batch) throws {
        guard let all = batch.weights, (0..<batch.count).contains(where: { all[$0] == 0 }) else {
            return nil
        }
        let count = (0..<batch.count).count { all[$0] > 0 }
        let (width, targetWidth) = (batch.inputWidth, batch.targetWidth)
        x = try Buffer(count: Memory.product(count, width))
        labels = try batch.labels.map { _ in try Buffer(count: count) }
        targets = try batch.targets.map { _ in
            try Buffer(count: Memory.product(count, targetWidth))
        }
        weights = try Buffer(count: count)
        var next = 0
        for row in 0..<batch.count where all[row] > 0 {
            (x.pointer + next * width).update(from: batch.x + row * width, count: width)
            if let labels, let source = batch.labels { labels.pointer[next] = source[row] }
            if let targets, let source = batch.targets {
                (targets.pointer + next * targetWidth).update(
                    from: source + row * targetWidth, count: targetWidth)
            }
            weights.pointer[next] = all[row]
            next += 1
        }
        self.batch = Batch(
            x: x.pointer, inputWidth: width, labels: labels.map { UnsafePointer($0.pointer) },
            targets: targets.map { UnsafePointer($0.pointer) }, targetWidth: targetWidth,
            weights: weights.pointer, count: count)
    }
}

extension TeleportConfig {
    /// A quarter of the batch takes no part in the search.
    var holdsQuarterOut: Bool {
        heldOutTolerance >= 0 && heldOut == nil && symmetry.dependsOnData
    }

    /// Samples that a batch needs.
    public var fewestSamples: Int { holdsQuarterOut ? 4 : 1 }
}

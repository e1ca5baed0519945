import Glibc
import LinearAlgebra
import Networks
import Optimization
import Runtime
import Symmetry

/// How training goes between refreshes: a piece of it that ends much worse than the best goes back
/// to where it began.
struct FrameWatch {
    /// Mean losses of the first and of the best piece; NaN before there is one.
    var first = Double.nan
    var best = Double.nan
    /// Of the piece at hand.
    var sum = 0.0
    var count = 0
    /// Where it began.
    let snapshot: Snapshot
    /// Of the data that the losses are of, and of the weights when the last run left them: a run
    /// over other data, or from weights that the host has changed, is another training, which
    /// nothing is to be taken back from.
    let data: UInt64
    var weights: UInt64 = 0

    /// A piece this much worse than the best is one that training is taken back from. A share of
    /// the first piece's loss is allowed for on top: near the end losses of a few mini-batches
    /// differ by more than half.
    static let worst = 1.5
    static let noise = 0.05

    var isWorse: Bool { sum / Double(count) > Self.worst * best + Self.noise * first }
}

/// FNV-1a, four bytes at a time.
func fingerprint(_ bytes: UnsafeRawBufferPointer, from start: UInt64 = 0xcbf2_9ce4_8422_2325)
    -> UInt64
{
    var hash = start
    for offset in stride(from: 0, to: bytes.count - 3, by: 4) {
        hash =
            (hash ^ UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            &* 0x100_0000_01b3
    }
    return hash
}

/// The inputs of the last samples that a host's steps have seen before a refresh.
final class SeenSamples {
    let x: Buffer<Float>
    let width: Int
    let capacity: Int
    var count = 0
    var next = 0

    init(width: Int, capacity: Int) throws {
        self.width = width
        self.capacity = capacity
        x = try Buffer(repeating: 0, count: try Memory.product(width, capacity))
    }

    /// Those of steps that are too far from the next refresh to be among its samples are not
    /// copied; batches half as large as this one are allowed for.
    func add(_ batch: Batch, stepsToRefresh: Int) {
        guard stepsToRefresh <= 2 * capacity / max(batch.count, 1) else { return }
        let first = max(batch.count - capacity, 0)
        for row in first..<batch.count {
            (x.pointer + next * width).update(from: batch.x + row * width, count: width)
            next = (next + 1) % capacity
        }
        count = min(count + batch.count, capacity)
    }
}

// Frames: teleports that choose the coordinates of the steps and leave the model alone.
extension Trainer {
    public var frames: Frames? { step.frames }

    /// Steps are taken in frames from now on (`tp_trainer_set_frames`), or in none: then averages
    /// of gradients go back to the weights' own coordinates. The same options again change nothing.
    public func setFrames(_ options: FrameConfig?) throws {
        try requireIdle()
        let isKept = options != nil && options == frames?.options && seen != nil
        let room =
            try isKept
            ? seen
            : options.map {
                try SeenSamples(width: model.graph.inputWidth, capacity: $0.samples)
            }
        try changeFrames(options)
        seen = room
    }

    func changeFrames(_ options: FrameConfig?) throws {
        guard options != frames?.options else { return }
        let old = frames
        try use(try options.map { try makeFrames($0) })
        if let old, old.coordinates != .folded, let moments = optimizer.state.firstMoments {
            old.release(moments.pointer)
        }
        frameWatch = nil
    }

    func makeFrames(_ frames: FrameConfig) throws -> Frames {
        try Frames(
            model.graph, frames, options.frameCoordinates, refreshesEarly: options.kind != .dog)
    }

    /// Steps are taken in these frames, with averages of gradients that are in them already.
    func use(_ frames: Frames?) throws { try step.setFrames(frames) }

    /// A refresh, if one is due, from what a host's steps have seen, this one's batch included.
    func refreshFrames(before batch: Batch) throws {
        guard let frames, let seen else { return }
        guard let steps = frames.stepsToRefresh else { return }
        seen.add(batch, stepsToRefresh: steps)
        guard steps == 0 else { return }
        _ = try refreshFrames(x: UnsafePointer(seen.x.pointer), count: seen.count)
    }

    func refreshFrames(x: UnsafePointer<Float>, count: Int) throws -> FrameRefresh {
        guard let frames else { return FrameRefresh() }
        return try frames.refresh(
            model, x: x, count: count, moments: optimizer.state.firstMoments?.pointer)
    }

    /// What other groups do to weights, frames and averages of weights do not follow.
    func requireTeleportable(_ teleport: TeleportConfig) throws {
        guard teleport.group != .frame else {
            try teleport.validate()
            return
        }
        guard frames == nil else {
            throw TeleportError(
                .unsupported,
                "the trainer steps in frames, which other teleports do not move; leave them with tp_trainer_set_frames first"
            )
        }
        guard options.resolvedAverage == .none else {
            throw TeleportError(
                .unsupported,
                "the trainer averages weights, and an average of weights before and after a teleport is none"
            )
        }
    }

    /// New frames from a batch's inputs. Loss and outputs stay as they are to the bit; this
    /// measures them all the same.
    func teleportFrames(_ batch: Batch) throws -> TeleportReport {
        let start = Clock.seconds()
        try BLAS.reserve()
        try batch.validate(for: model.graph, loss: loss)
        var report = TeleportReport()
        report.group = .frame
        report.layer = nil
        let width = model.graph.outputWidth
        let elements = try Memory.product(batch.count, width)
        let before = try Buffer<Float>(count: elements)
        let after = try Buffer<Float>(count: elements)
        let workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        let gradient = try Buffer<Float>(count: model.parameters.count)
        report.lossBefore = try model.gradient(
            batch, loss, into: gradient.pointer, workspace: workspace)
        try model.outputs(
            batch.x, count: batch.count, into: before.pointer, workspace: workspace)
        guard report.lossBefore.isFinite, allFinite(gradient.pointer, count: gradient.count) else {
            report.outcome = .notFinite
            return report
        }
        report.gradientNorm2Before = try gradientNorm2(gradient)
        let old = frames
        do {
            if old == nil {
                var options = FrameConfig()
                options.every = -1
                try changeFrames(options)
            }
            let spectra = try frames?.spectra(model, x: batch.x, count: batch.count)
            let refresh = try refreshFrames(x: batch.x, count: batch.count)
            report.condition = refresh.condition
            try report.add(spectra, model, batch, frames)
            report.refused = (frames?.refusedCount ?? 0) + refresh.kept
            report.outcome = refresh.renewed > 0 ? .accepted : .stayed
        } catch {
            if old == nil { try? changeFrames(nil) }
            throw error
        }
        report.gradientNorm2After = try gradientNorm2(gradient)
        report.objectiveBefore = report.gradientNorm2Before
        report.objectiveAfter = report.gradientNorm2After
        report.lossAfter = try model.loss(batch, loss, workspace: workspace)
        try model.outputs(batch.x, count: batch.count, into: after.pointer, workspace: workspace)
        let bytes = elements * MemoryLayout<Float>.size
        report.outputChange = memcmp(before.pointer, after.pointer, bytes) == 0 ? 0 : .nan
        report.seconds = Clock.seconds() - start
        return report
    }

    /// What the frame of a layer is and came to (`tp_trainer_frame_report`).
    public func frameReport(layer: Int) throws -> FrameReport {
        guard let frames else {
            throw TeleportError(
                .badState, "the trainer steps in no frames; set them with tp_trainer_set_frames")
        }
        guard frames.reports.indices.contains(layer) else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has \(frames.reports.count) layers")
        }
        return frames.reports[layer]
    }

    /// |grad L|^2 by the coordinates that steps are taken in.
    private func gradientNorm2(_ gradient: Buffer<Float>) throws -> Double {
        let framed = try Buffer(copying: gradient)
        frames?.enter(framed.pointer)
        // G P . G = |G A|^2
        let other = frames?.coordinates == .folded ? gradient : framed
        return dot(framed.pointer, other.pointer, count: gradient.count)
    }

    // The watch.

    /// Counts a step's loss, nil for one of samples without weight, and at the end of a piece says
    /// whether training has just been taken back.
    func watchFrames(_ loss: Double?, of data: UInt64) throws -> Bool {
        guard let frames else { return false }
        if frameWatch == nil { frameWatch = FrameWatch(snapshot: try Snapshot(self), data: data) }
        if let loss {
            frameWatch?.sum += loss
            frameWatch?.count += 1
        }
        guard frames.isDue, var watch = frameWatch, watch.count > 0 else { return false }
        if watch.isWorse { return try goBackInFrames() }
        let mean = watch.sum / Double(watch.count)
        if watch.first.isNaN { watch.first = mean }
        watch.best = watch.best < mean ? watch.best : mean
        (watch.sum, watch.count) = (0, 0)
        try watch.snapshot.take(self)
        frameWatch = watch
        return false
    }

    /// A run begins, or has left the weights as they are.
    func beginWatch(of data: UInt64) {
        guard let watch = frameWatch else { return }
        if watch.data != data || watch.weights != weightsFingerprint { frameWatch = nil }
    }

    func endWatch() { frameWatch?.weights = weightsFingerprint }

    private var weightsFingerprint: UInt64 {
        fingerprint(UnsafeRawBufferPointer(model.parameters.elements))
    }

    /// The least that the rate is multiplied by; training that still goes wrong has other reasons.
    private static let leastScale = 1.0 / 1_024

    /// Back to where the piece began, with half the rate; false where there is no way back.
    func goBackInFrames() throws -> Bool {
        guard let frames, let watch = frameWatch, frames.scale > Self.leastScale else {
            return false
        }
        let scale = frames.scale
        try watch.snapshot.restore(self)
        frames.scale = scale / 2
        // The next time takes back to the same place at a quarter.
        try watch.snapshot.takeFrames(frames)
        frameWatch?.sum = 0
        frameWatch?.count = 0
        return true
    }

    // Averages of weights.

    /// A model of its own with the averaged weights (`tp_trainer_averaged_model`).
    public func averagedModel() throws -> Model {
        guard let average = optimizer.state.average else {
            throw TeleportError(
                .unsupported, "the trainer averages no weights; its average is NONE")
        }
        let copy = try Model(copying: model)
        copyAverage(average, to: copy)
        return copy
    }

    private func copyAverage(_ average: Buffer<Float>, to copy: Model) {
        // Statistics are those of training. Before the first step the average is where it begins.
        copy.weights.copy(from: model.weights)
        guard optimizer.state.averagedSteps > 0 else { return }
        copy.parameters.pointer.update(from: average.pointer, count: average.count)
    }

    /// The averaged weights into a model of the same graph; false where there is no average.
    func writeAverage(to copy: Model) -> Bool {
        guard let average = optimizer.state.average else { return false }
        copyAverage(average, to: copy)
        return true
    }
}

extension TeleportReport {
    /// Ranks and conditions of C: the least rank, and the geometric mean of the conditions, of the
    /// layers that have a frame and whose C is finite and not 0.
    fileprivate mutating func add(
        _ before: [FrameSpectrum]?, _ model: Model, _ batch: Batch, _ frames: Frames?
    ) throws {
        guard let before, let frames else { return }
        frames.report(before, try frames.spectra(model, x: batch.x, count: batch.count))
        let measured = frames.reports.filter { $0.rank > 0 }
        func mean(_ condition: KeyPath<FrameReport, Double>) -> Double {
            exp(measured.reduce(0) { $0 + log($1[keyPath: condition]) } / Double(measured.count))
        }
        rank = measured.map { $0.rank }.min() ?? 0
        conditionBefore = mean(\.conditionBefore)
        conditionAfter = mean(\.conditionAfter)
    }
}

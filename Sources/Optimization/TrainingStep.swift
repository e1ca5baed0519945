import CShims
import Layers
import Networks
import Runtime

/// One training step, the same for trainers and for the rollouts of a teleport: forward, backward,
/// update.
public final class TrainingStep {
    public let model: Model
    public let loss: Loss
    public let optimizer: Optimizer
    public let workspace: Workspace
    /// Largest norm of a gradient; 0: no bound. In a frame the norm is that by its coordinates.
    public let clipNorm: Double
    /// What steps are taken in, if it is not the weights' own coordinates.
    public private(set) var frames: Frames?

    private let isScheduleFree: Bool
    private let averages: Bool
    /// Only where the step is not one product a layer.
    private var gradient: Buffer<Float>?
    private let hasGradient: Bool
    /// Steps are made of the gradient; otherwise some need one all the same.
    private var usesGradient: Bool
    /// Running statistics after a step, before it is known whether there is one.
    private let statistics: Buffer<Float>
    /// The sum of a large batch's pieces, where there is no `gradient`.
    private var pieceSum: Buffer<Float>?
    private let isNeverCut: Bool
    /// Samples that there is room for, in pieces or not.
    private var batchSize: Int
    private lazy var trust = StepTrust(model, optimizer)

    public init(
        model: Model, loss: Loss, optimizer: Optimizer, clipNorm: Double = 0, batchSize: Int
    ) throws {
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        workspace = try Workspace(
            model.graph, capacity: min(batchSize, Self.largestPiece), backward: true)
        workspace.seed = model.options.seed
        self.clipNorm = clipNorm
        statistics = try Buffer(copying: model.weights.statistics)
        isScheduleFree = optimizer.options.resolvedAverage == .scheduleFree
        averages = optimizer.options.resolvedAverage != .none
        hasGradient = optimizer.linearStep == nil || clipNorm > 0 || isScheduleFree
        usesGradient = hasGradient
        gradient = hasGradient ? try Buffer(count: model.graph.parameterCount) : nil
        isNeverCut = model.graph.meets(.training)
        self.batchSize = batchSize
        try reserve(batchSize)
    }

    /// Samples that go through the net at once. Of more than these x is read from memory twice,
    /// forward and for the gradient. Where samples meet, and in frames, a batch is never cut.
    private static let largestPiece = 512

    private func isCut(_ count: Int) -> Bool {
        count > Self.largestPiece && frames == nil && !isNeverCut
    }

    /// Room for batches of `count` samples. On failure nothing changes.
    public func reserve(_ count: Int) throws {
        let isCut = isCut(count)
        let pieceSum =
            isCut && gradient == nil && self.pieceSum == nil
            ? try Buffer<Float>(count: model.graph.parameterCount) : self.pieceSum
        try workspace.reserve(isCut ? Self.largestPiece : count)
        self.pieceSum = pieceSum
        batchSize = max(batchSize, count)
    }

    /// The number of the next step, which its random choices depend on.
    public var number: Int {
        get { Int(truncatingIfNeeded: workspace.stepNumber) }
        set { workspace.stepNumber = UInt64(truncatingIfNeeded: newValue) }
    }

    /// Steps are taken in `frames` from now on, which are for this model and for the optimizer's
    /// coordinates; nil: in none.
    public func setFrames(_ frames: Frames?) throws {
        let count = model.graph.parameterCount
        let needsGradient = hasGradient || frames?.hasOutputs ?? false
        let gradient = needsGradient ? try self.gradient ?? Buffer(count: count) : nil
        if frames != nil { try workspace.reserve(batchSize) }
        try workspace.setFrames(
            frames?.maps ?? [], outputMaps: frames?.outputMaps ?? [])
        (self.frames, self.gradient) = (frames, gradient)
        usesGradient = hasGradient || frames.map { $0.coordinates != .folded } ?? false
    }

    /// A step on a valid batch that fits the workspace; returns the loss before it, or nil when the
    /// loss, the errors or what is there after it is not finite: then weights and optimizer are as
    /// before. Takes memory only for a gradient that may be too large.
    public func take(_ batch: Batch) throws -> Double? {
        if isCut(batch.count) { return try takePieces(batch) }
        let (value, bound) = workspace.lossAndBound(
            model.weights, batch: batch, loss: loss,
            scale: loss.scale(
                totalWeight: batch.totalWeight, outputs: model.graph.outputWidth), .training)
        guard value.isFinite, bound.isFinite, findStatistics(batch) else { return nil }
        guard try keepsFinite(bound, { update(batch) }) else { return nil }
        model.weights.statistics.pointer.update(from: statistics.pointer, count: statistics.count)
        workspace.stepNumber &+= 1
        return value
    }

    /// Running statistics after the step, into `statistics`; false where one is not finite: a norm
    /// hides its largest inputs from the loss, and their squares overflow.
    private func findStatistics(_ batch: Batch) -> Bool {
        let running = model.weights.statistics.pointer
        statistics.pointer.update(from: running, count: statistics.count)
        workspace.updateStatistics(of: model.weights, batch)
        for i in 0..<statistics.count {
            (running[i], statistics.pointer[i]) = (statistics.pointer[i], running[i])
        }
        return allFinite(statistics.pointer, count: statistics.count)
    }

    /// The same with the gradient summed piece by piece.
    private func takePieces(_ batch: Batch) throws -> Double? {
        guard let sum = gradient ?? pieceSum else { return nil }
        let scale = loss.scale(
            totalWeight: batch.totalWeight, outputs: model.graph.outputWidth)
        var (value, bound) = (0.0, 0.0)
        for first in stride(from: 0, to: batch.count, by: Self.largestPiece) {
            let piece = batch.slice(first, min(Self.largestPiece, batch.count - first))
            let share = workspace.lossAndBound(
                model.weights, batch: piece, loss: loss, scale: scale, .training)
            value += share.loss
            bound += share.gradient
            guard value.isFinite, bound.isFinite else { return nil }
            workspace.accumulateGradient(
                model.weights, of: piece, into: sum.pointer, alpha: 1, beta: first == 0 ? 0 : 1,
                .training)
        }
        guard try keepsFinite(bound, { update(sum) }) else { return nil }
        workspace.stepNumber &+= 1
        return value
    }

    @inline(__always)
    private func keepsFinite(_ bound: Double, _ step: () -> Void) throws -> Bool {
        frames?.begin(bound)
        guard try trust.keepsFinite(bound * (frames?.growth ?? 1), step) else { return false }
        frames?.end()
        return true
    }

    private func update(_ batch: Batch) {
        let parameters = model.parameters.pointer
        if let plain = frames?.plainGradient {
            workspace.accumulateGradient(
                model.weights, of: batch, into: plain, alpha: 1, beta: 0, .training,
                inFrames: false)
            update(gradient: plain, nil)
            return
        }
        frames?.enterOutputs(workspace, count: batch.count)
        if usesGradient, let gradient {
            if stepsByRows, takeRows(batch, gradient) { return }
            workspace.accumulateGradient(
                model.weights, of: batch, into: gradient.pointer, alpha: 1, beta: 0, .training)
            update(gradient)
        } else if let step = optimizer.linearStep {
            if averages { optimizer.state.beginAverage(parameters) }
            workspace.accumulateGradient(
                model.weights, of: batch, into: parameters, alpha: step.alpha, beta: step.beta,
                .training)
            if averages {
                optimizer.state.nextAverage(parameters)?.run(0..<model.parameters.count)
            }
        }
    }

    /// The gradient is asked for nothing but the optimizer's own step.
    private var stepsByRows: Bool { frames == nil && clipNorm == 0 && !isScheduleFree }

    private func takeRows(_ batch: Batch, _ gradient: Buffer<Float>) -> Bool {
        let parameters = model.parameters.pointer
        if averages { optimizer.state.beginAverage(parameters) }
        guard optimizer.step(model.weights, batch, workspace, scratch: gradient.pointer) else {
            return false
        }
        if averages { optimizer.state.nextAverage(parameters)?.run(0..<model.parameters.count) }
        return true
    }

    /// One step with a gradient from elsewhere, in the weights' own coordinates, which is left
    /// alone. False, and nothing changed, where the weights after it are not finite. `scratch`: as
    /// `needsScratch` says.
    public func apply(
        gradient source: UnsafePointer<Float>, scratch: Buffer<Float>? = nil
    ) throws -> Bool {
        let bound = Double(shim_largest_magnitude(source, model.parameters.count))
        return try keepsFinite(bound) { update(gradient: source, scratch) }
    }

    private func update(gradient source: UnsafePointer<Float>, _ scratch: Buffer<Float>?) {
        guard let own = gradient ?? scratch else {
            optimizer.step(model.parameters.pointer, gradient: source)
            return
        }
        own.pointer.update(from: source, count: own.count)
        frames?.enter(own.pointer, collecting: source)
        update(own)
    }

    /// `apply` needs a gradient of its own to change.
    public var needsScratch: Bool { gradient == nil && (frames != nil || averages) }

    /// The optimizer's step with a gradient in the frames' coordinates.
    private func update(_ gradient: Buffer<Float>) {
        let weights = model.parameters.pointer
        let options = optimizer.options
        let decay = options.resolvedWeightDecay
        if averages { optimizer.state.beginAverage(weights) }
        if let frames, options.hasCoupledDecay, decay > 0 {
            frames.add(weights, scaledBy: Float(decay), to: gradient.pointer)
        }
        clip(gradient)
        optimizer.dog?.measure(weights, optimizer.state, in: frames)
        let isCoupled = options.hasCoupledDecay || decay == 0
        let averaging =
            isScheduleFree
            ? optimizer.state.nextScheduleFree(
                weights, rate: optimizer.learningRate, decay: decay, beta: options.interpolation)
            : averages ? optimizer.state.nextAverage(weights) : nil
        let fast = isScheduleFree ? optimizer.state.fast?.pointer : nil
        if let frames, frames.coordinates != .folded {
            let kept = isCoupled || isScheduleFree ? 1 : Float(1 - optimizer.learningRate * decay)
            frames.step(
                gradient.pointer, by: optimizer, target: fast ?? weights, beta: kept,
                averaging: averaging)
        } else if let fast {
            optimizer.step(inPlaceOf: gradient.pointer)
            for first in stride(from: 0, to: gradient.count, by: Self.piece) {
                let range = first..<min(first + Self.piece, gradient.count)
                shim_step(fast + first, gradient.pointer + first, range.count, 1, 1)
                averaging?.run(range)
            }
        } else {
            optimizer.step(weights, gradient: gradient.pointer, averaging: averaging)
        }
    }

    /// Numbers that are stepped at a time, so that the next pass finds them in the cache.
    private static let piece = 2_048

    /// Shortens a gradient that is longer than `clipNorm`, as `torch.nn.utils.clip_grad_norm_`
    /// does.
    private func clip(_ gradient: Buffer<Float>) {
        guard clipNorm > 0 else { return }
        let norm = squaredNorm(gradient.pointer, count: gradient.count).squareRoot()
        let factor = Float(min(clipNorm / (norm + 1e-6), 1))
        guard factor < 1 else { return }
        for i in 0..<gradient.count { gradient.pointer[i] *= factor }
    }
}

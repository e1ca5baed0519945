import CShims
import Layers
import LinearAlgebra
import Runtime

// Forward and backward passes over a batch that fits the workspace. Threads share a batch in
// phases: rows of samples go forward and back, then rows of the gradients are summed. Where samples
// meet (batch norm) a phase is cut: each part brings what its samples have, one thread joins it in
// the order of the samples, and all go on. No sum is ever split between threads, so nothing has to
// be reduced, and one thread is used where a phase is too small to gain.

/// What the parts of a pass share; lives on the caller's stack.
private struct Job {
    var pass: Pass
    let weights: WeightPointers
    let batch: Batch
    /// Samples that are never parted.
    let sampleBlock: Int
    var loss = Loss.crossEntropy
    var scale = 1.0
    var parts: Int
    var target: UnsafeMutablePointer<Float>?
    var alpha: Float = 1
    var beta: Float = 0
    var update: GradientUpdate?
    var hasFirstProduct = false
    var isBounding = false
    /// What is done in a phase, in this order: layers forward, the layer that samples then meet in
    /// (or none), the loss, layers back, the layer that they then meet in.
    var ahead = 0..<0
    var meeting: Int?
    var hasLoss = false
    var back = 0..<0
    var meetingBack: Int?

    @inline(__always)
    func samples(_ part: Int) -> (first: Int, count: Int) {
        share(part, of: batch.count, block: sampleBlock)
    }

    /// What part `part` does of something: multiples of `block` but for the last.
    @inline(__always)
    func share(_ part: Int, of total: Int, block: Int = 16) -> (first: Int, count: Int) {
        let blocks = (total + block - 1) / block
        let first = min(blocks * part / parts * block, total)
        let end = min(blocks * (part + 1) / parts * block, total)
        return (first, end - first)
    }

    /// Rows of a layer's gradient that part `part` sums: each part has an equal share of all work,
    /// to four rows.
    @inline(__always)
    func rows(_ part: Int, of step: Plan.Step) -> (first: Int, count: Int) {
        let first = boundary(part, step)
        return (first, boundary(part + 1, step) - first)
    }

    @inline(__always)
    private func boundary(_ part: Int, _ step: Plan.Step) -> Int {
        guard part < parts else { return step.gradientRows }
        let row = max(pass.gradientWork / parts * part - step.workBefore, 0) / step.rowWork
        return min((row + 2) / 4 * 4, step.gradientRows)
    }
}

extension Workspace {
    /// Two multiply-adds a weight and sample; below this many one thread is as fast.
    private static let smallestShare = 4_000_000

    private func job(_ weights: Weights, _ batch: Batch, _ mode: PassMode) -> Job {
        let pass = pass(mode)
        let work = batch.count * multiplyAdds * 2
        let threads = min(
            max(work / Self.smallestShare, 1), ThreadPool.shared.threadCount, maximumParts)
        // Few samples are parted more evenly: 17 are 8 and 9, not 16 and 1.
        let block = min(pass.sampleBlock, batch.count < 64 * threads ? 4 : 16)
        let parts = min(threads, max((batch.count + block - 1) / block, 1))
        return Job(
            pass: pass, weights: WeightPointers(weights), batch: batch, sampleBlock: block,
            parts: parts)
    }

    /// Every part does its share of the phase.
    private func run(_ job: inout Job) {
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.run(part)
        }
    }

    /// Outputs of the batch's samples, in `outputs`.
    public func forward(
        _ weights: Weights, x: UnsafePointer<Float>, count: Int, _ mode: PassMode
    ) {
        forward(weights, Batch(x: x, inputWidth: graph.inputWidth, count: count), mode)
    }

    private func forward(_ weights: Weights, _ batch: Batch, _ mode: PassMode) {
        var job = job(weights, batch, mode)
        begin(&job)
        run(&job)
    }

    /// All phases of the forward pass but the last, which `job` then says.
    private func begin(_ job: inout Job) {
        let pass = job.pass
        pass.prepare(job.weights, job.batch)
        shareFirstProduct(&job)
        var (first, next) = (0, 0)
        while let meeting = pass.meeting(from: next) {
            job.ahead = first..<meeting
            job.meeting = meeting
            run(&job)
            pass.meet(meeting, .forward, job.weights, job.batch)
            (first, next) = (meeting, meeting + 1)
        }
        job.ahead = first..<pass.stepCount
        job.meeting = nil
    }

    /// By outputs, where the first layer says that this has less to pack.
    private func shareFirstProduct(_ job: inout Job) {
        guard job.parts > 1 else { return }
        let (rows, parts) = (job.batch.count, job.parts)
        let shares = job.pass.steps[0].layer._withUnsafeGuaranteedRef {
            $0.sharesOutputs(rows: rows, parts: parts)
        }
        guard shares else { return }
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            let pass = job.pointee.pass
            let (first, count) = job.pointee.share(part, of: pass.steps[0].width)
            guard count > 0 else { return }
            let layerPass = pass.layerPass(
                0, job.pointee.weights, job.pointee.batch, first: 0,
                count: job.pointee.batch.count)
            pass.steps[0].layer._withUnsafeGuaranteedRef {
                $0.multiply(layerPass, first: first, count: count)
            }
        }
        job.hasFirstProduct = true
    }

    /// The batch's share of the loss; its outputs stay in `outputs`.
    public func loss(
        _ weights: Weights, batch: Batch, loss: Loss, scale: Double, _ mode: PassMode
    ) -> Double {
        forward(weights, batch, mode)
        return loss.evaluate(
            outputs, width: graph.outputWidth, batch: batch, scale: scale, delta: nil)
    }

    /// Forward and backward: the batch's share of the loss, values and deltas of every layer.
    public func lossAndDeltas(
        _ weights: Weights, batch: Batch, loss: Loss, scale: Double, _ mode: PassMode
    ) -> Double {
        lossAndDeltas(weights, batch, loss, scale, mode, isBounding: false).loss
    }

    /// The same, and what no element of the gradient exceeds; not finite where a delta or a factor
    /// is not. That reads what has just been written, and of the inputs only those that the outputs
    /// do not show: where an activation is bounded, where a weight may be 0, where a pooling passes
    /// them by, and where there is no hidden layer.
    public func lossAndBound(
        _ weights: Weights, batch: Batch, loss: Loss, scale: Double, _ mode: PassMode
    ) -> (loss: Double, gradient: Double) {
        lossAndDeltas(weights, batch, loss, scale, mode, isBounding: true)
    }

    private func lossAndDeltas(
        _ weights: Weights, _ batch: Batch, _ loss: Loss, _ scale: Double, _ mode: PassMode,
        isBounding: Bool
    ) -> (loss: Double, gradient: Double) {
        var job = job(weights, batch, mode)
        (job.loss, job.scale, job.isBounding) = (loss, scale, isBounding)
        begin(&job)
        let pass = job.pass
        job.hasLoss = true
        var (end, next) = (pass.stepCount, pass.stepCount - 1)
        while let meeting = pass.meeting(downFrom: next) {
            job.back = meeting + 1..<end
            job.meetingBack = meeting
            run(&job)
            pass.meet(meeting, .backward, job.weights, batch)
            (end, next) = (meeting + 1, meeting - 1)
            (job.ahead, job.hasLoss) = (0..<0, false)
        }
        job.back = 0..<end
        job.meetingBack = nil
        run(&job)
        var sum = PartialLoss()
        for part in 0..<job.parts {
            let partial = pass.partialLosses[part]
            sum.loss += partial.loss
            sum.deltas += partial.deltas
            sum.factors += partial.factors
        }
        // 1: a bias's gradient is the sum of deltas.
        let terms = Double(batch.count) * Double(pass.gradientTerms)
        return (sum.loss, terms * sum.deltas * (1 + sum.factors))
    }

    /// target <- beta target + alpha (gradient of the batch's share), after `lossAndDeltas` of the
    /// same batch with the same weights. With target = parameters and alpha = -rate this is the
    /// step of plain SGD. `update` runs over all parameters, each once it has what the target is to
    /// hold for it; needs `hasParameterRows`.
    public func accumulateGradient(
        _ weights: Weights, of batch: Batch, into target: UnsafeMutablePointer<Float>,
        alpha: Float, beta: Float, _ mode: PassMode, inFrames: Bool = true,
        then update: GradientUpdate? = nil
    ) {
        var job = job(weights, batch, mode)
        if !inFrames { job.pass.frames = nil }
        if let update {
            job.parts = max(
                job.parts, min(update.parts, ThreadPool.shared.threadCount, maximumParts))
        }
        (job.target, job.alpha, job.beta, job.update) = (target, alpha, beta, update)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.accumulate(part)
        }
        guard job.pass.frames != nil, job.pass.patchWork > 0 else { return }
        job.parts = min(max(2 * job.pass.patchWork / Self.smallestShare, 1), job.parts)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.mapPatches(part)
        }
    }

    /// What a training step's passes leave in the running statistics.
    public func updateStatistics(of weights: Weights, _ batch: Batch) {
        guard weights.statistics.count > 0 else { return }
        let pass = pass(.training)
        let pointers = WeightPointers(weights)
        for index in 0..<pass.stepCount where pass.steps[index].hasStatistics {
            let step = pass.steps[index]
            let layerPass = pass.layerPass(
                index, pointers, batch, first: 0, count: batch.count)
            let statistics = weights.statistics.pointer + step.statisticOffset
            step.layer._withUnsafeGuaranteedRef { $0.updateStatistics(layerPass, statistics) }
        }
    }
}

extension Job {
    fileprivate func run(_ part: Int) {
        let (first, count) = samples(part)
        if hasLoss { pass.partialLosses[part] = PartialLoss() }
        guard count > 0 else { return }
        pass.forward(
            ahead, weights, batch, first: first, count: count, part: part,
            hasFirstProduct: hasFirstProduct)
        if let meeting {
            pass.gather(
                meeting, .forward, weights, batch, first: first, count: count, part: part)
        }
        if hasLoss { addLoss(part, first, count) }
        guard !back.isEmpty || meetingBack != nil else { return }
        pass.backward(back, weights, batch, first: first, count: count, part: part)
        if let meetingBack {
            pass.gather(
                meetingBack, .backward, weights, batch, first: first, count: count, part: part)
        } else {
            pass.frameInputs(batch, first: first, count: count)
            if isBounding { bound(&pass.partialLosses[part], first, count) }
        }
    }

    private func addLoss(_ part: Int, _ first: Int, _ count: Int) {
        guard let deltas = pass.outputDeltas else { return }
        let width = pass.steps[pass.stepCount - 1].width
        pass.partialLosses[part].loss = loss.evaluate(
            pass.outputs + first * width, width: width, batch: batch.slice(first, count),
            scale: scale, delta: deltas + first * width)
    }

    private func bound(_ partial: inout PartialLoss, _ first: Int, _ count: Int) {
        guard let deltas = pass.deltas else { return }
        for index in 0..<pass.stepCount {
            let step = pass.steps[index]
            let place = step.offset + first * step.width
            if step.learns {
                partial.deltas += Double(
                    shim_largest_magnitude(deltas + place, count * step.width))
            }
            guard index < pass.stepCount - 1 else { continue }
            partial.factors += Double(
                shim_largest_magnitude(pass.values + place, count * step.width))
        }
        guard batch.weights != nil || pass.hidesInputs else { return }
        let width = batch.inputWidth
        partial.factors += Double(shim_largest_magnitude(batch.x + first * width, count * width))
    }

    fileprivate func accumulate(_ part: Int) {
        guard let target else { return }
        for index in 0..<pass.stepCount where pass.steps[index].gradientRows > 0 {
            let step = pass.steps[index]
            let (first, count) = rows(part, of: step)
            guard count > 0 else { continue }
            let layerPass = pass.gradientPass(index, weights, batch, part: part)
            let own = target + step.parameterOffset
            let frame = pass.gradientFrame(index, batch)
            step.layer._withUnsafeGuaranteedRef {
                $0.accumulate(
                    layerPass, into: frame?.gradient ?? own, first: first, count: count,
                    alpha: frame == nil ? alpha : 1, beta: frame == nil ? beta : 0)
            }
            if let frame {
                guard frame.patches == nil else { continue }
                frame.map(into: own, first: first, count: count, alpha: alpha, beta: beta)
            }
            guard let update else { continue }
            for tensor in UnsafeBufferPointer(start: step.tensors, count: step.tensorCount) {
                update.run(
                    update.context, tensor.offset &+ first &* tensor.width, count &* tensor.width)
            }
        }
    }

    /// The gradients of convolutions into their frames, outputs of a layer each part.
    fileprivate func mapPatches(_ part: Int) {
        guard let target, let frames = pass.frames else { return }
        for index in 0..<pass.stepCount where frames[index].patches != nil {
            let (first, count) = share(part, of: frames[index].outputs, block: 4)
            guard count > 0 else { continue }
            frames[index].map(
                into: target + pass.steps[index].parameterOffset, first: first, count: count,
                alpha: alpha, beta: beta)
        }
    }
}

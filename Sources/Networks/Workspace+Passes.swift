import CShims
import Layers
import LinearAlgebra
import Runtime

// Forward and backward passes over a batch that fits the workspace. Threads share a batch in two
// phases: rows of samples go forward and back, then rows of the gradients are summed. No sum is
// ever split between threads, so nothing has to be reduced, and one thread is used where a phase is
// too small to gain.

/// What the parts of a pass share; lives on the caller's stack.
private struct Job {
    let pass: Pass
    let parameters: UnsafePointer<Float>
    let batch: Batch
    let loss: Loss
    let scale: Double
    let parts: Int
    var target: UnsafeMutablePointer<Float>?
    var alpha: Float = 1
    var beta: Float = 0
    var hasFirstProduct = false
    var isBounding = false

    @inline(__always)
    func samples(_ part: Int) -> (first: Int, count: Int) { share(part, of: batch.count) }

    /// What part `part` does of something: multiples of 16 but for the last.
    @inline(__always)
    func share(_ part: Int, of total: Int) -> (first: Int, count: Int) {
        let blocks = (total + 15) / 16
        let first = min(blocks * part / parts * 16, total)
        let end = min(blocks * (part + 1) / parts * 16, total)
        return (first, end - first)
    }

    /// Rows of a layer's gradient that part `part` sums: each part has an equal share of all
    /// weights, to four rows.
    @inline(__always)
    func rows(_ part: Int, of step: Plan.Step) -> (first: Int, count: Int) {
        let first = boundary(part, step)
        return (first, boundary(part + 1, step) - first)
    }

    @inline(__always)
    private func boundary(_ part: Int, _ step: Plan.Step) -> Int {
        guard part < parts else { return step.gradientRows }
        let row = max(pass.weightCount / parts * part - step.weightsBefore, 0) / step.rowWeights
        return min((row + 2) / 4 * 4, step.gradientRows)
    }
}

extension Workspace {
    /// Two multiply-adds a weight and sample; below this many one thread is as fast.
    private static let smallestShare = 4_000_000

    private func parts(rows: Int) -> Int {
        let work = rows * graph.parameterCount * 2
        return min(
            max(work / Self.smallestShare, 1), ThreadPool.shared.threadCount,
            max((rows + 15) / 16, 1))
    }

    /// Outputs of the batch's samples, in `outputs`.
    public func forward(
        _ parameters: UnsafePointer<Float>, x: UnsafePointer<Float>, count: Int
    ) {
        forward(parameters, Batch(x: x, inputWidth: graph.inputWidth, count: count))
    }

    private func forward(_ parameters: UnsafePointer<Float>, _ batch: Batch) {
        var job = Job(
            pass: pass, parameters: parameters, batch: batch, loss: .crossEntropy, scale: 1,
            parts: parts(rows: batch.count))
        shareFirstProduct(&job)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            let (first, count) = job.pointee.samples(part)
            guard count > 0 else { return }
            job.pointee.pass.forward(
                job.pointee.parameters, job.pointee.batch, first: first, count: count,
                hasFirstProduct: job.pointee.hasFirstProduct)
        }
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
                0, job.pointee.parameters, job.pointee.batch, first: 0,
                count: job.pointee.batch.count)
            pass.steps[0].layer._withUnsafeGuaranteedRef {
                $0.multiply(layerPass, first: first, count: count)
            }
        }
        job.hasFirstProduct = true
    }

    /// The batch's share of the loss; its outputs stay in `outputs`.
    public func loss(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, scale: Double
    ) -> Double {
        forward(parameters, batch)
        return loss.evaluate(
            outputs, width: graph.outputWidth, batch: batch, scale: scale, delta: nil)
    }

    /// Forward and backward: the batch's share of the loss, values and deltas of every layer.
    public func lossAndDeltas(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, scale: Double
    ) -> Double {
        lossAndDeltas(parameters, batch: batch, loss: loss, scale: scale, isBounding: false).loss
    }

    /// The same, and what no element of the gradient exceeds; not finite where a delta or a factor
    /// is not. That reads what has just been written, and of the inputs only those that the outputs
    /// do not show: where an activation is bounded, where a weight may be 0, and where there is no
    /// hidden layer.
    public func lossAndBound(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, scale: Double
    ) -> (loss: Double, gradient: Double) {
        lossAndDeltas(parameters, batch: batch, loss: loss, scale: scale, isBounding: true)
    }

    private func lossAndDeltas(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, scale: Double,
        isBounding: Bool
    ) -> (loss: Double, gradient: Double) {
        var job = Job(
            pass: pass, parameters: parameters, batch: batch, loss: loss, scale: scale,
            parts: parts(rows: batch.count), isBounding: isBounding)
        shareFirstProduct(&job)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.lossAndDeltas(part)
        }
        var sum = PartialLoss()
        for part in 0..<job.parts {
            let partial = job.pass.partialLosses[part]
            sum.loss += partial.loss
            sum.deltas += partial.deltas
            sum.factors += partial.factors
        }
        // 1: a bias's gradient is the sum of deltas.
        return (sum.loss, Double(batch.count) * sum.deltas * (1 + sum.factors))
    }

    /// target <- beta target + alpha (gradient of the batch's share), after `lossAndDeltas` of the
    /// same batch. With target = parameters and alpha = -rate this is the step of plain SGD.
    public func accumulateGradient(
        of batch: Batch, into target: UnsafeMutablePointer<Float>, alpha: Float, beta: Float
    ) {
        var job = Job(
            pass: pass, parameters: UnsafePointer(target), batch: batch, loss: .crossEntropy,
            scale: 1, parts: parts(rows: batch.count), target: target, alpha: alpha, beta: beta)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.accumulate(part)
        }
    }
}

extension Job {
    fileprivate func lossAndDeltas(_ part: Int) {
        let (first, count) = samples(part)
        pass.partialLosses[part] = PartialLoss()
        guard count > 0, let deltas = pass.outputDeltas else { return }
        pass.forward(
            parameters, batch, first: first, count: count, hasFirstProduct: hasFirstProduct)
        let width = pass.steps[pass.stepCount - 1].width
        var partial = PartialLoss()
        partial.loss = loss.evaluate(
            pass.outputs + first * width, width: width, batch: batch.slice(first, count),
            scale: scale, delta: deltas + first * width)
        pass.backward(parameters, batch, first: first, count: count)
        pass.frameInputs(batch, first: first, count: count)
        if isBounding { bound(&partial, first, count) }
        pass.partialLosses[part] = partial
    }

    private func bound(_ partial: inout PartialLoss, _ first: Int, _ count: Int) {
        guard let deltas = pass.deltas else { return }
        for index in 0..<pass.stepCount {
            let step = pass.steps[index]
            let place = step.offset + first * step.width
            partial.deltas += Double(shim_largest_magnitude(deltas + place, count * step.width))
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
            let layerPass = pass.gradientPass(index, parameters, batch)
            let own = target + step.parameterOffset
            let frame = pass.gradientFrame(index, batch)
            step.layer._withUnsafeGuaranteedRef {
                $0.accumulate(
                    layerPass, into: frame?.gradient ?? own, first: first, count: count,
                    alpha: frame == nil ? alpha : 1, beta: frame == nil ? beta : 0)
            }
            frame?.map(into: own, first: first, count: count, alpha: alpha, beta: beta)
        }
    }
}

import CShims
import LinearAlgebra
import Runtime

// Forward and backward passes over a batch that fits the workspace. Threads share a batch in two phases: rows of
// samples go forward and back, then rows of the gradients are summed. No sum is ever split between threads, so
// nothing has to be reduced, and one thread is used where a phase is too small to gain.

/// What the parts of a pass share; lives on the caller's stack.
private struct Job {
    let pass: Pass
    let parameters: UnsafePointer<Float>
    let batch: Batch
    let loss: Loss
    let normalization: Double
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

    /// Rows of a layer's gradient that part `part` sums: each part has an equal share of all weights, to four rows.
    /// `before`: weights of the layers below, `all`: of all layers.
    @inline(__always)
    func rows(_ part: Int, of layer: LayerShape, before: Int, all: Int) -> (first: Int, count: Int)
    {
        let first = boundary(part, layer, before, all)
        return (first, boundary(part + 1, layer, before, all) - first)
    }

    @inline(__always)
    private func boundary(_ part: Int, _ layer: LayerShape, _ before: Int, _ all: Int) -> Int {
        guard part < parts else { return layer.outputs }
        let row = max(all / parts * part - before, 0) / layer.inputs
        return min((row + 2) / 4 * 4, layer.outputs)
    }
}

extension Workspace {
    /// Two multiply-adds a weight and sample; below this many one thread is as fast.
    private static let smallestShare = 4_000_000

    private func parts(rows: Int) -> Int {
        let work = rows * architecture.parameterCount * 2
        return min(
            max(work / Self.smallestShare, 1), ThreadPool.shared.threadCount,
            max((rows + 15) / 16, 1))
    }

    /// Outputs of the batch's samples, in `outputs`.
    public func forward(
        _ parameters: UnsafePointer<Float>, x: UnsafePointer<Float>, count: Int
    ) {
        forward(
            parameters, Batch(x: x, inputWidth: architecture.inputWidth, count: count))
    }

    private func forward(_ parameters: UnsafePointer<Float>, _ batch: Batch) {
        var job = Job(
            pass: pass, parameters: parameters,
            batch: batch,
            loss: .crossEntropy, normalization: 1, parts: parts(rows: batch.count))
        shareFirstProduct(&job)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            let (first, count) = job.pointee.samples(part)
            guard count > 0 else { return }
            job.pointee.pass.forward(
                job.pointee.parameters, job.pointee.batch.factor, first: first, count: count,
                hasFirstProduct: job.pointee.hasFirstProduct)
        }
    }

    /// By outputs, where that has less to pack: each thread packs all samples and its share of a wide first layer's weights,
    /// instead of its share of the samples and all weights.
    private func shareFirstProduct(_ job: inout Job) {
        let layer = architecture.layers.pointer[0]
        let rows = job.batch.count
        guard job.parts > 1, job.batch.factor != nil, layer.outputs > rows,
            BatchProducts.packsRows(m: rows / job.parts, n: layer.outputs, k: layer.inputs)
        else { return }
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self),
                let x = job.pointee.batch.factor
            else { return }
            let pass = job.pointee.pass
            let (first, count) = job.pointee.share(part, of: pass.layers[0].outputs)
            guard count > 0 else { return }
            pass.multiplyFirstLayer(
                job.pointee.parameters, x, rows: job.pointee.batch.count, first: first,
                count: count)
        }
        job.hasFirstProduct = true
    }

    /// The batch's share of the loss; its outputs stay in `outputs`.
    public func loss(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, normalization: Double
    ) -> Double {
        forward(parameters, batch)
        return loss.evaluate(
            outputs, width: architecture.outputWidth, batch: batch, normalization: normalization,
            delta: nil)
    }

    /// Forward and backward: the batch's share of the loss, activations and errors of every layer.
    public func lossAndErrors(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, normalization: Double
    ) -> Double {
        lossAndErrors(
            parameters, batch: batch, loss: loss, normalization: normalization, isBounding: false
        ).loss
    }

    /// The same, and what no element of the gradient exceeds; not finite where an error or a factor is not. That reads
    /// what has just been written, and of the inputs only those that the outputs do not show: where the activation is
    /// bounded, where a weight may be 0, and where there is no hidden layer.
    public func lossAndBound(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, normalization: Double
    ) -> (loss: Double, gradient: Double) {
        lossAndErrors(
            parameters, batch: batch, loss: loss, normalization: normalization, isBounding: true)
    }

    private func lossAndErrors(
        _ parameters: UnsafePointer<Float>, batch: Batch, loss: Loss, normalization: Double,
        isBounding: Bool
    ) -> (loss: Double, gradient: Double) {
        var job = Job(
            pass: pass, parameters: parameters, batch: batch, loss: loss,
            normalization: normalization, parts: parts(rows: batch.count), isBounding: isBounding)
        shareFirstProduct(&job)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.lossAndErrors(part)
        }
        var sum = PartialLoss()
        for part in 0..<job.parts {
            let partial = job.pass.partialLosses[part]
            sum.loss += partial.loss
            sum.errors += partial.errors
            sum.factors += partial.factors
        }
        // 1: a bias's gradient is the sum of errors.
        return (sum.loss, Double(batch.count) * sum.errors * (1 + sum.factors))
    }

    /// target <- beta target + alpha (gradient of the batch's share), after `lossAndErrors` of the same batch.
    /// With target = parameters and alpha = -rate this is the step of plain SGD.
    public func accumulateGradient(
        of batch: Batch, into target: UnsafeMutablePointer<Float>, alpha: Float, beta: Float
    ) {
        var job = Job(
            pass: pass, parameters: UnsafePointer(target), batch: batch, loss: .crossEntropy,
            normalization: 1, parts: parts(rows: batch.count), target: target, alpha: alpha,
            beta: beta)
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.accumulate(part)
        }
    }
}

extension Job {
    fileprivate func lossAndErrors(_ part: Int) {
        let (first, count) = samples(part)
        pass.partialLosses[part] = PartialLoss()
        guard count > 0, let errors = pass.errors else { return }
        pass.forward(
            parameters, batch.factor, first: first, count: count, hasFirstProduct: hasFirstProduct)
        let width = pass.layers[pass.layerCount - 1].outputs
        let last = pass.place(of: pass.layerCount - 1, in: errors)
        var partial = PartialLoss()
        partial.loss = loss.evaluate(
            pass.outputs + first * width, width: width, batch: batch.slice(first, count),
            normalization: normalization, delta: last + first * width)
        pass.backward(parameters, errors, first: first, count: count)
        if isBounding { bound(&partial, errors, first, count) }
        pass.partialLosses[part] = partial
    }

    private func bound(
        _ partial: inout PartialLoss, _ errors: UnsafeMutablePointer<Float>, _ first: Int,
        _ count: Int
    ) {
        for m in 0..<pass.layerCount {
            let width = pass.layers[m].outputs
            let delta = pass.place(of: m, in: errors) + first * width
            partial.errors += Double(shim_largest_magnitude(delta, count * width))
            guard m < pass.layerCount - 1 else { continue }
            let h = pass.place(of: m, in: pass.activations) + first * width
            partial.factors += Double(shim_largest_magnitude(h, count * width))
        }
        let hidesInputs =
            batch.weights != nil || pass.layerCount == 1
            || !pass.activation.isPositivelyHomogeneous
        if hidesInputs, let x = batch.factor {
            let width = pass.layers[0].inputs
            partial.factors += Double(shim_largest_magnitude(x + first * width, count * width))
        }
    }

    fileprivate func accumulate(_ part: Int) {
        guard let target, let errors = pass.errors else { return }
        var all = 0
        for m in 0..<pass.layerCount { all += pass.layers[m].weightCount }
        var before = 0
        for m in 0..<pass.layerCount {
            let layer = pass.layers[m]
            let (first, count) = rows(part, of: layer, before: before, all: all)
            before += layer.weightCount
            guard count > 0 else { continue }
            pass.accumulate(
                layer: m, rows: batch.count, first: first, count: count, x: batch.factor,
                errors: errors,
                into: target, alpha: alpha, beta: beta)
        }
    }
}

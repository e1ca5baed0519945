import Layers

/// What one part of a pass finds.
struct PartialLoss {
    var loss = 0.0
    /// Sums over layers of the largest |delta|, and of the largest |h| that deltas are multiplied
    /// by.
    var deltas = 0.0
    var factors = 0.0
}

/// One batch on its way through a net: plain pointers and the steps of a plan, so that the hot path
/// counts no references.
struct Pass {
    let steps: UnsafePointer<Plan.Step>
    let stepCount: Int
    let values: UnsafeMutablePointer<Float>
    let deltas: UnsafeMutablePointer<Float>?
    let kept: UnsafeMutablePointer<Float>
    let shared: UnsafeMutablePointer<Float>
    let sharedTangent: UnsafeMutablePointer<Float>
    /// `scratchCount` floats a thread.
    let scratch: UnsafeMutablePointer<Float>
    let scratchCount: Int
    let gradientWork: Int
    let sampleBlock: Int
    let gradientTerms: Int
    /// An input that is not finite need not show in the outputs.
    let hidesInputs: Bool
    let partialLosses: UnsafeMutablePointer<PartialLoss>
    /// One a step; nil: gradients are taken as they are.
    var frames: UnsafePointer<FramedInput>?
    /// What the pass is for; what numbers a training step's random choices.
    var mode = PassMode.batch
    var seed: UInt64 = 0
    var number: UInt64 = 0

    var outputs: UnsafeMutablePointer<Float> { values + steps[stepCount - 1].offset }
    var outputDeltas: UnsafeMutablePointer<Float>? {
        deltas.map { $0 + steps[stepCount - 1].offset }
    }

    /// What a step works on, for samples `first ..< first + count` of a batch; `part`: the thread
    /// that does it.
    @inline(__always)
    func layerPass(
        _ index: Int, _ source: WeightPointers, _ batch: Batch, first: Int, count: Int,
        part: Int = 0
    ) -> LayerPass {
        let step = steps[index]
        var pass = LayerPass(
            rows: count, first: batch.first &+ first,
            parameters: source.parameters + step.parameterOffset,
            input: input(step.input, batch.x, first),
            output: values + (step.offset &+ first &* step.width))
        if step.second.width > 0 { pass.second = input(step.second, batch.x, first) }
        pass.outputDelta =
            step.learns ? deltas.map { $0 + (step.offset &+ first &* step.width) } : nil
        pass.mode = mode
        pass.seed = seed
        pass.step = number
        pass.layer = index
        pass.statistics = source.statistics + step.statisticOffset
        pass.kept = kept + (step.keptOffset &+ first &* step.keptWidth)
        pass.shared = shared + step.sharedOffset
        pass.sharedTangent = sharedTangent + step.sharedTangentOffset
        pass.scratch = scratch + part &* scratchCount
        return pass
    }

    @inline(__always)
    private func input(
        _ source: Plan.Source, _ x: UnsafePointer<Float>, _ first: Int
    ) -> LayerPass.Input {
        let rows = first &* source.width
        guard source.offset >= 0 else { return LayerPass.Input(x + rows) }
        var input = LayerPass.Input(UnsafePointer(values + (source.offset &+ rows)))
        guard source.learns else { return input }
        input.delta = deltas.map { $0 + (source.offset &+ rows) }
        input.addsDelta = source.addsDelta
        return input
    }

    /// What layers make of the weights once for all threads.
    func prepare(_ weights: WeightPointers, _ batch: Batch) {
        for index in 0..<stepCount where steps[index].prepares {
            let pass = layerPass(index, weights, batch, first: 0, count: batch.count)
            steps[index].layer._withUnsafeGuaranteedRef { $0.prepare(pass) }
        }
    }

    /// The first layer from `index` on in which samples meet.
    func meeting(from index: Int) -> Int? {
        var index = index
        while index < stepCount, !steps[index].meets(mode) { index += 1 }
        return index < stepCount ? index : nil
    }

    /// The last such layer from `index` down of those that learn.
    func meeting(downFrom index: Int) -> Int? {
        var index = index
        while index >= 0, !(steps[index].meets(mode) && steps[index].learns) { index -= 1 }
        return index >= 0 ? index : nil
    }

    /// Samples `first ..< first + count` through `layers`. `hasFirstProduct`: the first layer's is
    /// in place.
    func forward(
        _ layers: Range<Int>, _ weights: WeightPointers, _ batch: Batch, first: Int, count: Int,
        part: Int, hasFirstProduct: Bool
    ) {
        for index in layers {
            var pass = layerPass(index, weights, batch, first: first, count: count, part: part)
            pass.hasProduct = index == 0 && hasFirstProduct
            steps[index].layer._withUnsafeGuaranteedRef { $0.forward(pass) }
        }
    }

    /// Deltas of what `layers` read, from those of the last of them.
    func backward(
        _ layers: Range<Int>, _ weights: WeightPointers, _ batch: Batch, first: Int, count: Int,
        part: Int
    ) {
        for index in stride(from: layers.upperBound - 1, through: layers.lowerBound, by: -1)
        where steps[index].learns {
            let pass = layerPass(index, weights, batch, first: first, count: count, part: part)
            steps[index].layer._withUnsafeGuaranteedRef { $0.backward(pass) }
        }
    }

    /// What samples `first ..< first + count` bring to where they meet.
    func gather(
        _ index: Int, _ phase: PassPhase, _ weights: WeightPointers, _ batch: Batch, first: Int,
        count: Int, part: Int
    ) {
        let pass = layerPass(index, weights, batch, first: first, count: count, part: part)
        steps[index].layer._withUnsafeGuaranteedRef { $0.gather(pass, phase) }
    }

    /// All samples of the batch meet.
    func meet(_ index: Int, _ phase: PassPhase, _ weights: WeightPointers, _ batch: Batch) {
        let pass = layerPass(index, weights, batch, first: 0, count: batch.count)
        steps[index].layer._withUnsafeGuaranteedRef { $0.meet(pass, phase) }
    }
}

/// The numbers of some weights, for as long as a pass runs.
struct WeightPointers {
    let parameters: UnsafePointer<Float>
    let statistics: UnsafePointer<Float>

    init(_ weights: Weights) {
        parameters = UnsafePointer(weights.parameters.pointer)
        statistics = UnsafePointer(weights.statistics.pointer)
    }
}

// Inputs in frames.
extension Pass {
    /// Writes the inputs of samples `first ..< first + count` in the coordinates of their layers'
    /// frames.
    func frameInputs(_ batch: Batch, first: Int, count: Int) {
        guard let frames else { return }
        for index in 0..<stepCount where frames[index].map != nil {
            let source = steps[index].input
            let rows = first &* source.width
            let x = source.offset >= 0 ? UnsafePointer(values) + source.offset : batch.x
            frames[index].write(x + rows, first: first, count: count, batch: batch.count)
        }
    }

    /// The frame whose gradient is mapped, if that is the cheaper side.
    @inline(__always)
    func gradientFrame(_ index: Int, _ batch: Batch) -> FramedInput? {
        guard let frames, frames[index].mapsGradient(batch: batch.count) else { return nil }
        return frames[index]
    }

    /// A layer's pass over all samples, by the coordinates of its frame where the inputs are.
    @inline(__always)
    func gradientPass(
        _ index: Int, _ weights: WeightPointers, _ batch: Batch, part: Int
    ) -> LayerPass {
        var pass = layerPass(index, weights, batch, first: 0, count: batch.count, part: part)
        if let frames, !frames[index].mapsGradient(batch: batch.count) {
            frames[index].enter(&pass)
        }
        return pass
    }
}

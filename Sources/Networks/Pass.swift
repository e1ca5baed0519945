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
    let weightCount: Int
    let values: UnsafeMutablePointer<Float>
    let deltas: UnsafeMutablePointer<Float>?
    /// An input that is not finite need not show in the outputs.
    let hidesInputs: Bool
    let partialLosses: UnsafeMutablePointer<PartialLoss>
    /// One a step; nil: gradients are taken as they are.
    let frames: UnsafePointer<FramedInput>?

    var outputs: UnsafeMutablePointer<Float> { values + steps[stepCount - 1].offset }
    var outputDeltas: UnsafeMutablePointer<Float>? {
        deltas.map { $0 + steps[stepCount - 1].offset }
    }

    /// What a step works on, for samples `first ..< first + count` of a batch.
    @inline(__always)
    func layerPass(
        _ index: Int, _ parameters: UnsafePointer<Float>, _ batch: Batch, first: Int, count: Int
    ) -> LayerPass {
        let step = steps[index]
        var pass = LayerPass(
            rows: count, first: batch.first &+ first, parameters: parameters + step.parameterOffset,
            input: input(step.input, batch.x, first),
            output: values + (step.offset &+ first &* step.width))
        if step.second.width > 0 { pass.second = input(step.second, batch.x, first) }
        pass.outputDelta = deltas.map { $0 + (step.offset &+ first &* step.width) }
        return pass
    }

    @inline(__always)
    private func input(
        _ source: Plan.Source, _ x: UnsafePointer<Float>, _ first: Int
    ) -> LayerPass.Input {
        let rows = first &* source.width
        guard source.offset >= 0 else { return LayerPass.Input(x + rows) }
        var input = LayerPass.Input(UnsafePointer(values + (source.offset &+ rows)))
        input.delta = deltas.map { $0 + (source.offset &+ rows) }
        input.addsDelta = source.addsDelta
        return input
    }

    /// Samples `first ..< first + count` through all layers. `hasFirstProduct`: the first layer's
    /// is in place.
    func forward(
        _ parameters: UnsafePointer<Float>, _ batch: Batch, first: Int, count: Int,
        hasFirstProduct: Bool
    ) {
        for index in 0..<stepCount {
            var pass = layerPass(index, parameters, batch, first: first, count: count)
            pass.hasProduct = index == 0 && hasFirstProduct
            steps[index].layer._withUnsafeGuaranteedRef { $0.forward(pass) }
        }
    }

    /// Deltas of all layers from those of the outputs.
    func backward(
        _ parameters: UnsafePointer<Float>, _ batch: Batch, first: Int, count: Int
    ) {
        for index in stride(from: stepCount - 1, through: 0, by: -1) {
            let pass = layerPass(index, parameters, batch, first: first, count: count)
            steps[index].layer._withUnsafeGuaranteedRef { $0.backward(pass) }
        }
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
        _ index: Int, _ parameters: UnsafePointer<Float>, _ batch: Batch
    ) -> LayerPass {
        var pass = layerPass(index, parameters, batch, first: 0, count: batch.count)
        if let frames, !frames[index].mapsGradient(batch: batch.count) {
            frames[index].enter(&pass)
        }
        return pass
    }
}

/// A layer without weights that is linear in its one input where the input stands: it moves
/// numbers, drops and sums them, and which ones does not change with a small step (the largest of a
/// window, the units that are kept). Its file states the move and the move back; the passes and
/// their tangents follow.
protocol CarryingLayer: Layer {
    var epilogue: Epilogue { get }

    /// out <- the layer at its input, applied to numbers that lie as the input does: the input
    /// itself or its tangent.
    func take(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        into out: UnsafeMutablePointer<Float>)
    /// target <- the transpose of that, applied to numbers that lie as the output does; or added to
    /// what is there.
    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool)
}

extension CarryingLayer {
    public var activation: Activation { epilogue.activation }
    public var output: Shape { epilogue.shape }
    public var tensors: [LayerTensor] { [] }
    public var multiplyAdds: Int { output.count }

    public func forward(_ pass: LayerPass) {
        take(pass, pass.input.value, into: pass.output)
        epilogue.forward(pass, bias: nil)
    }

    public func backward(_ pass: LayerPass) {
        epilogue.backward(pass)
        guard let delta = pass.outputDelta, let below = pass.input.delta else { return }
        give(pass, UnsafePointer(delta), to: below, adds: pass.input.addsDelta)
    }

    public func forwardTangent(_ pass: LayerPass) {
        guard let tangent = pass.input.tangent else {
            output.clear(pass.outputTangent, rows: pass.rows)
            return
        }
        take(pass, tangent, into: pass.outputTangent)
        epilogue.forwardTangent(pass, bias: nil)
    }

    public func backwardTangent(_ pass: LayerPass) {
        epilogue.backwardTangent(pass)
        guard let below = pass.input.deltaTangent else { return }
        give(
            pass, UnsafePointer(pass.outputDeltaTangent), to: below, adds: pass.input.addsDelta)
    }

    /// Carries its input's class.
    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) throws -> Int {
        if !activation.isPositivelyHomogeneous { channels.pin(inputs[0]) }
        return channels.root(inputs[0])
    }
}

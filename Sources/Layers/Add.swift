import Runtime

/// h = f(a + b) of two values of one shape: `add`, what a residual connection ends in.
public struct Add: Layer {
    public static let word = "add"

    public let inputs: [Shape]
    public let output: Shape
    public let activation: Activation
    public var tensors: [LayerTensor] { [] }
    public var arguments: String { "" }
    private let epilogue: Epilogue

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        output = try arguments.pair(inputs)
        self.inputs = inputs
        self.activation = activation
        epilogue = Epilogue(width: output.count, activation: activation)
    }

    public func forward(_ pass: LayerPass) {
        let count = pass.rows &* output.count
        pass.output.update(from: pass.input.value, count: count)
        if let second = pass.second {
            addScaled(second.value, by: 1, to: pass.output, count: count)
        }
        epilogue.forward(pass, bias: nil)
    }

    public func backward(_ pass: LayerPass) {
        epilogue.backward(pass)
        guard let delta = pass.outputDelta else { return }
        let count = pass.rows &* output.count
        pass.input.takeDelta(delta, count: count)
        pass.second?.takeDelta(delta, count: count)
    }

    public func forwardTangent(_ pass: LayerPass) {
        let count = pass.rows &* output.count
        pass.outputTangent.update(repeating: 0, count: count)
        if let tangent = pass.input.tangent {
            addScaled(tangent, by: 1, to: pass.outputTangent, count: count)
        }
        if let tangent = pass.second?.tangent {
            addScaled(tangent, by: 1, to: pass.outputTangent, count: count)
        }
        epilogue.forwardTangent(pass, bias: nil)
    }

    public func backwardTangent(_ pass: LayerPass) {
        epilogue.backwardTangent(pass)
        let count = pass.rows &* output.count
        pass.input.takeDeltaTangent(pass.outputDeltaTangent, count: count)
        pass.second?.takeDeltaTangent(pass.outputDeltaTangent, count: count)
    }

    /// Carries its inputs' classes, which become one: a residual stream scales as a whole.
    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) throws -> Int {
        let joined = channels.join(inputs[0], inputs[1])
        if !activation.isPositivelyHomogeneous { channels.pin(joined) }
        return joined
    }
}

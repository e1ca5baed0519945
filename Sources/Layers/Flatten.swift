/// h = f(x), with an image of C x H x W as one vector: `flatten`. The values stay as they lie.
public struct Flatten: Layer {
    public static let word = "flatten"

    public let inputs: [Shape]
    public let output: Shape
    public let activation: Activation
    public var tensors: [LayerTensor] { [] }
    public var arguments: String { "" }
    private let epilogue: Epilogue

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        output = try Shape(channels: try arguments.single(inputs).count)
        self.inputs = inputs
        self.activation = activation
        epilogue = Epilogue(width: output.count, activation: activation)
    }

    public func forward(_ pass: LayerPass) {
        pass.output.update(from: pass.input.value, count: pass.rows &* output.count)
        epilogue.forward(pass, bias: nil)
    }

    public func backward(_ pass: LayerPass) {
        epilogue.backward(pass)
        guard let delta = pass.outputDelta else { return }
        pass.input.takeDelta(delta, count: pass.rows &* output.count)
    }

    public func forwardTangent(_ pass: LayerPass) {
        let count = pass.rows &* output.count
        if let tangent = pass.input.tangent {
            pass.outputTangent.update(from: tangent, count: count)
        } else {
            pass.outputTangent.update(repeating: 0, count: count)
        }
        epilogue.forwardTangent(pass, bias: nil)
    }

    public func backwardTangent(_ pass: LayerPass) {
        epilogue.backwardTangent(pass)
        pass.input.takeDeltaTangent(pass.outputDeltaTangent, count: pass.rows &* output.count)
    }

    /// Carries its input's class: a channel is H x W neighbouring columns of what reads it.
    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) -> Int {
        if !activation.isPositivelyHomogeneous { channels.pin(inputs[0]) }
        return channels.root(inputs[0])
    }
}

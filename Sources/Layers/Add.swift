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
        let shape = try arguments.pair(inputs)
        output = try arguments.output(
            channels: shape.channels, height: shape.height, width: shape.width)
        self.inputs = inputs
        self.activation = activation
        epilogue = Epilogue(output, activation: activation)
    }

    public var multiplyAdds: Int { output.count }

    public func forward(_ pass: LayerPass) {
        inputs[0].copy(pass.input.value, to: pass.output, as: output, rows: pass.rows, adds: false)
        if let second = pass.second {
            inputs[1].copy(second.value, to: pass.output, as: output, rows: pass.rows, adds: true)
        }
        epilogue.forward(pass, bias: nil)
    }

    public func backward(_ pass: LayerPass) {
        epilogue.backward(pass)
        guard let delta = pass.outputDelta else { return }
        give(pass, UnsafePointer(delta)) { $0.delta }
    }

    public func forwardTangent(_ pass: LayerPass) {
        output.clear(pass.outputTangent, rows: pass.rows)
        if let tangent = pass.input.tangent {
            inputs[0].copy(tangent, to: pass.outputTangent, as: output, rows: pass.rows, adds: true)
        }
        if let tangent = pass.second?.tangent {
            inputs[1].copy(tangent, to: pass.outputTangent, as: output, rows: pass.rows, adds: true)
        }
        epilogue.forwardTangent(pass, bias: nil)
    }

    public func backwardTangent(_ pass: LayerPass) {
        epilogue.backwardTangent(pass)
        give(pass, UnsafePointer(pass.outputDeltaTangent)) { $0.deltaTangent }
    }

    /// The delta of a sum flows on as it is.
    @inline(__always)
    private func give(
        _ pass: LayerPass, _ delta: UnsafePointer<Float>,
        _ target: (LayerPass.Input) -> UnsafeMutablePointer<Float>?
    ) {
        if let below = target(pass.input) {
            output.copy(
                delta, to: below, as: inputs[0], rows: pass.rows, adds: pass.input.addsDelta)
        }
        if let second = pass.second, let below = target(second) {
            output.copy(delta, to: below, as: inputs[1], rows: pass.rows, adds: second.addsDelta)
        }
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

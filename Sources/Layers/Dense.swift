import CShims
import LinearAlgebra
import Runtime

/// h = f(W x + b): `dense OUT [bias|nobias]`. An image goes in flattened, C x H x W.
public struct Dense: Layer {
    public static let word = "dense"
    public static let namePrefix = "fc"
    public static let readsVectors = true

    public let inputs: [Shape]
    public let output: Shape
    public let tensors: [LayerTensor]
    private let map: LinearMap
    private let epilogue: Epilogue

    public init(inputs: Shape, outputs: Int, hasBias: Bool, activation: Activation) throws {
        self.inputs = [inputs]
        output = try Shape(channels: outputs)
        tensors = try LinearMap.tensors(inputs.count, outputs, hasBias)
        map = LinearMap(
            inputs: inputs.count, outputs: outputs, hasBias: hasBias, activation: activation)
        epilogue = Epilogue(output, activation: activation)
    }

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let input = try arguments.single(inputs)
        let (outputs, hasBias) = try arguments.outputsAndBias()
        try self.init(inputs: input, outputs: outputs, hasBias: hasBias, activation: activation)
    }

    public var arguments: String { map.arguments }
    public var activation: Activation { map.activation }
    public var linearMap: LinearMap? { map }
    public var gradientRows: Int { map.outputs }

    // Shapes: W, V: outputs x inputs; input: rows x inputs; output, delta: rows x outputs.

    public func forward(_ pass: LayerPass) {
        if !pass.hasProduct {
            BatchProducts.rows(
                pass.input.value, pass.parameters, into: pass.output, m: pass.rows, n: map.outputs,
                k: map.inputs)
        }
        epilogue.forward(pass, bias: map.bias(pass.parameters))
    }

    public func backward(_ pass: LayerPass) {
        epilogue.backward(pass)
        guard let delta = pass.outputDelta, let below = pass.input.delta else { return }
        BatchProducts.plain(
            delta, pass.parameters, into: below, m: pass.rows, n: map.inputs, k: map.outputs,
            beta: pass.input.addsDelta ? 1 : 0)
    }

    public func accumulate(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, first: Int, count: Int,
        alpha: Float, beta: Float
    ) {
        guard let delta = pass.outputDelta else { return }
        accumulate(
            pass, UnsafePointer(delta), into: target, first: first, count: count, alpha: alpha,
            beta: beta)
    }

    private func accumulate(
        _ pass: LayerPass, _ delta: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>, first: Int, count: Int, alpha: Float,
        beta: Float
    ) {
        var further: BatchProducts.Further?
        if let shift = pass.shift {
            let sums = shift.sums + first
            shim_column_sums(delta + first, pass.rows, count, map.outputs, 1, 0, sums)
            further = (UnsafePointer(sums), shift.row)
        }
        BatchProducts.columns(
            delta + first, stride: map.outputs, pass.framedInput ?? pass.input.value,
            into: target + first &* map.inputs,
            m: count, n: map.inputs, k: pass.rows, alpha: alpha, beta: beta, further: further)
        guard map.hasBias else { return }
        epilogue.accumulate(
            delta, ones: pass.framedOnes, rows: pass.rows, into: target + map.weightCount,
            first: first, count: count, alpha: alpha, beta: beta)
    }

    /// R z = V h + v_b + W R h
    public func forwardTangent(_ pass: LayerPass) {
        BatchProducts.rows(
            pass.input.value, pass.direction, into: pass.outputTangent, m: pass.rows,
            n: map.outputs,
            k: map.inputs)
        if let tangent = pass.input.tangent {
            BLAS.multiply(
                tangent, stride: map.inputs, pass.parameters, .yes, stride: map.inputs,
                into: pass.outputTangent, stride: map.outputs, m: pass.rows, n: map.outputs,
                k: map.inputs, beta: 1)
        }
        epilogue.forwardTangent(pass, bias: map.bias(pass.direction))
    }

    /// R delta by the input = R delta W + delta V
    public func backwardTangent(_ pass: LayerPass) {
        epilogue.backwardTangent(pass)
        guard let delta = pass.outputDelta, let below = pass.input.deltaTangent else { return }
        BLAS.multiply(
            pass.outputDeltaTangent, stride: map.outputs, pass.parameters, stride: map.inputs,
            into: below, stride: map.inputs, m: pass.rows, n: map.inputs, k: map.outputs,
            beta: pass.input.addsDelta ? 1 : 0)
        BLAS.multiply(
            delta, stride: map.outputs, pass.direction, stride: map.inputs, into: below,
            stride: map.inputs, m: pass.rows, n: map.inputs, k: map.outputs, beta: 1)
    }

    /// R dW = R delta^T h + delta^T R h;  biases: column sums of R delta
    public func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {
        accumulate(
            pass, UnsafePointer(pass.outputDeltaTangent), into: target, first: 0,
            count: map.outputs, alpha: 1, beta: beta)
        guard let delta = pass.outputDelta, let tangent = pass.input.tangent else { return }
        BatchProducts.columns(
            delta, stride: map.outputs, tangent, into: target, m: map.outputs, n: map.inputs,
            k: pass.rows, alpha: 1, beta: 1)
    }

    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) throws -> Int {
        try channels.linear(map.placed(at: parameterOffset), input: inputs[0])
    }

    public func sharesOutputs(rows: Int, parts: Int) -> Bool {
        // Each thread reads, and may pack, all samples and the share of the weights that it has
        // just moved, instead of its share of the samples and all weights.
        map.outputs > rows
    }

    public func multiply(_ pass: LayerPass, first: Int, count: Int) {
        BatchProducts.rows(
            pass.input.value, pass.parameters + first &* map.inputs, into: pass.output + first,
            stride: map.outputs, m: pass.rows, n: count, k: map.inputs)
    }
}

extension LinearMap {
    static func tensors(_ inputs: Int, _ outputs: Int, _ hasBias: Bool) throws -> [LayerTensor] {
        let weight = try LayerTensor(
            "weight", [outputs, inputs], start: .weight(fanIn: inputs, fanOut: outputs))
        return hasBias
            ? [weight, try LayerTensor("bias", [outputs], start: .bias(fanIn: inputs))] : [weight]
    }

    /// The words that `outputsAndBias` reads.
    var arguments: String { hasBias ? "\(outputs)" : "\(outputs) nobias" }

    /// Where the bias is among the layer's own parameters, or among numbers placed like them.
    @inline(__always)
    func bias(_ parameters: UnsafePointer<Float>) -> UnsafePointer<Float>? {
        hasBias ? parameters + weightCount : nil
    }
}

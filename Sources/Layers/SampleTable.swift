import LinearAlgebra
import Runtime

/// h = f(W e_i + b) for sample i of the batch: a column of W for each sample, so what would be a
/// product with the identity is a transposition. The first layer of a model that a batch's own
/// samples are the coordinates of.
public struct SampleTable: Layer {
    public static let word = "sample_table"
    public static let isWritten = false

    public let inputs: [Shape]
    public let output: Shape
    public let tensors: [LayerTensor]
    private let map: LinearMap
    private let epilogue: Epilogue

    public init(samples: Shape, outputs: Int, hasBias: Bool, activation: Activation) throws {
        inputs = [samples]
        output = try Shape(channels: outputs)
        tensors = try LinearMap.tensors(samples.count, outputs, hasBias)
        map = LinearMap(
            inputs: samples.count, outputs: outputs, hasBias: hasBias, activation: activation,
            readsTable: true)
        epilogue = Epilogue(output, activation: activation)
    }

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let input = try arguments.single(inputs)
        let (outputs, hasBias) = try arguments.outputsAndBias()
        try self.init(samples: input, outputs: outputs, hasBias: hasBias, activation: activation)
    }

    public var arguments: String { map.arguments }
    public var activation: Activation { map.activation }
    public var linearMap: LinearMap? { map }
    public var gradientRows: Int { map.outputs }

    public func forward(_ pass: LayerPass) {
        read(pass.parameters, pass, into: pass.output)
        epilogue.forward(pass, bias: map.bias(pass.parameters))
    }

    private func read(
        _ weights: UnsafePointer<Float>, _ pass: LayerPass,
        into output: UnsafeMutablePointer<Float>
    ) {
        BatchProducts.transpose(
            weights + pass.first, stride: map.inputs, into: output, stride: map.outputs,
            m: map.outputs, n: pass.rows)
    }

    /// The samples' numbers have no derivative.
    public func backward(_ pass: LayerPass) { epilogue.backward(pass) }

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
        let weights = target + first &* map.inputs
        if pass.rows < map.inputs, beta != 1 { scaleOthers(pass, weights, count, by: beta) }
        BatchProducts.transpose(
            delta + first, stride: map.outputs, into: weights + pass.first, stride: map.inputs,
            m: pass.rows, n: count, alpha: alpha, beta: beta)
        guard map.hasBias else { return }
        epilogue.accumulate(
            delta, rows: pass.rows, into: target + map.weightCount, first: first, count: count,
            alpha: alpha, beta: beta)
    }

    /// The columns of samples that are not in this pass.
    private func scaleOthers(
        _ pass: LayerPass, _ weights: UnsafeMutablePointer<Float>, _ count: Int, by beta: Float
    ) {
        for row in 0..<count {
            let columns = weights + row &* map.inputs
            for j in 0..<map.inputs where j < pass.first || j >= pass.first &+ pass.rows {
                columns[j] = beta == 0 ? 0 : beta * columns[j]
            }
        }
    }

    public func forwardTangent(_ pass: LayerPass) {
        read(pass.direction, pass, into: pass.outputTangent)
        epilogue.forwardTangent(pass, bias: map.bias(pass.direction))
    }

    public func backwardTangent(_ pass: LayerPass) { epilogue.backwardTangent(pass) }

    public func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {
        accumulate(
            pass, UnsafePointer(pass.outputDeltaTangent), into: target, first: 0,
            count: map.outputs, alpha: 1, beta: beta)
    }

    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) throws -> Int {
        try channels.linear(map.placed(at: parameterOffset), input: inputs[0])
    }
}

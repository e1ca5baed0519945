import CShims
import Runtime

/// h = f(W * x + b), a window of x at a time: `conv OUT KHxKW [stride S] [pad P|same] [groups G]
/// [bias|nobias]`. The padding is the border of zeros that images lie in.
public struct Conv2D: Layer {
    public static let word = "conv"
    public static let leavesBiasToNorm = true

    public let inputs: [Shape]
    public let activation: Activation
    public let tensors: [LayerTensor]
    private let hasBias: Bool
    private let map: Convolution

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        map = try Convolution(&arguments, input: try arguments.single(inputs))
        hasBias = !arguments.take("nobias")
        if hasBias { _ = arguments.take("bias") }
        let fanIn = map.weightCount / map.output.channels
        let weight = try LayerTensor(
            "weight", map.weightDimensions,
            start: .weight(fanIn: fanIn, fanOut: try map.fanOut))
        tensors =
            hasBias
            ? [weight, try LayerTensor("bias", [map.output.channels], start: .bias(fanIn: fanIn))]
            : [weight]
        self.inputs = inputs
        self.activation = activation
    }

    public var arguments: String { hasBias ? map.arguments : map.arguments + " nobias" }
    public var output: Shape { map.output }
    public var gradientRows: Int { map.gradientRows }
    public var multiplyAdds: Int { map.multiplyAdds }
    public var inputBorder: Int { map.inputBorder }
    public var outputBorder: Int { map.outputBorder }

    // Packed weights in pass.shared, packed directions in pass.sharedTangent.

    public var needs: LayerNeeds {
        let packed = map.forwardCount + map.backCount
        return LayerNeeds(shared: packed, sharedTangent: packed)
    }

    public func prepare(_ pass: LayerPass) {
        map.pack(pass.parameters, to: pass.shared, isLearning: pass.input.delta != nil)
    }

    public func prepareTangent(_ pass: LayerPass) {
        map.pack(pass.direction, to: pass.sharedTangent, isLearning: pass.input.delta != nil)
    }

    public func forward(_ pass: LayerPass) {
        map.forward(
            pass.input.value, rows: pass.rows, pass.shared, bias: bias(pass.parameters),
            slope: fusedSlope ?? 1, into: pass.output)
        guard fusedSlope == nil else { return }
        output.forEachRow(of: pass.rows) { place, count in
            activation.apply(pass.output + place, rows: 1, width: count, bias: nil)
        }
    }

    public func backward(_ pass: LayerPass) {
        guard let delta = pass.outputDelta else { return }
        activation.multiplyByDerivative(
            delta, h: UnsafePointer(pass.output), count: storedCount(pass))
        guard let below = pass.input.delta else { return }
        map.back(
            delta, rows: pass.rows, pass.shared, adds: pass.input.addsDelta, into: below)
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
        guard count > 0 else { return }
        map.accumulate(
            pass.input.value, delta, rows: pass.rows, into: target, first: first, count: count,
            alpha: alpha, beta: beta)
        guard hasBias else { return }
        // A row of weights brings its share of the biases with it.
        let (channels, all) = (output.channels, gradientRows)
        let begin = first &* channels / all
        let end = (first &+ count) &* channels / all
        guard end > begin else { return }
        // The border adds zeros.
        shim_column_sums(
            delta + begin, storedCount(pass) / channels, end &- begin, channels, alpha, beta,
            target + (map.weightCount &+ begin))
    }

    /// R z = x * V + v_b + R x * W
    public func forwardTangent(_ pass: LayerPass) {
        map.forward(
            pass.input.value, rows: pass.rows, pass.sharedTangent, bias: bias(pass.direction),
            into: pass.outputTangent)
        if let tangent = pass.input.tangent {
            map.forward(
                tangent, rows: pass.rows, pass.shared, adds: true, into: pass.outputTangent)
        }
        activation.multiplyByDerivative(
            pass.outputTangent, h: UnsafePointer(pass.output), count: storedCount(pass))
    }

    /// R delta by the input = back(R delta, W) + back(delta, V)
    public func backwardTangent(_ pass: LayerPass) {
        guard let delta = pass.outputDelta else { return }
        let (h, count) = (UnsafePointer(pass.output), storedCount(pass))
        activation.multiplyByDerivative(pass.outputDeltaTangent, h: h, count: count)
        activation.addCurvature(
            pass.outputDeltaTangent, delta: UnsafePointer(delta), h: h,
            tangent: UnsafePointer(pass.outputTangent), count: count)
        guard let below = pass.input.deltaTangent else { return }
        map.back(
            pass.outputDeltaTangent, rows: pass.rows, pass.shared, adds: pass.input.addsDelta,
            into: below)
        map.back(delta, rows: pass.rows, pass.sharedTangent, adds: true, into: below)
    }

    /// R dW = grad(x, R delta) + grad(R x, delta)
    public func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {
        accumulate(
            pass, UnsafePointer(pass.outputDeltaTangent), into: target, first: 0,
            count: gradientRows, alpha: 1, beta: beta)
        guard let delta = pass.outputDelta, let tangent = pass.input.tangent else { return }
        map.accumulate(
            tangent, delta, rows: pass.rows, into: target, first: 0, count: gradientRows,
            alpha: 1, beta: 1)
    }

    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) throws -> Int {
        try channels.convolution(
            offset: parameterOffset, outputs: output.channels, groups: map.groups, taps: map.taps,
            hasBias: hasBias, activation: activation, input: inputs[0])
    }

    /// The activation that the kernel applies itself: f(z) = slope z for z <= 0.
    private var fusedSlope: Float? {
        activation.isPositivelyHomogeneous ? activation.negativeSlope : nil
    }

    /// Borders are zeros, of values, deltas and tangents, and stay zeros when they are multiplied.
    @inline(__always)
    private func storedCount(_ pass: LayerPass) -> Int { pass.rows &* output.storedCount }

    @inline(__always)
    private func bias(_ parameters: UnsafePointer<Float>) -> UnsafePointer<Float>? {
        hasBias ? parameters + map.weightCount : nil
    }
}

extension Shape {
    /// Calls `body` with the place and the length of each row of pixels of `count` stored images.
    @inline(__always)
    fileprivate func forEachRow(of count: Int, _ body: (_ place: Int, _ count: Int) -> Void) {
        for sample in 0..<count {
            for row in 0..<height {
                body(
                    sample &* storedCount &+ interiorOffset &+ row &* rowStride,
                    width &* channels)
            }
        }
    }
}

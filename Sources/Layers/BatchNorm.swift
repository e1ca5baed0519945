import CShims
import Runtime

/// h = f(weight (z - mean) / sqrt(variance + eps) + bias), channel by channel of vectors or images:
/// `batch_norm [eps E] [momentum M]`, 1e-5 and 0.1 by default.
///
/// Mean and variance are the batch's over all samples and positions, samples of weight 0 included,
/// as in PyTorch; of the running statistics when predicting. Passes back are through the batch's.
/// A batch of one value a channel has variance 0. Formulas and what is written where:
/// `BatchNorm+Passes.swift`.
public struct BatchNorm: Layer {
    public static let word = "batch_norm"
    public static let namePrefix = "bn"
    public static let isNorm = true

    public let inputs: [Shape]
    public let output: Shape
    public let activation: Activation
    public let tensors: [LayerTensor]
    let epilogue: Epilogue
    let epsilon: Double
    let momentum: Double

    private static let usualEpsilon = 1e-5
    private static let usualMomentum = 0.1

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let input = try arguments.single(inputs)
        epsilon =
            arguments.take("eps") ? try arguments.number("its eps") : Self.usualEpsilon
        guard epsilon > 0, Float(epsilon).isFinite else {
            throw TeleportError.invalid(
                "\(arguments.subject) has the eps \(epsilon); it must be finite and above 0")
        }
        momentum =
            arguments.take("momentum") ? try arguments.number("its momentum") : Self.usualMomentum
        guard (0...1).contains(momentum) else {
            throw TeleportError.invalid(
                "\(arguments.subject) has the momentum \(momentum); it must be 0 to 1")
        }
        self.inputs = inputs
        output = try arguments.output(
            channels: input.channels, height: input.height, width: input.width)
        self.activation = activation
        epilogue = Epilogue(output, activation: activation)
        let channels = [input.channels]
        tensors = [
            try LayerTensor("weight", channels, start: .constant(1)),
            try LayerTensor("bias", channels, start: .constant(0)),
            try LayerTensor("running_mean", channels, .statistic, start: .constant(0)),
            try LayerTensor("running_var", channels, .statistic, start: .constant(1)),
            try LayerTensor("num_batches_tracked", [], .counter, start: .constant(0)),
        ]
    }

    public var arguments: String {
        var words: [String] = []
        if epsilon != Self.usualEpsilon { words.append("eps \(epsilon)") }
        if momentum != Self.usualMomentum { words.append("momentum \(momentum)") }
        return words.joined(separator: " ")
    }

    var channels: Int { output.channels }
    /// Of a sample.
    var positions: Int { output.height &* output.width }

    public var gradientRows: Int { channels }
    public var multiplyAdds: Int { output.count }
    public var needs: LayerNeeds {
        LayerNeeds(
            kept: keptStride, shared: Slot.count &* channels,
            sharedTangent: TangentSlot.count &* channels)
    }

    public func meets(_ mode: PassMode) -> Bool { mode != .running }

    /// Pins its input, whose scale it takes away, and has a class by its weight and bias.
    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) throws -> Int {
        channels.pin(inputs[0])
        return try channels.affine(
            offset: parameterOffset, channels: self.channels, activation: activation)
    }

    /// running <- (1 - momentum) running + momentum batch, with the unbiased variance.
    public func updateStatistics(_ pass: LayerPass, _ statistics: UnsafeMutablePointer<Float>) {
        let values = Double(pass.rows) * Double(positions)
        let unbiased = values > 1 ? values / (values - 1) : 1
        let (means, variances) = (statistics, statistics + channels)
        let (mean, variance) = (slot(pass, .mean), slot(pass, .variance))
        for c in 0..<channels {
            means[c] = Float((1 - momentum) * Double(means[c]) + momentum * Double(mean[c]))
            variances[c] = Float(
                (1 - momentum) * Double(variances[c]) + momentum * unbiased * Double(variance[c]))
        }
        // A float counts to 2^24.
        statistics[2 &* channels] += 1
    }
}

// What is shared by all threads, a number a channel in each slot.
extension BatchNorm {
    enum Slot: Int {
        case mean
        /// 1 / sigma
        case inverse
        /// The biased one.
        case variance
        /// weight / sigma
        case scale
        /// Sums of dy and of dy x: the gradient.
        case biasGradient
        case weightGradient
        /// dz = deltaByInput (z - mean) + scale dy + deltaConstant
        case deltaByInput
        case deltaConstant

        static let count = 8
    }

    enum TangentSlot: Int {
        /// Of R z.
        case mean
        /// R sigma
        case spread
        /// R y = byInput (z - mean) + scale R z + constant
        case byInput
        case constant
        case biasGradient
        case weightGradient
        /// R dz = deltaByInput (z - mean) + deltaByDelta dy + scale R dy
        ///     + deltaByTangent (R z - mean) + deltaConstant
        case deltaByInput
        case deltaByDelta
        case deltaByTangent
        case deltaConstant

        static let count = 10
    }

    @inline(__always)
    func slot(_ pass: LayerPass, _ slot: Slot) -> UnsafeMutablePointer<Float> {
        pass.shared + slot.rawValue &* channels
    }

    @inline(__always)
    func tangent(_ pass: LayerPass, _ slot: TangentSlot) -> UnsafeMutablePointer<Float> {
        pass.sharedTangent + slot.rawValue &* channels
    }

    /// Three numbers a channel, and room for a vector that is read from the last.
    var keptStride: Int { 3 &* channels &+ 8 }
}

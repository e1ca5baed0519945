import Layers
import Runtime

/// h = mask x, with a mask that is given for every unit of every sample: dropout as another library
/// has drawn it.
public struct GivenMask: Layer {
    public static let word = "given_mask"

    public let inputs: [Shape]
    public var output: Shape { inputs[0] }
    public let activation = Activation(.identity)
    public var tensors: [LayerTensor] { [] }
    public var arguments: String { "" }
    /// As passes store the samples.
    private let mask: [Float]

    /// `mask`: as a pass stores the samples' values.
    public init(_ mask: [Float], of shape: Shape) {
        inputs = [shape]
        self.mask = mask
    }

    /// No text has the numbers.
    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        throw TeleportError.invalid("\(arguments.subject) has no mask")
    }

    private func multiply(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>?,
        into target: UnsafeMutablePointer<Float>?
    ) {
        guard let numbers, let target else { return }
        let width = output.storedCount
        for i in 0..<pass.rows * width {
            target[i] = mask[pass.first * width + i] * numbers[i]
        }
    }

    public func forward(_ pass: LayerPass) {
        multiply(pass, pass.input.value, into: pass.output)
    }

    public func backward(_ pass: LayerPass) {
        multiply(pass, UnsafePointer(pass.outputDelta), into: pass.input.delta)
    }

    public func forwardTangent(_ pass: LayerPass) {
        multiply(pass, pass.input.tangent, into: pass.outputTangent)
    }

    public func backwardTangent(_ pass: LayerPass) {
        multiply(
            pass, UnsafePointer(pass.outputDeltaTangent), into: pass.input.deltaTangent)
    }

    public func describe(
        _ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int
    ) -> Int { channels.root(inputs[0]) }
}

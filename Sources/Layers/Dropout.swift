import CShims
import Runtime

/// h = f(x / (1 - P)) where a unit is kept, 0 where it is dropped, which happens with probability P
/// in training steps; else h = f(x): `dropout P`.
///
/// Which units are dropped is a function of the seed, the step, the layer, the sample's number in
/// its batch and the unit's in the sample: threads and batches that are gone through again drop
/// the same ones.
public struct Dropout: CarryingLayer {
    public static let word = "dropout"
    public static let namePrefix = "drop"

    public let inputs: [Shape]
    let epilogue: Epilogue
    private let probability: Double

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let input = try arguments.single(inputs)
        probability = try arguments.number("its probability")
        guard probability >= 0, probability < 1 else {
            throw TeleportError.invalid(
                "\(arguments.subject) has the probability \(probability); "
                    + "it must be at least 0 and below 1")
        }
        self.inputs = inputs
        epilogue = Epilogue(
            try arguments.output(
                channels: input.channels, height: input.height, width: input.width),
            activation: activation)
    }

    public var arguments: String { "\(probability)" }

    func take(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        into out: UnsafeMutablePointer<Float>
    ) {
        move(pass, numbers, from: inputs[0], to: out, as: output, adds: false)
    }

    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        move(pass, numbers, from: output, to: target, as: inputs[0], adds: adds)
    }

    @inline(__always)
    private func move(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>, from shape: Shape,
        to target: UnsafeMutablePointer<Float>, as other: Shape, adds: Bool
    ) {
        guard pass.mode == .training else {
            shape.copy(numbers, to: target, as: other, rows: pass.rows, adds: adds)
            return
        }
        // Below 2^32, as the probability is below 1 by 2^-53 at least.
        let threshold = UInt32(probability * 0x1p32)
        let scale = Float(1 / (1 - probability))
        let counter = RandomCounter(seed: pass.seed, stream: RandomStream.dropout)
            .member(pass.step).member(UInt64(truncatingIfNeeded: pass.layer))
        // A row of an image begins with a draw of its own.
        let draws = UInt64(truncatingIfNeeded: (shape.rowLength &+ 1) / 2)
        for row in 0..<pass.rows {
            let sample = counter.member(UInt64(truncatingIfNeeded: pass.first &+ row))
            var place = row &* shape.storedCount &+ shape.interiorOffset
            var otherPlace = row &* other.storedCount &+ other.interiorOffset
            for y in 0..<shape.height {
                shim_drop(
                    numbers + place, shape.rowLength, sample.key,
                    UInt64(truncatingIfNeeded: y) &* draws, threshold, scale, adds ? 1 : 0,
                    target + otherPlace)
                place &+= shape.rowStride
                otherPlace &+= other.rowStride
            }
        }
    }
}

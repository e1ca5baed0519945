import Runtime

/// The net's input where it is an image: `input CxHxW`. A batch has C x H x W; the layer writes it
/// as layers read images. Graphs put it first; in a text the line is the input's.
public struct Image: CarryingLayer {
    public static let word = "input"
    public static let isWritten = false

    public let inputs: [Shape]
    let epilogue: Epilogue
    private let transposition: Transposition

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let sizes = try arguments.sizes("its channels, height and width", counts: 3...3)
        let planes = try Shape(channels: sizes[0], height: sizes[1], width: sizes[2])
        guard try arguments.single(inputs) == planes else {
            throw TeleportError(
                .shapeMismatch, "\(arguments.subject) is \(planes) but reads \(inputs[0])")
        }
        self.inputs = [planes]
        let image = try arguments.output(channels: sizes[0], height: sizes[1], width: sizes[2])
        epilogue = Epilogue(image, activation: activation)
        transposition = Transposition(image: image)
    }

    public var arguments: String {
        "\(output.channels)x\(output.height)x\(output.width)"
    }

    func take(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        into out: UnsafeMutablePointer<Float>
    ) {
        transposition.image(numbers, into: out, rows: pass.rows, adds: false)
    }

    /// Nobody asks for the derivative by data; it is stated all the same.
    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        transposition.planes(numbers, into: target, rows: pass.rows, adds: adds)
    }
}

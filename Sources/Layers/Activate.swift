/// h = f(x), where an activation cannot be a part of the layer before it, because others read that
/// layer's value too. Graphs make it of an activation's line; it has no line of its own.
public struct Activate: CarryingLayer {
    public static let word = "activate"
    public static let isWritten = false

    public let inputs: [Shape]
    public var arguments: String { "" }
    let epilogue: Epilogue

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let input = try arguments.single(inputs)
        self.inputs = inputs
        epilogue = Epilogue(
            try arguments.output(
                channels: input.channels, height: input.height, width: input.width),
            activation: activation)
    }

    func take(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        into out: UnsafeMutablePointer<Float>
    ) {
        inputs[0].copy(numbers, to: out, as: output, rows: pass.rows, adds: false)
    }

    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        output.copy(numbers, to: target, as: inputs[0], rows: pass.rows, adds: adds)
    }
}

/// h = f(x), with an image as one vector of C x H x W: `flatten`.
public struct Flatten: CarryingLayer {
    public static let word = "flatten"

    public let inputs: [Shape]
    public var arguments: String { "" }
    let epilogue: Epilogue
    private let transposition: Transposition

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        let input = try arguments.single(inputs)
        self.inputs = inputs
        epilogue = Epilogue(try Shape(channels: input.count), activation: activation)
        transposition = Transposition(image: input)
    }

    func take(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        into out: UnsafeMutablePointer<Float>
    ) {
        transposition.planes(numbers, into: out, rows: pass.rows, adds: false)
    }

    /// A channel of the input is H x W neighbouring columns of what reads the output.
    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        transposition.image(numbers, into: target, rows: pass.rows, adds: adds)
    }
}

/// h = f(the mean of each channel), a vector: `global_avg_pool`.
public struct GlobalAveragePool: CarryingLayer {
    public static let word = "global_avg_pool"
    public static let namePrefix = "pool"

    public let inputs: [Shape]
    let epilogue: Epilogue
    private let windows: Windows

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        windows = try Windows(over: try arguments.single(inputs))
        self.inputs = inputs
        epilogue = Epilogue(windows.output, activation: activation)
    }

    public var arguments: String { "" }
    public var multiplyAdds: Int { windows.work }

    func take(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        into out: UnsafeMutablePointer<Float>
    ) {
        windows.average(numbers, into: out, rows: pass.rows)
    }

    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        windows.spread(numbers, to: target, rows: pass.rows, adds: adds)
    }
}

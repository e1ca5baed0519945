import CShims

/// h = f(the mean of each window): `avg_pool K|KHxKW [stride S] [pad P]`. The padding is of
/// zeros, which count.
public struct AveragePool: CarryingLayer {
    public static let word = "avg_pool"
    public static let namePrefix = "pool"

    public let inputs: [Shape]
    let epilogue: Epilogue
    private let windows: Windows

    public init(
        _ arguments: inout LayerArguments, inputs: [Shape], activation: Activation
    ) throws {
        windows = try Windows(&arguments, input: try arguments.single(inputs))
        self.inputs = inputs
        epilogue = Epilogue(windows.output, activation: activation)
    }

    public var arguments: String { windows.arguments }
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

extension Windows {
    /// out <- the mean of each window
    @inline(__always)
    func average(
        _ numbers: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let scale = 1 / size
        forEachSample(rows) { windows, place, outPlace in
            shim_window_sums(&windows, numbers + place, scale, out + outPlace)
        }
    }

    /// target <- the transpose of that, or added to what is there
    @inline(__always)
    func spread(
        _ numbers: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        adds: Bool
    ) {
        let scale = 1 / size
        if !adds { input.clear(target, rows: rows) }
        forEachSample(rows) { windows, place, outPlace in
            shim_give_window_sums(&windows, numbers + outPlace, scale, target + place)
        }
    }
}

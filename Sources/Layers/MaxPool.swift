import CShims

/// h = f(the largest of each window): `max_pool K|KHxKW [stride S] [pad P]`. What lies in the
/// padding is less than any number; of several largest the first in its window has the derivative.
public struct MaxPool: CarryingLayer {
    public static let word = "max_pool"
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
        let x = pass.input.value
        windows.forEachSample(pass.rows) { windows, place, outPlace in
            // Of the input itself the largest is what is taken.
            if numbers == x {
                shim_largest(&windows, x + place, out + outPlace)
            } else {
                shim_take_largest(&windows, x + place, numbers + place, out + outPlace)
            }
        }
    }

    /// Where a window's largest stood is found again: that is cheaper than to keep it.
    func give(
        _ pass: LayerPass, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>, adds: Bool
    ) {
        let x = pass.input.value
        if !adds { inputs[0].clear(target, rows: pass.rows) }
        windows.forEachSample(pass.rows) { windows, place, outPlace in
            shim_give_largest(&windows, x + place, numbers + outPlace, target + place)
        }
    }
}

import Glibc
import Networks
import Runtime

/// ENorm (arXiv 1902.10416): the element of the scaling group after which the sum of the squared
/// parameters is smallest, where for every channel the norm of what feeds it equals that of what
/// reads from it.
///
/// One channel after the other: what feeds it is multiplied by f and what reads from it divided,
/// f^4 = (sum of squares of what reads) / (of what feeds). Parameters move as the inverse of their
/// gradients, so the sum is `ScalingObjective` of the parameters themselves at -s.
final class EqualNorms: Balance {
    private let squares: ScalingObjective
    private let negated: Buffer<Double>

    init(_ model: Model) throws {
        squares = try ScalingObjective(model.graph, gradient: model.parameters.pointer)
        negated = try Buffer(repeating: 0, count: squares.into.count)
    }

    /// The sum of squared parameters at log factors s.
    func value(_ s: UnsafePointer<Double>) -> Double {
        for i in 0..<negated.count { negated.pointer[i] = -s[i] }
        return squares.value(negated.pointer)
    }

    /// - Complexity: O(parameters) a sweep.
    func minimize(
        _ s: UnsafeMutablePointer<Double>, radius: Double, layer: Int?, sweeps: Int
    ) throws -> Int {
        for i in 0..<negated.count { negated.pointer[i] = -s[i] }
        for sweep in 0..<sweeps {
            try Stop.ask()
            var largest = 0.0
            squares.forEachChannel(negated.pointer, layer: layer) { i in
                let (fed, read) = (squares.into.pointer[i], squares.from.pointer[i])
                guard fed > 0, read > 0 else { return }
                let moved = min(max(log(read / fed) / 4, -radius), radius)
                largest = max(largest, abs(moved - s[i]))
                s[i] = moved
                negated.pointer[i] = -moved
            }
            if largest < 1e-9 { return sweep + 1 }
        }
        return sweeps
    }
}

import Glibc
import Networks
import Runtime

/// Path conditioning (arXiv 2602.19799): the element of the scaling group after which the diagonal
/// of the path metric is best conditioned, found from the weights alone.
///
/// A parameter i reads from one unit and feeds another; e_i = z(the unit it reads from) - z(the
/// unit it feeds), without the terms of inputs and outputs. It is multiplied by exp(-e_i / 2). With
/// every parameter replaced by its square u, every input by 1 and every activation left out, g_i is
/// the derivative of the summed outputs by u_i. Minimized is
///
///     n ln(sum_i g_i exp(e_i)) - sum_i e_i
///
/// a convex function of z, by one unit after the other, each in closed form.
final class PathConditioning: Balance {
    private let graph: Graph
    /// Sums over paths into each unit and out of it; units of the inputs, then of every layer.
    private let into: Buffer<Double>
    private let outOf: Buffer<Double>

    /// - Complexity: O(parameters).
    init(_ model: Model) throws {
        graph = model.graph
        let units = graph.inputWidth + graph.layers.elements.reduce(0) { $0 + $1.outputs }
        into = try Buffer(repeating: 1, count: units)
        outOf = try Buffer(repeating: 1, count: units)
        let weights = model.parameters.pointer
        func square(_ place: Int) -> Double { Double(weights[place]) * Double(weights[place]) }
        var first = 0
        for layer in graph.layers.elements {
            let next = first + layer.inputs
            for i in 0..<layer.outputs {
                var sum = layer.hasBias ? square(layer.biasOffset + i) : 0
                for j in 0..<layer.inputs {
                    sum +=
                        square(layer.weightOffset + i * layer.inputs + j)
                        * into.pointer[first + j]
                }
                into.pointer[next + i] = sum
            }
            first = next
        }
        for layer in graph.layers.elements.reversed() {
            let below = first - layer.inputs
            for j in 0..<layer.inputs {
                var sum = 0.0
                for i in 0..<layer.outputs {
                    sum +=
                        square(layer.weightOffset + i * layer.inputs + j)
                        * outOf.pointer[first + i]
                }
                outOf.pointer[below + j] = sum
            }
            first = below
        }
    }

    /// exp(z) summed over a layer's inputs with the paths into them, its bias's 1 included;
    /// s = z / 2 of hidden units.
    private func reading(
        _ m: Int, _ first: Int, _ unit: Int, _ s: UnsafePointer<Double>
    ) -> Double {
        let layer = graph.layers.pointer[m]
        var sum = layer.hasBias ? 1.0 : 0
        for j in 0..<layer.inputs {
            sum += into.pointer[first + j] * (m == 0 ? 1 : exp(2 * s[unit - layer.inputs + j]))
        }
        return sum
    }

    /// exp(-z) summed over a layer's outputs with the paths out of them.
    private func feeding(
        _ m: Int, _ first: Int, _ unit: Int, _ s: UnsafePointer<Double>
    ) -> Double {
        let layer = graph.layers.pointer[m]
        let outputs = outOf.pointer + first + layer.inputs
        var sum = 0.0
        for i in 0..<layer.outputs {
            sum += outputs[i] * (m == graph.hiddenLayerCount ? 1 : exp(-2 * s[unit + i]))
        }
        return sum
    }

    /// The sum of g_i exp(e_i). `s`: one log factor a hidden unit.
    private func trace(_ s: UnsafePointer<Double>) -> Double {
        var (sum, first, unit) = (0.0, 0, 0)
        for (m, layer) in graph.layers.elements.enumerated() {
            sum += reading(m, first, unit, s) * feeding(m, first, unit, s)
            first += layer.inputs
            unit += layer.outputs
        }
        return sum
    }

    /// What is minimized, at log factors s.
    func value(_ s: UnsafePointer<Double>) -> Double {
        var (sum, unit) = (0.0, 0)
        for m in 0..<graph.hiddenLayerCount {
            let width = graph.layers.pointer[m].outputs
            for i in 0..<width { sum += 2 * s[unit + i] * balance(m) }
            unit += width
        }
        return Double(graph.parameterCount) * log(trace(s)) + sum
    }

    /// Parameters that feed a unit of hidden layer m less those that read from it.
    private func balance(_ m: Int) -> Double {
        let (layer, next) = (graph.layers.pointer[m], graph.layers.pointer[m + 1])
        return Double(layer.inputs + (layer.hasBias ? 1 : 0) - next.outputs)
    }

    /// - Complexity: O(units) a sweep.
    func minimize(
        _ s: UnsafeMutablePointer<Double>, radius: Double, layer: Int?, sweeps: Int
    ) throws -> Int {
        let n = Double(graph.parameterCount)
        for sweep in 0..<sweeps {
            try Stop.ask()
            var largest = 0.0
            var (first, unit) = (0, 0)
            var total = trace(s)
            for m in 0..<graph.hiddenLayerCount {
                let width = graph.layers.pointer[m].outputs
                let above = first + graph.layers.pointer[m].inputs
                defer { (first, unit) = (above, unit + width) }
                guard layer == nil || layer == m else { continue }
                let fed = reading(m, first, unit, s)
                let read = feeding(m + 1, above, unit + width, s)
                let a = balance(m)
                for i in 0..<width {
                    let b = into.pointer[above + i] * read
                    let c = outOf.pointer[above + i] * fed
                    // A dead unit has no part in any path; it stays.
                    guard b > 0, c > 0 else { continue }
                    let x = exp(2 * s[unit + i])
                    let rest = max(total - b * x - c / x, 0)
                    let half = a * rest / (2 * (n + a) * b)
                    let product = (n - a) * c / ((n + a) * b)
                    let length = (half * half + product).squareRoot()
                    // The one of two equal forms that subtracts nothing.
                    let root = half > 0 ? product / (length + half) : length - half
                    guard root > 0, root.isFinite else { continue }
                    let moved = min(max(log(root) / 2, -radius), radius)
                    largest = max(largest, abs(moved - s[unit + i]))
                    s[unit + i] = moved
                    let now = exp(2 * moved)
                    total = rest + b * now + c / now
                }
            }
            if largest < 1e-9 { return sweep + 1 }
        }
        return sweeps
    }
}

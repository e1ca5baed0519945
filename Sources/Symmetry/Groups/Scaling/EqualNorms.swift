import Glibc
import Networks
import Runtime

/// ENorm (arXiv 1902.10416): the element of the scaling group after which the sum of the squared
/// parameters is smallest, where for every unit the norm of what feeds it equals that of what
/// reads from it.
///
/// One unit after the other: what feeds it is multiplied by f and what reads from it divided,
/// f^4 = (sum of squares of what reads) / (of what feeds).
final class EqualNorms: Balance {
    private let model: Model

    init(_ model: Model) { self.model = model }

    /// Squares of what feeds unit i of hidden layer m and of what reads from it, under log factors
    /// s, the unit's own left out.
    private func squares(
        _ m: Int, _ unit: Int, _ i: Int, _ s: UnsafePointer<Double>
    ) -> (fed: Double, read: Double) {
        let graph = model.graph
        let (layer, next) = (graph.layers.pointer[m], graph.layers.pointer[m + 1])
        let weights = model.parameters.pointer
        func square(_ place: Int) -> Double { Double(weights[place]) * Double(weights[place]) }
        var fed = layer.hasBias ? square(layer.biasOffset + i) : 0
        for j in 0..<layer.inputs {
            let growth = m == 0 ? 1 : exp(-2 * s[unit - layer.inputs + j])
            fed += square(layer.weightOffset + i * layer.inputs + j) * growth
        }
        var read = 0.0
        for k in 0..<next.outputs {
            let growth = m + 1 == graph.hiddenLayerCount ? 1 : exp(2 * s[unit + layer.outputs + k])
            read += square(next.weightOffset + k * next.inputs + i) * growth
        }
        return (fed, read)
    }

    /// The sum of squared parameters at log factors s.
    func value(_ s: UnsafePointer<Double>) -> Double {
        let graph = model.graph
        let weights = model.parameters.pointer
        var (sum, unit) = (0.0, 0)
        for (m, layer) in graph.layers.elements.enumerated() {
            for i in 0..<layer.outputs {
                let own = m == graph.hiddenLayerCount ? 0 : s[unit + i]
                for j in 0..<layer.inputs {
                    let below = m == 0 ? 0 : s[unit - layer.inputs + j]
                    let w = Double(weights[layer.weightOffset + i * layer.inputs + j])
                    sum += w * w * exp(2 * (own - below))
                }
                guard layer.hasBias else { continue }
                let b = Double(weights[layer.biasOffset + i])
                sum += b * b * exp(2 * own)
            }
            unit += layer.outputs
        }
        return sum
    }

    /// - Complexity: O(parameters) a sweep.
    func minimize(
        _ s: UnsafeMutablePointer<Double>, radius: Double, layer: Int?, sweeps: Int
    ) throws -> Int {
        let graph = model.graph
        for sweep in 0..<sweeps {
            var (largest, unit) = (0.0, 0)
            for m in 0..<graph.hiddenLayerCount {
                try Stop.ask()
                let width = graph.layers.pointer[m].outputs
                defer { unit += width }
                guard layer == nil || layer == m else { continue }
                for i in 0..<width {
                    let (fed, read) = squares(m, unit, i, s)
                    guard fed > 0, read > 0 else { continue }
                    let moved = min(max(log(read / fed) / 4, -radius), radius)
                    largest = max(largest, abs(moved - s[unit + i]))
                    s[unit + i] = moved
                }
            }
            if largest < 1e-9 { return sweep + 1 }
        }
        return sweeps
    }
}

import Layers
import Runtime

/// Distribution of the first weights; raw values are those of `tp_initialization`.
public enum Initialization: Int32, Sendable {
    case glorotUniform = 0
    case heUniform = 1
    case torchLinear = 2
    case uniform01 = 3
}

extension Initialization {
    /// Fills the parameters layer by layer: weights in row-major order, then the bias, from one
    /// generator.
    func fill(
        _ parameters: UnsafeMutablePointer<Float>, of graph: Graph, slope: Float, seed: UInt64
    ) {
        var generator = RandomGenerator(seed: seed, stream: RandomStream.initialization)
        for layer in graph.layers.elements {
            let (low, high) = weightRange(layer, slope: Double(slope))
            for i in 0..<layer.weightCount {
                parameters[layer.weightOffset + i] = draw(&generator, low, high)
            }
            guard layer.hasBias else { continue }
            for i in 0..<layer.outputs {
                switch self {
                case .glorotUniform, .heUniform:
                    parameters[layer.biasOffset + i] = 0
                case .torchLinear, .uniform01:
                    parameters[layer.biasOffset + i] = draw(&generator, low, high)
                }
            }
        }
    }

    private func draw(_ generator: inout RandomGenerator, _ low: Double, _ high: Double) -> Float {
        let value = Float(generator.nextDouble(from: low, to: high))
        // A draw close to 1 rounds to it.
        return self == .uniform01 ? min(value, Float(1).nextDown) : value
    }

    private func weightRange(_ layer: LinearMap, slope: Double) -> (Double, Double) {
        let inputs = Double(layer.inputs)
        let bound: Double
        switch self {
        case .glorotUniform: bound = (6 / (inputs + Double(layer.outputs))).squareRoot()
        case .heUniform: bound = (6 / ((1 + slope * slope) * inputs)).squareRoot()
        case .torchLinear: bound = 1 / inputs.squareRoot()
        case .uniform01: return (0, 1)
        }
        return (-bound, bound)
    }
}

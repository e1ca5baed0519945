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
    /// Fills parameters and statistics layer by layer and tensor by tensor, row-major, from one
    /// generator.
    func fill(_ weights: Weights, of graph: Graph, slope: Float, seed: UInt64) {
        var generator = RandomGenerator(seed: seed, stream: RandomStream.initialization)
        var (parameter, statistic) = (weights.parameters.pointer, weights.statistics.pointer)
        for index in 0..<graph.nodes.count {
            for tensor in graph.nodes[index].facts.tensors {
                guard tensor.role == .parameter else {
                    fill(statistic, tensor, slope, &generator)
                    statistic += tensor.count
                    continue
                }
                fill(parameter, tensor, slope, &generator)
                parameter += tensor.count
            }
        }
    }

    private func fill(
        _ values: UnsafeMutablePointer<Float>, _ tensor: LayerTensor, _ slope: Float,
        _ generator: inout RandomGenerator
    ) {
        let low: Double
        let high: Double
        switch tensor.start {
        case .constant(let value):
            return values.update(repeating: value, count: tensor.count)
        case .bias where self == .glorotUniform || self == .heUniform:
            return values.update(repeating: 0, count: tensor.count)
        case .bias(let inputs):
            (low, high) = range(inputs, 0, slope: Double(slope))
        case .weight(let inputs, let outputs):
            (low, high) = range(inputs, outputs, slope: Double(slope))
        }
        for i in 0..<tensor.count { values[i] = draw(&generator, low, high) }
    }

    private func draw(_ generator: inout RandomGenerator, _ low: Double, _ high: Double) -> Float {
        let value = Float(generator.nextDouble(from: low, to: high))
        // A draw close to 1 rounds to it.
        return self == .uniform01 ? min(value, Float(1).nextDown) : value
    }

    private func range(_ inputs: Int, _ outputs: Int, slope: Double) -> (Double, Double) {
        let bound: Double
        switch self {
        case .glorotUniform: bound = (6 / (Double(inputs) + Double(outputs))).squareRoot()
        case .heUniform: bound = (6 / ((1 + slope * slope) * Double(inputs))).squareRoot()
        case .torchLinear: bound = 1 / Double(inputs).squareRoot()
        case .uniform01: return (0, 1)
        }
        return (-bound, bound)
    }
}

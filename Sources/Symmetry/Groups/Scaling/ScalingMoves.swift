import Layers
import Networks
import Optimization
import Runtime

/// Scaling by the objective's derivative, for objectives without a closed form. Length: the largest |s|.
final class ScalingMoves: DirectedGroup {
    private let graph: Graph
    private let layers: [Int]
    private let exact: Bool
    private let total: Scaling

    init(_ graph: Graph, layers: [Int], exact: Bool) throws {
        self.graph = graph
        self.layers = layers
        self.exact = exact
        total = try Scaling(graph)
    }

    /// d / d s_i = S_m[i,:] . W_m[i,:] + S_b[i] b[i] - S_(m+1)[:,i] . W_(m+1)[:,i], the largest scaled to 1.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double>? {
        let result = try Buffer<Double>(repeating: 0, count: graph.hiddenUnitCount)
        let weights = model.parameters.pointer
        var largest = 0.0
        for m in layers {
            let units = Scaling.units(ofHiddenLayer: m, graph)
            let layer = graph.layers.pointer[m]
            let next = graph.layers.pointer[m + 1]
            for i in 0..<units.count {
                var sum = 0.0
                for j in 0..<layer.inputs {
                    let place = layer.weightOffset + i * layer.inputs + j
                    sum += Double(covector[place]) * Double(weights[place])
                }
                if layer.hasBias {
                    sum +=
                        Double(covector[layer.biasOffset + i])
                        * Double(weights[layer.biasOffset + i])
                }
                for k in 0..<next.outputs {
                    let place = next.weightOffset + k * next.inputs + i
                    sum -= Double(covector[place]) * Double(weights[place])
                }
                result.pointer[units.first + i] = sum
                largest = max(largest, abs(sum))
            }
        }
        guard largest > 0, largest.isFinite else { return nil }
        for i in 0..<result.count { result.pointer[i] /= largest }
        return result
    }

    func move(_ model: Model, along direction: Buffer<Double>, by length: Double) throws -> Bool {
        try element(direction, length).apply(to: model)
    }

    private func element(_ direction: Buffer<Double>, _ length: Double) throws -> Scaling {
        let element = try Scaling(graph)
        let scaled = try Buffer(copying: direction)
        for i in 0..<scaled.count { scaled.pointer[i] *= length }
        element.setLogFactors(scaled.pointer, exact: exact)
        return element
    }

    func accept(_ direction: Buffer<Double>, _ length: Double) throws {
        let element = try element(direction, length)
        for i in 0..<element.factors.count {
            total.factors.pointer[i] *= element.factors.pointer[i]
        }
    }

    func describe(_ report: inout TeleportReport) throws {
        report.condition = total.condition
    }

    func found(_ model: Model, along direction: Buffer<Double>, by length: Double) throws
        -> any Move
    {
        ScaledWeights(weights: try MovedWeights(model), element: try element(direction, length))
    }

    func found(_ model: Model) throws -> any Move {
        ScaledWeights(weights: try MovedWeights(model), element: total)
    }
}

/// Weights that were found step by step, and the element of the group that all steps make.
private struct ScaledWeights: Move {
    let weights: MovedWeights
    let element: Scaling

    func apply(to model: Model) -> Bool { weights.apply(to: model) }
    func transform(_ state: OptimizerState) throws { try element.transform(state) }
}

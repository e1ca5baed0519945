import Layers
import Networks
import Runtime

/// W_m[i,j] exp(t (s_out[i] - s_in[j])): every derivative is a factor.
struct ScalingCurves: CurveFamily {
    private let graph: Graph
    private let layers: [Int]

    init(_ graph: Graph, layers: [Int]) throws {
        self.graph = graph
        self.layers = layers
    }

    func addCurve(
        at model: Model, _ generator: inout RandomGenerator, _ velocity: Buffer<Double>,
        _ acceleration: Buffer<Double>
    ) throws {
        let s = try Buffer<Double>(repeating: 0, count: graph.hiddenUnitCount)
        var norm2 = 0.0
        for m in layers {
            let units = Scaling.units(ofHiddenLayer: m, graph)
            for i in units.first..<units.first + units.count {
                s.pointer[i] = generator.nextNormal()
                norm2 += s.pointer[i] * s.pointer[i]
            }
        }
        for i in 0..<s.count { s.pointer[i] /= norm2.squareRoot() }
        func add(_ place: Int, _ rate: Double) {
            let value = Double(model.parameters.pointer[place])
            velocity.pointer[place] += value * rate
            acceleration.pointer[place] += value * rate * rate
        }
        var first = 0
        for (m, layer) in graph.layers.elements.enumerated() {
            for i in 0..<layer.outputs {
                let out = m < graph.hiddenLayerCount ? s.pointer[first + i] : 0
                for j in 0..<layer.inputs {
                    let rate = out - (m > 0 ? s.pointer[first - layer.inputs + j] : 0)
                    add(layer.weightOffset + i * layer.inputs + j, rate)
                }
                if layer.hasBias { add(layer.biasOffset + i, out) }
            }
            first += layer.outputs
        }
    }
}

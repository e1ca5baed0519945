import Glibc
import Layers
import LinearAlgebra
import Networks
import Runtime

/// The general linear group acting on hidden layers of one model through one batch of samples.
public final class LinearGroup {
    /// An element of the Lie algebra: T_m for every layer that moves.
    typealias Algebra = [Int: Matrix]

    let graph: Graph
    let batch: Batch
    /// The layers that it can move, which are among the graph's `layers`.
    let row: DenseRow
    let layers: [Int]
    /// What the first of the row reads; no move touches it.
    private var x: Matrix?
    /// Of that.
    private var inverseOfSamples: PseudoInverse?
    /// What was computed last for each layer under weights that no move had touched below it.
    private var known: [Int: Known] = [:]

    private struct Known {
        let weights: Buffer<Float>
        let input: Matrix
        let z: Matrix
        var inverse: PseudoInverse?
    }

    /// `inverse`: of the samples, where it is known already.
    init(
        _ graph: Graph, _ batch: Batch, layers: [Int], inverse: PseudoInverse? = nil
    ) throws {
        self.graph = graph
        self.batch = batch
        self.layers = layers
        inverseOfSamples = inverse
        row = DenseRow(graph)
    }

    private func preactivations(_ m: Int, of model: Model, input: Matrix) throws -> Matrix {
        try model.preactivations(m, input: graph.layers.pointer[m].readsTable ? nil : input)
    }

    /// One layer on a walk through the network.
    final class Layer {
        let index: Int
        let input: Matrix
        /// A copy: whoever moves the layer moves it.
        let z: Matrix
        /// Nothing below has moved on this walk, so what is found out may be kept.
        let isKnown: Bool
        private let group: LinearGroup

        init(_ group: LinearGroup, _ index: Int, input: Matrix, z: Matrix, isKnown: Bool) {
            self.group = group
            self.index = index
            self.input = input
            self.z = z
            self.isKnown = isKnown
        }

        func inverse() throws -> PseudoInverse {
            let isFirst = index == group.row.layers.lowerBound
            if isFirst, let inverse = group.inverseOfSamples { return inverse }
            if isKnown, let inverse = group.known[index]?.inverse { return inverse }
            let inverse = try PseudoInverse(input)
            if isFirst {
                group.inverseOfSamples = inverse
            } else if isKnown {
                group.known[index]?.inverse = inverse
            }
            return inverse
        }
    }

    /// What a visit did to a layer.
    enum Visit {
        case left
        /// Moved; its new z is in the layer's z.
        case moved
        /// Moved in a way that leaves z to be computed again.
        case rewritten
        case failed
    }

    private func inputs(of model: Model) throws -> Matrix {
        if let x { return x }
        let inputs = try row.inputs(of: model, batch)
        x = inputs
        return inputs
    }

    /// Visits the row's hidden layers in turn, as far as one moves; what is done to the weights of
    /// a layer and above is seen by the layers after it. Input, z and pseudo-inverse of layers
    /// under the weights of an earlier walk are taken from there. False when a visit failed.
    func forEachLayer(of model: Model, _ visit: (Layer) throws -> Visit) throws -> Bool {
        guard let last = layers.max(), last >= row.layers.lowerBound else { return true }
        var input = try inputs(of: model)
        var isKnown = true
        for m in row.layers.lowerBound...last {
            let layer = try layer(m, of: model, input: input, isKnown: isKnown)
            let visit = try visit(layer)
            if case .failed = visit { return false }
            guard m < last else { break }
            let h: Matrix
            switch visit {
            case .left, .failed: h = layer.z
            case .moved:
                h = layer.z
                isKnown = false
            case .rewritten:
                h = try preactivations(m, of: model, input: input)
                isKnown = false
            }
            graph.layers.pointer[m].activation.apply(h)
            input = h
        }
        return true
    }

    private func layer(_ m: Int, of model: Model, input: Matrix, isKnown: Bool) throws -> Layer {
        guard isKnown else {
            return Layer(
                self, m, input: input, z: try preactivations(m, of: model, input: input),
                isKnown: false)
        }
        let shape = graph.layers.pointer[m]
        let weights = model.parameters.pointer + shape.weightOffset
        if let known = known[m],
            memcmp(known.weights.pointer, weights, known.weights.count * MemoryLayout<Float>.size)
                == 0
        {
            return Layer(self, m, input: known.input, z: try known.z.copy(), isKnown: true)
        }
        let z = try preactivations(m, of: model, input: input)
        known[m] = Known(
            weights: try Buffer(copying: weights, count: shape.parameterCount), input: input,
            z: try z.copy())
        for above in (m + 1)..<max(graph.layerCount, m + 2) { known[above] = nil }
        return Layer(self, m, input: input, z: z, isKnown: true)
    }

    /// A zero for every unit that is saturated on a sample, one for the others.
    func activeUnits(_ z: Matrix, layer m: Int) -> [Double] {
        let bound = graph.layers.pointer[m].activation.saturation
        guard bound < .infinity else { return Array(repeating: 1, count: z.columns) }
        return (0..<z.columns).map { i in
            (0..<z.rows).contains { abs(z[$0, i]) > bound } ? 0 : 1
        }
    }

    func leaveOut(_ units: [Double], of t: Matrix) {
        guard units.contains(0) else { return }
        for i in 0..<t.rows {
            // Not a product: 1 / f'(z) of a saturated unit may be infinite.
            for j in 0..<t.columns where units[i] * units[j] == 0 { t[i, j] = 0 }
        }
    }

    /// Takes the units of layer m that are saturated on these samples out of an algebra element of
    /// it.
    func leaveOutSaturated(of direction: Matrix, layer m: Int, of model: Model) throws {
        _ = try forEachLayer(of: model) { layer in
            if layer.index == m { leaveOut(activeUnits(layer.z, layer: m), of: direction) }
            return .left
        }
    }
}

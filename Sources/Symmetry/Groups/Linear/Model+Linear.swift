import Layers
import LinearAlgebra
import Networks
import Runtime

extension Model {
    /// phi = |grad L|^2 and its derivative by T at T = 0 for every hidden layer, row-major, layer
    /// after layer (`tp_model_linear_gradient_norm`).
    public func linearGradientNorm(
        _ batch: Batch, _ loss: Loss, into derivative: UnsafeMutablePointer<Double>
    ) throws -> Double {
        try graph.requireRow(LinearSymmetry.title)
        try LinearAction.requireBijective(graph)
        try BLAS.reserve()
        let covector = try Buffer<Float>(count: parameters.count)
        let phi = try GradientNorm(self, batch, loss).derivative(self, into: covector.pointer)
        let layers = Array(0..<graph.hiddenLayerCount)
        let group = try LinearGroup(graph, batch, layers: layers)
        let t = try group.derivative(at: self, covector.pointer)
        var offset = 0
        for m in layers {
            guard let matrix = t[m] else { continue }
            (derivative + offset).update(from: matrix.pointer, count: matrix.count)
            offset += matrix.count
        }
        return phi
    }

    /// Acts with a given g on one hidden layer, by its number, through the batch's inputs
    /// (`tp_model_apply_linear`). On failure nothing moves.
    public func applyLinear(
        hiddenLayer number: Int, g elements: UnsafePointer<Float>, count: Int, batch: Batch?
    ) throws {
        try LinearAction.requireBijective(graph)
        guard number >= 0, number < graph.hiddenLayerCount else {
            throw TeleportError.invalid(
                "layer is \(number); the model has \(graph.hiddenLayerCount) hidden layers, counted from 0"
            )
        }
        try graph.requireInRow(number, for: LinearSymmetry.title)
        let layer = number - DenseRow(graph).shift
        let k = graph.layers.pointer[layer].outputs
        guard count == (try Memory.product(k, k)) else {
            throw TeleportError(
                .shapeMismatch,
                "g has \(UInt(bitPattern: count)) elements; layer \(number) needs \(k) x \(k)")
        }
        for i in 0..<count where !elements[i].isFinite {
            throw TeleportError(.notFinite, "g[\(i)] is \(elements[i])")
        }
        try BLAS.reserve()
        let g = try Matrix(elements, rows: k, columns: k)
        let element = LinearElement(g: g, inverse: try g.inverse())
        let before = try Weights(copying: weights)
        do {
            if graph.layers.pointer[layer].activation.kind == .identity {
                try LinearAction.applyExactly(element, toLayer: layer, of: self)
            } else {
                try apply(element, hiddenLayer: layer, batch: batch)
            }
            guard weights.areFinite else {
                throw TeleportError(.notFinite, "moving layer \(number) makes a weight overflow")
            }
        } catch {
            weights.copy(from: before)
            throw error
        }
    }

    private func apply(_ element: LinearElement, hiddenLayer layer: Int, batch: Batch?) throws {
        guard let batch else {
            throw TeleportError.invalid(
                "batch is NULL; only identity activations can be moved without samples")
        }
        var fit = LinearAction.Fit()
        let group = try LinearGroup(graph, batch, layers: [layer])
        let isInRange = try group.act(on: self, fit: &fit) { _, z in
            try group.requireUnsaturated(element.g, z, layer: layer)
            return element
        }
        guard isInRange else {
            throw TeleportError(
                .unsupported,
                "g f(z) leaves the range of \(graph.layers.pointer[layer].activation.name) on this batch; an element nearer to the identity may stay inside"
            )
        }
    }
}

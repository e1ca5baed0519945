import Layers
import LinearAlgebra
import Networks
import Runtime

/// A model as the samples of one batch see it: the first layer by what it makes of each of them.
///
/// The linear group moves the first layer's W by combinations of the samples X alone, so what it
/// does is known from W X^T. A net with the identity for its inputs and W X^T for its first layer
/// has the same activations, and where that layer's gradient is delta^T, the whole model's is
/// delta^T X, of squared norm tr(delta^T K delta) with K = X X^T. So a search for the gradient norm
/// may go on with n inputs instead of the model's own, where the products with the inputs and their
/// inverse cost nothing, and W moves once, when it has ended: by C K^-1 X, where W X^T moved by C.
final class RowSpace {
    /// The model with n inputs, and the samples in its coordinates.
    let model: Model
    let batch: Batch
    /// The inverse of `batch.x`, with the rank and condition of the samples themselves.
    let inverse: PseudoInverse

    private let whole: Model
    private let x: Matrix
    private let cholesky: Cholesky
    /// K, and the identity: n x n.
    private let metric: Buffer<Float>
    private let inputs: Buffer<Float>

    /// Nil where there are no fewer samples than inputs, where they are too nearly dependent, or
    /// too large for K in floats.
    ///
    /// - Complexity: O(n^2 inputs).
    init?(of model: Model, _ batch: Batch) throws {
        let n = batch.count
        guard n < batch.inputWidth else { return nil }
        x = try Matrix(batch.x, rows: n, columns: batch.inputWidth)
        let gram = try Matrix.gramOfRows(x)
        metric = try Buffer(count: gram.count)
        for i in 0..<gram.count { metric.pointer[i] = Float(gram.pointer[i]) }
        guard allFinite(metric.pointer, count: metric.count) else { return nil }
        guard let cholesky = try Cholesky(gram),
            cholesky.reciprocalCondition > PseudoInverse.leastReciprocalCondition
        else { return nil }
        self.cholesky = cholesky
        inverse = PseudoInverse(
            identity: n, condition: (1 / cholesky.reciprocalCondition).squareRoot())
        whole = model
        inputs = try Buffer(repeating: 0, count: gram.count)
        for i in 0..<n { inputs.pointer[i * (n + 1)] = 1 }
        self.batch = Batch(
            x: inputs.pointer, inputWidth: n, labels: batch.labels, targets: batch.targets,
            targetWidth: batch.targetWidth, weights: batch.weights, count: n)

        let graph = try model.graph.readingTable(samples: n)
        self.model = try Model(graph, options: model.options)
        let first = model.graph.layers.pointer[0]
        BatchProducts.rows(
            model.parameters.pointer + first.weightOffset, batch.x,
            into: self.model.parameters.pointer, m: first.outputs, n: n, k: first.inputs)
        copyTheRest(from: model, to: self.model)
    }

    /// phi = |grad L|^2 of the whole model.
    func gradientNorm(_ loss: Loss) throws -> GradientNorm {
        try GradientNorm(model, batch, loss, metric: metric)
    }

    /// phi of the whole model after elements of the group, where layers of `moving` can follow them
    /// exactly.
    func scores(_ loss: Loss, moving: [Int]) throws -> LinearScores? {
        try LinearScores(model, batch, loss, moving: moving, gram: metric)
    }

    /// What follows the first layer's weights is the same in both.
    private func copyTheRest(from source: Model, to target: Model) {
        let offset = source.graph.layers.pointer[0].weightCount
        let other = target.graph.layers.pointer[0].weightCount
        (target.parameters.pointer + other).update(
            from: source.parameters.pointer + offset, count: source.parameters.count - offset)
    }

    /// The whole model where `moved` is `model` after moves of the linear group. Computed in
    /// double, rounded once.
    func lift(_ moved: Model) throws -> Model {
        let result = try Model(copying: whole)
        let first = whole.graph.layers.pointer[0]
        let n = batch.count
        let change = try Matrix(n, first.outputs)
        for i in 0..<first.outputs {
            for j in 0..<n {
                change[j, i] =
                    Double(moved.parameters.pointer[i * n + j])
                    - Double(model.parameters.pointer[i * n + j])
            }
        }
        try cholesky.solve(change)
        let total = try Matrix.product(change, .yes, x)  // k x inputs
        let weights = result.parameters.pointer + first.weightOffset
        for i in 0..<total.count { weights[i] = Float(Double(weights[i]) + total.pointer[i]) }
        copyTheRest(from: moved, to: result)
        return result
    }
}

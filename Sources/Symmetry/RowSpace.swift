import LinearAlgebra
import Networks
import Runtime

/// A model as the samples of one batch see it: the first layer in an orthonormal basis of the space that they span.
///
/// With X X^T = L L^T (Cholesky) and Q = L^-1 X, whose rows are orthonormal, X = L Q. A net with the inputs L and the
/// first layer W Q^T has the same activations, and the same |grad L|^2, since delta^T X = (delta^T L) Q. The linear
/// group moves W by combinations of the samples alone. So a search for the gradient norm may go on with n inputs
/// instead of the model's own, and W moves once, when it has ended.
final class RowSpace {
    /// The model with n inputs, and the samples in its coordinates.
    let model: Model
    let batch: Batch
    /// The inverse of `batch.x`.
    let inverse: PseudoInverse

    private let whole: Model
    private let x: Matrix
    private let cholesky: Cholesky
    private let inputs: Buffer<Float>

    /// Nil where there are no fewer samples than inputs, or where they are too nearly dependent.
    ///
    /// - Complexity: O(n^2 inputs).
    init?(of model: Model, _ batch: Batch) throws {
        let n = batch.count
        guard n < batch.inputWidth else { return nil }
        x = try Matrix(batch.x, rows: n, columns: batch.inputWidth)
        let gram = try Matrix.gramOfRows(x)
        guard gram.isFinite, let cholesky = try Cholesky(gram),
            cholesky.reciprocalCondition > PseudoInverse.leastReciprocalCondition
        else { return nil }
        self.cholesky = cholesky
        inverse = try PseudoInverse(cholesky)
        whole = model
        let lower = try cholesky.lower
        inputs = try Buffer(count: lower.count)
        for i in 0..<lower.count { inputs.pointer[i] = Float(lower.pointer[i]) }
        self.batch = Batch(
            x: inputs.pointer, inputWidth: n, labels: batch.labels, targets: batch.targets,
            targetWidth: batch.targetWidth, weights: batch.weights, count: n)

        let architecture = try Architecture(
            widths: [n] + model.architecture.widths.dropFirst(),
            activation: model.architecture.activation, hasBias: model.architecture.hasBias)
        self.model = try Model(architecture, options: model.options)
        let first = model.architecture.layers.pointer[0]
        let weights = try Matrix(
            model.parameters.pointer + first.weightOffset, rows: first.outputs,
            columns: first.inputs)
        let projected = try Matrix.product(x, .no, weights, .yes)  // n x k
        cholesky.divide(projected)
        for i in 0..<first.outputs {
            for j in 0..<n { self.model.parameters.pointer[i * n + j] = Float(projected[j, i]) }
        }
        copyTheRest(from: model, to: self.model)
    }

    /// What follows the first layer's weights is the same in both.
    private func copyTheRest(from source: Model, to target: Model) {
        let offset = source.architecture.layers.pointer[0].weightCount
        let other = target.architecture.layers.pointer[0].weightCount
        (target.parameters.pointer + other).update(
            from: source.parameters.pointer + offset, count: source.parameters.count - offset)
    }

    /// The whole model where `moved` is `model` after moves of the linear group. Computed in double, rounded once.
    func lift(_ moved: Model) throws -> Model {
        let result = try Model(copying: whole)
        let first = whole.architecture.layers.pointer[0]
        let n = batch.count
        let change = try Matrix(n, first.outputs)
        for i in 0..<first.outputs {
            for j in 0..<n {
                change[j, i] =
                    Double(moved.parameters.pointer[i * n + j])
                    - Double(model.parameters.pointer[i * n + j])
            }
        }
        cholesky.divideByTranspose(change)
        let total = try Matrix.product(change, .yes, x)  // k x inputs
        let weights = result.parameters.pointer + first.weightOffset
        for i in 0..<total.count { weights[i] = Float(Double(weights[i]) + total.pointer[i]) }
        copyTheRest(from: moved, to: result)
        return result
    }
}

import Layers
import LinearAlgebra
import Networks
import Runtime

/// phi = |grad L|^2 after an element of the linear group, from one pass of the model that it would
/// move.
///
/// An element g of layer m takes that layer's outputs h to h g^T and leaves every quantity above
/// z_(m+1) alone, loss and errors included. So of the gradients only those of layer m + 1, G_(m+1)
/// = delta_(m+1)^T h g^T, and below change, and with them the errors delta_m = (delta_(m+1) W_(m+1)
/// g^-1) f'(f^-1(h g^T)) and below. Without moving a weight, and in floats but for g f(z) where f
/// has a bounded range: for ranking candidates, of which the best is then moved and measured.
final class LinearScores {
    private let model: Model
    private let count: Int
    private let layers: [Layer]
    // One candidate's quantities.
    private let element: Buffer<Float>
    private let moved: Buffer<Float>
    private let change: Buffer<Float>
    private var errors: Buffer<Float>
    private var errorsBelow: Buffer<Float>
    private let scratch: Buffer<Float>

    // Shapes: n: samples, k: outputs of the layer.
    private struct Layer {
        let z: Matrix  // n x k
        let h: Buffer<Float>  // n x k
        /// The same in double, where floats end before the activation's range does.
        let exact: Matrix?  // n x k
        /// delta_(m+1) and delta_(m+1) W_(m+1): n x outputs of the next layer, n x k
        let errorsAbove: Buffer<Float>
        let errorsHere: Buffer<Float>
        /// H H^T of the layer's input H: n x n
        let gram: Buffer<Float>
        /// (H H^T)^-1 H, n x inputs, of layers above the first
        let dual: Buffer<Float>?
        /// Squared norms of the gradients that no g of this layer changes.
        let rest: Double
    }

    /// For a model in the row space of its samples, `batch`, with `gram` = X X^T of the samples
    /// themselves. Nil where a layer of `moving` has fewer inputs than samples, or nearly dependent
    /// ones: then it could not follow exactly; and where a layer's H H^T leaves the range of
    /// floats.
    init?(
        _ model: Model, _ batch: Batch, _ loss: Loss, moving: [Int], gram: Buffer<Float>
    ) throws {
        let graph = model.graph
        let shapes = graph.layers.pointer
        let weights = model.parameters.pointer
        let n = batch.count
        self.model = model
        count = n
        let workspace = try Workspace(graph, capacity: n, backward: true)
        _ = workspace.lossAndDeltas(
            model.weights, batch: batch, loss: loss,
            scale: loss.scale(
                totalWeight: batch.totalWeight, outputs: graph.outputWidth), .batch)
        let gradient = try Buffer<Float>(count: model.parameters.count)
        workspace.accumulateGradient(
            model.weights, of: batch, into: gradient.pointer, alpha: 1, beta: 0, .batch)

        var layers: [Layer] = []
        var input = try Matrix(batch.x, rows: n, columns: n)
        var gram = gram
        for m in 0...(moving.max() ?? 0) {
            let shape = shapes[m]
            let next = shapes[m + 1]
            let z = try model.preactivations(m, input: m == 0 ? nil : input)
            var dual: Buffer<Float>?
            if m > 0 {
                let exact = try Matrix.gramOfRows(input)
                gram = try exact.floats()
                guard allFinite(gram.pointer, count: gram.count) else { return nil }
                if moving.contains(m) {
                    guard shape.inputs >= n, let cholesky = try Cholesky(exact),
                        cholesky.reciprocalCondition > PseudoInverse.leastReciprocalCondition
                    else { return nil }
                    let solved = try input.copy()
                    try cholesky.solve(solved)
                    dual = try solved.floats()
                }
            }
            let errorsHere = try Buffer<Float>(count: n * shape.outputs)
            let errorsAbove = try Buffer(
                copying: workspace.deltas(of: m + 1), count: n * next.outputs)
            BLAS.multiply(
                errorsAbove.pointer, stride: next.outputs, weights + next.weightOffset,
                stride: next.inputs, into: errorsHere.pointer, stride: shape.outputs, m: n,
                n: shape.outputs, k: next.outputs)
            var rest = 0.0
            for above in (m + 1)..<graph.layerCount {
                let shape = shapes[above]
                if above > m + 1 {
                    rest += squaredNorm(
                        gradient.pointer + shape.weightOffset, count: shape.weightCount)
                }
                if shape.hasBias {
                    rest += squaredNorm(gradient.pointer + shape.biasOffset, count: shape.outputs)
                }
            }
            let h = try z.copy()
            shape.activation.apply(h)
            layers.append(
                Layer(
                    z: z,
                    h: try Buffer(
                        copying: workspace.values(of: m), count: n * shape.outputs),
                    exact: shape.activation.saturation < .infinity ? h : nil,
                    errorsAbove: errorsAbove, errorsHere: errorsHere, gram: gram, dual: dual,
                    rest: rest))
            input = h
        }
        self.layers = layers
        let (rows, square, product) = try Self.sizes(graph, n, moving: moving)
        element = try Buffer(count: square)
        moved = try Buffer(count: rows)
        change = try Buffer(count: rows)
        errors = try Buffer(count: rows)
        errorsBelow = try Buffer(count: rows)
        scratch = try Buffer(count: product)
    }

    /// Elements of n x k, of g, and of any product, for the layers that move and those below.
    private static func sizes(
        _ graph: Graph, _ n: Int, moving: [Int]
    ) throws -> (rows: Int, square: Int, product: Int) {
        var (rows, square, product) = (0, 0, try Memory.product(n, n))
        for m in 0...(moving.max() ?? 0) {
            let k = graph.layers.pointer[m].outputs
            rows = max(rows, try Memory.product(n, k))
            guard moving.contains(m) else { continue }
            square = max(square, try Memory.product(k, k))
            let next = graph.layers.pointer[m + 1].outputs
            product = max(product, try Memory.product(next, k))
        }
        return (rows, square, max(product, rows))
    }

    /// z of a layer: n x k.
    func preactivations(of m: Int) -> Matrix { layers[m].z }

    /// phi after the element g of layer m; nil where g f(z) leaves the activation's range or g has
    /// no inverse.
    func value(_ m: Int, _ g: LinearElement) throws -> Double? {
        let layer = layers[m]
        let activation = model.graph.layers.pointer[m].activation
        let shapes = model.graph.layers.pointer
        let (n, k) = (count, layer.z.columns)
        if layer.exact == nil || g.inverse == nil { g.g.copy(into: element.pointer) }
        guard try move(m, g) else { return nil }
        if let inverse = g.inverse {
            inverse.copy(into: element.pointer)
            BLAS.multiply(
                layer.errorsHere.pointer, stride: k, element.pointer, stride: k,
                into: errors.pointer, stride: k, m: n, n: k, k: k)
        } else {
            errors.pointer.update(from: layer.errorsHere.pointer, count: n * k)
            guard try BLAS.divide(errors.pointer, rows: n, by: element.pointer, size: k) else {
                return nil
            }
        }
        activation.multiplyByDerivative(errors.pointer, h: moved.pointer, count: n * k)

        let next = shapes[m + 1].outputs
        BatchProducts.columns(
            layer.errorsAbove.pointer, stride: next, moved.pointer, into: scratch.pointer,
            m: next, n: k, k: n, alpha: 1, beta: 0)
        var sum = layer.rest + squaredNorm(scratch.pointer, count: next * k)
        sum += gradientNorm2(m)
        for below in stride(from: m - 1, through: 0, by: -1) {
            propagate(to: below, isFirst: below == m - 1)
            sum += gradientNorm2(below)
        }
        return sum
    }

    /// h g^T into `moved`, and z' - z into `change` where that is needed; false where there is no
    /// z'.
    private func move(_ m: Int, _ g: LinearElement) throws -> Bool {
        let layer = layers[m]
        let z = layer.z
        let wanted: Matrix
        if let exact = layer.exact {
            wanted = try Matrix.product(exact, .no, g.g, .yes)
            wanted.copy(into: moved.pointer)
        } else {
            BLAS.multiply(
                layer.h.pointer, stride: z.columns, element.pointer, .yes, stride: z.columns,
                into: moved.pointer, stride: z.columns, m: z.rows, n: z.columns, k: z.columns)
            // Without a bound every z' is there, and only W above the first layer is moved here.
            guard layer.dual != nil else { return true }
            wanted = try Matrix(moved.pointer, rows: z.rows, columns: z.columns)
        }
        let still = g.unitsLeftAlone
        let activation = model.graph.layers.pointer[m].activation
        guard activation.invert(wanted, leaving: still) else { return false }
        for row in 0..<z.rows {
            for i in 0..<z.columns {
                change.pointer[row * z.columns + i] =
                    still[i] ? 0 : Float(wanted[row, i] - z[row, i])
            }
        }
        return true
    }

    /// `errors` of layer m + 1 become those of layer m; `isFirst`: layer m + 1 is the one that has
    /// moved.
    private func propagate(to m: Int, isFirst: Bool) {
        let upper = model.graph.layers.pointer[m + 1]
        let (n, k) = (count, upper.inputs)
        BLAS.multiply(
            errors.pointer, stride: upper.outputs, model.parameters.pointer + upper.weightOffset,
            stride: k, into: errorsBelow.pointer, stride: k, m: n, n: k, k: upper.outputs)
        if isFirst, let dual = layers[m + 1].dual {
            // W moved by (z' - z)^T (H H^T)^-1 H.
            BatchProducts.rows(
                change.pointer, errors.pointer, into: scratch.pointer, m: n, n: n,
                k: upper.outputs)
            BatchProducts.columns(
                scratch.pointer, stride: n, dual.pointer, into: errorsBelow.pointer, m: n, n: k,
                k: n, alpha: 1, beta: 1)
        }
        model.graph.layers.pointer[m].activation.multiplyByDerivative(
            errorsBelow.pointer, h: layers[m].h.pointer, count: n * k)
        swap(&errors, &errorsBelow)
    }

    /// |G_m|^2 = tr(delta^T H H^T delta), and that of the bias, of the errors in `errors`.
    private func gradientNorm2(_ m: Int) -> Double {
        let (n, k) = (count, layers[m].z.columns)
        BatchProducts.columns(
            layers[m].gram.pointer, stride: n, errors.pointer, into: scratch.pointer, m: n, n: k,
            k: n, alpha: 1, beta: 0)
        let sum = dot(errors.pointer, scratch.pointer, count: n * k)
        guard model.graph.layers.pointer[m].hasBias else { return sum }
        let (slopes, errors) = (scratch.pointer, errors.pointer)
        slopes.update(from: errors, count: k)
        for row in 1..<max(n, 1) {
            for i in 0..<k { slopes[i] += errors[row &* k &+ i] }
        }
        return sum + squaredNorm(slopes, count: k)
    }
}

import Layers
import LinearAlgebra
import Networks
import Runtime

extension LinearGroup {
    /// The derivative by T at T = 0 of a function whose derivative by the weights is S =
    /// `covector`:
    ///
    ///     d / d T_m = ((S_m (h^+)^T) / f'(z_m)) f(z_m)^T - W_(m+1)^T S_(m+1)
    ///
    /// With S = 2 H grad L it is that of phi = |grad L|^2.
    func derivative(at model: Model, _ covector: UnsafePointer<Float>) throws -> Algebra {
        var result: Algebra = [:]
        _ = try forEachLayer(of: model) { visited in
            let m = visited.index
            let z = visited.z
            guard layers.contains(m) else { return .left }
            let layer = graph.layers.pointer[m]
            let next = graph.layers.pointer[m + 1]
            let activation = layer.activation
            let own = try Matrix(
                covector + layer.weightOffset, rows: layer.outputs, columns: layer.inputs)
            let inner: Matrix  // k x n
            if activation.kind == .identity {
                // The exact form moves W by T W and b by T b.
                inner = try Matrix(
                    model.parameters.pointer + layer.weightOffset, rows: layer.outputs,
                    columns: layer.inputs)
            } else {
                inner = try visited.inverse().multiply(own)
                for i in 0..<inner.rows {
                    for sample in 0..<inner.columns {
                        inner[i, sample] /= activation.derivative(z[sample, i])
                    }
                }
            }
            let t: Matrix
            if activation.kind == .identity {
                t = try Matrix.product(own, .no, inner, .yes)
                if layer.hasBias { addBiasTerm(t, layer, covector, model) }
            } else {
                let h = try z.copy()
                activation.apply(h)
                t = try Self.floatProduct(inner, h)
            }
            t.add(
                try Self.floatProduct(
                    model.parameters.pointer + next.weightOffset, .yes,
                    covector + next.weightOffset, rows: t.rows, columns: t.columns,
                    sum: next.outputs), scaledBy: -1)
            leaveOut(activeUnits(z, layer: m), of: t)
            result[m] = t
            return .left
        }
        return result
    }

    /// a b in floats, where the result is a direction or a figure of the report and moves nothing
    /// itself.
    static func floatProduct(_ a: Matrix, _ b: Matrix) throws -> Matrix {
        let (left, right) = (try a.floats(), try b.floats())
        return try withExtendedLifetime((left, right)) {
            try floatProduct(
                left.pointer, .no, right.pointer, rows: a.rows, columns: b.columns, sum: a.columns)
        }
    }

    private static func floatProduct(
        _ a: UnsafePointer<Float>, _ transpose: BLAS.Transpose, _ b: UnsafePointer<Float>,
        rows: Int, columns: Int, sum: Int
    ) throws -> Matrix {
        try Stop.ask()
        let product = try Buffer<Float>(count: Memory.product(rows, columns))
        BLAS.multiply(
            a, transpose, stride: transpose == .no ? sum : rows, b, stride: columns,
            into: product.pointer, stride: columns, m: rows, n: columns, k: sum)
        return try withExtendedLifetime(product) {
            try Matrix(product.pointer, rows: rows, columns: columns)
        }
    }

    private func addBiasTerm(
        _ t: Matrix, _ layer: LinearMap, _ covector: UnsafePointer<Float>, _ model: Model
    ) {
        for i in 0..<t.rows {
            let slope = Double(covector[layer.biasOffset + i])
            for j in 0..<t.columns {
                t[i, j] += slope * Double(model.parameters.pointer[layer.biasOffset + j])
            }
        }
    }
}

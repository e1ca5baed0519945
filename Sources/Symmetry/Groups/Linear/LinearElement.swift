import LinearAlgebra

/// An invertible matrix g, k x k, and how to divide by it.
struct LinearElement {
    let g: Matrix
    /// Where it is known; otherwise a system of equations is solved instead.
    var inverse: Matrix?

    /// Whether g leaves a unit alone, for each.
    var unitsLeftAlone: [Bool] {
        (0..<g.rows).map { i in
            (0..<g.columns).allSatisfy { g[i, $0] == ($0 == i ? 1 : 0) }
        }
    }

    /// w g^-1 for w: rows x k, whose content is lost.
    func divide(_ w: Matrix) throws -> Matrix {
        if let inverse { return try Matrix.product(w, .no, inverse) }
        return try w.solved(by: try g.copy())
    }
}

import LinearAlgebra
import Runtime

/// The matrices of one frame, in double; P or A and what belongs to it.
struct FrameMatrices {
    /// What inputs are multiplied by: P where it is folded, else A.
    let forward: Matrix
    /// A^T, A^-1 and A^-T; nil where P is folded.
    let others: [Matrix]
    /// Of C + l I, or of what was inverted of it.
    let condition: Double

    /// Largest condition of what is inverted that a frame is made from.
    static let mostCondition = 1e8

    /// What a kind of frame makes of C.
    static func of(
        _ c: Matrix, _ kind: FrameKind, _ coordinates: FrameCoordinates, _ options: FrameConfig
    ) throws -> FrameMatrices? {
        switch (kind, coordinates) {
        case (.rotate, _): return try .rotated(c)
        case (_, .root): return try .symmetricRoot(c, damping: options.damping)
        default:
            return try .whitened(c, damping: options.damping, folded: coordinates == .folded)
        }
    }

    /// C + l I with l = damping tr(C) / size; `c` is left alone.
    private static func damped(_ c: Matrix, _ damping: Double) throws -> Matrix {
        let trace = (0..<c.rows).reduce(0) { $0 + c[$1, $1] }
        let damped = try c.copy()
        for i in 0..<c.rows { damped[i, i] += damping * trace / Double(c.rows) }
        return damped
    }

    /// P = k (C + l I)^-1 with tr(P C) = tr(C), through Cholesky's factor; nil where that fails.
    static func whitened(
        _ c: Matrix, damping: Double, folded: Bool
    ) throws -> FrameMatrices? {
        guard let cholesky = try Cholesky(try damped(c, damping)) else { return nil }
        let inverse = try Matrix(identity: c.rows)
        try cholesky.solve(inverse)
        var (trace, product) = (0.0, 0.0)
        for i in 0..<c.rows { trace += c[i, i] }
        for i in 0..<c.count { product += inverse.pointer[i] * c.pointer[i] }
        let k = trace / product
        guard k > 0, k.isFinite else { return nil }
        let condition = 1 / cholesky.reciprocalCondition
        inverse.scale(by: k)
        if folded { return FrameMatrices(forward: inverse, others: [], condition: condition) }
        // A = sqrt(k) L^-T
        let back = try cholesky.inverseFactor()
        back.scale(by: k.squareRoot())
        let lower = try cholesky.lowerFactor()
        lower.scale(by: 1 / k.squareRoot())
        return FrameMatrices(
            forward: try back.transposed(), others: [back, try lower.transposed(), lower],
            condition: condition)
    }

    /// A = P^(1/2), from the eigenvalues of C.
    static func symmetricRoot(_ c: Matrix, damping: Double) throws -> FrameMatrices? {
        let eigen = try SymmetricEigen(try c.copy())
        var (trace, product) = (0.0, 0.0)
        for value in eigen.values.elements { trace += value }
        let l = damping * trace / Double(c.rows)
        for value in eigen.values.elements { product += value / (value + l) }
        let k = trace / product
        guard k > 0, k.isFinite, let least = eigen.values.elements.first,
            let most = eigen.values.elements.last, least + l > 0
        else { return nil }
        let root = try eigen.function { (k / ($0 + l)).squareRoot() }
        let inverse = try eigen.function { (($0 + l) / k).squareRoot() }
        return FrameMatrices(
            forward: root, others: [root, inverse, inverse], condition: (most + l) / (least + l))
    }

    /// A = Q, the eigenvectors of C.
    static func rotated(_ c: Matrix) throws -> FrameMatrices? {
        let eigen = try SymmetricEigen(try c.copy())
        // An eigenvector's sign is the algorithm's whim: the largest entry is positive.
        let rows = eigen.rows
        for i in 0..<rows.rows {
            var largest = 0.0
            for j in 0..<rows.columns where abs(rows[i, j]) > abs(largest) { largest = rows[i, j] }
            guard largest < 0 else { continue }
            for j in 0..<rows.columns { rows[i, j] = -rows[i, j] }
        }
        let q = try rows.transposed()
        return FrameMatrices(forward: q, others: [rows, rows, q], condition: 1)
    }

    var isFinite: Bool {
        ([forward] + others).allSatisfy { $0.storage.elements.allSatisfy { Float($0).isFinite } }
    }
}

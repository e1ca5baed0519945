import Runtime

/// The Moore-Penrose inverse of H (n x k), factored once and applied often; never formed.
///
/// The smaller Gram matrix by Cholesky where its condition number is under 10^8, so that H's is
/// under 10^4 and a product keeps eight digits; otherwise the singular value decomposition,
/// singular values under `cutoff` of the largest counted as zero.
public struct PseudoInverse {
    public static let leastReciprocalCondition = 1e-8

    private enum Factors {
        /// `gram` and its factor: H H^T
        case wide(h: Matrix, gram: Matrix, Cholesky)
        /// Of H^T H
        case tall(h: Matrix, Cholesky)
        case singular(h: Matrix, SVD)
        case identity
    }

    private let factors: Factors
    /// Singular values that count.
    public let rank: Int
    /// Largest over smallest singular value that counts; an estimate after Cholesky.
    public let condition: Double

    /// - Complexity: O(n k min(n, k)).
    public init(_ h: Matrix, cutoff: Double = 1e-6) throws {
        let isWide = h.rows <= h.columns
        let gram = try isWide ? Matrix.gramOfRows(h) : Matrix.gramOfColumns(h)
        guard gram.isFinite else {
            throw TeleportError(.notFinite, "a layer's input has NaN or infinite values")
        }
        if let cholesky = try Cholesky(isWide ? gram.copy() : gram),
            cholesky.reciprocalCondition > max(Self.leastReciprocalCondition, cutoff * cutoff)
        {
            factors = isWide ? .wide(h: h, gram: gram, cholesky) : .tall(h: h, cholesky)
            rank = gram.rows
            condition = (1 / cholesky.reciprocalCondition).squareRoot()
            return
        }
        let svd = try SVD(h)
        let largest = svd.values.elements.first ?? 0
        let counted = svd.values.elements.count { $0 > cutoff * largest }
        factors = .singular(h: h, svd)
        rank = counted
        condition = counted > 0 ? largest / svd.values.pointer[counted - 1] : .infinity
    }

    /// Of the identity, which stands for a matrix of this condition.
    public init(identity size: Int, condition: Double) {
        factors = .identity
        rank = size
        self.condition = condition
    }

    /// H^+ d, k x c, for d: n x c, and what H makes of it: the part of d that it reaches.
    public func solve(_ d: Matrix) throws -> (solution: Matrix, reached: Matrix) {
        switch factors {
        case .wide(let h, let gram, let cholesky):
            let solved = try d.copy()
            try cholesky.solve(solved)
            return (try Matrix.product(h, .yes, solved), try Matrix.product(gram, .no, solved))
        case .tall(let h, let cholesky):
            let solution = try Matrix.product(h, .yes, d)
            try cholesky.solve(solution)
            return (solution, try Matrix.product(h, .no, solution))
        case .singular(_, let svd):
            let inner = try Matrix.product(svd.left, .yes, d)
            for row in rank..<inner.rows {
                for column in 0..<inner.columns { inner[row, column] = 0 }
            }
            let reached = try Matrix.product(svd.left, .no, inner)
            divideRows(inner, by: svd.values)
            return (try Matrix.product(svd.right, .yes, inner), reached)
        case .identity:
            return (try d.copy(), try d.copy())
        }
    }

    /// a H^+, r x n, for a: r x k.
    public func multiply(_ a: Matrix) throws -> Matrix {
        switch factors {
        case .wide(let h, _, let cholesky):
            let transposed = try Matrix.product(h, .no, a, .yes)
            try cholesky.solve(transposed)
            return try transposed.transposed()
        case .tall(let h, let cholesky):
            let transposed = try a.transposed()
            try cholesky.solve(transposed)
            return try Matrix.product(transposed, .yes, h, .yes)
        case .singular(_, let svd):
            let inner = try Matrix.product(svd.right, .no, a, .yes)
            divideRows(inner, by: svd.values)
            return try Matrix.product(inner, .yes, svd.left, .yes)
        case .identity:
            return try a.copy()
        }
    }

    /// a (I - H^+ H), for a: r x k: what a does where no sample of H has anything.
    public func projectOnNullSpace(_ a: Matrix) throws -> Matrix {
        let h: Matrix
        switch factors {
        case .wide(let matrix, _, _), .tall(let matrix, _), .singular(let matrix, _): h = matrix
        case .identity: return try Matrix(zeros: a.rows, a.columns)
        }
        let fitted = try Matrix.product(try multiply(a), .no, h)
        let result = try a.copy()
        result.add(fitted, scaledBy: -1)
        return result
    }

    private func divideRows(_ matrix: Matrix, by values: Buffer<Double>) {
        for row in 0..<matrix.rows {
            let factor = row < rank ? 1 / values.pointer[row] : 0
            for column in 0..<matrix.columns { matrix[row, column] *= factor }
        }
    }
}

extension Matrix {
    public func transposed() throws -> Matrix {
        let result = try Matrix(columns, rows)
        for row in 0..<rows {
            for column in 0..<columns { result[column, row] = self[row, column] }
        }
        return result
    }
}

import COpenBLAS
import Runtime

/// The factor L of a symmetric positive definite A = L L^T (`dpotrf`), with an estimate of its
/// condition.
public struct Cholesky {
    private let factor: Matrix
    /// 1 / condition number in the 1-norm (`dpocon`).
    public let reciprocalCondition: Double

    /// Nil when A is not positive definite to working precision. A's content is lost.
    public init?(_ a: Matrix) throws {
        try Stop.ask()
        var n = Int32(truncatingIfNeeded: a.rows)
        var info: Int32 = 0
        var norm = 0.0
        for row in 0..<a.rows {
            var sum = 0.0
            for column in 0..<a.rows { sum += abs(a[row, column]) }
            norm = max(norm, sum)
        }
        // Row-major lower is LAPACK's column-major upper.
        dpotrf_("U", &n, a.pointer, &n, &info, 1)
        guard info == 0 else { return nil }
        let work = try Buffer<Double>(count: 3 * a.rows)
        let integers = try Buffer<Int32>(count: a.rows)
        var reciprocal = 0.0
        dpocon_(
            "U", &n, a.pointer, &n, &norm, &reciprocal, work.pointer, integers.pointer, &info, 1)
        guard info == 0 else { return nil }
        factor = a
        reciprocalCondition = reciprocal
    }

    /// b <- A^-1 b
    public func solve(_ b: Matrix) throws {
        try divide(b, CblasNoTrans)
        try divide(b, CblasTrans)
    }

    /// L^-1
    public func inverseFactor() throws -> Matrix {
        let inverse = try Matrix(identity: factor.rows)
        try divide(inverse, CblasNoTrans)
        return inverse
    }

    /// L
    public func lowerFactor() throws -> Matrix {
        let lower = try Matrix(zeros: factor.rows, factor.rows)
        for row in 0..<factor.rows {
            for column in 0...row { lower[row, column] = factor[row, column] }
        }
        return lower
    }

    /// b <- L^-1 b, or L^-T b (`dtrsm`)
    private func divide(_ b: Matrix, _ transpose: Int) throws {
        try Stop.ask()
        cblas_dtrsm(
            Int32(CblasRowMajor), Int32(CblasLeft), Int32(CblasLower), Int32(transpose),
            Int32(CblasNonUnit), Int32(truncatingIfNeeded: b.rows),
            Int32(truncatingIfNeeded: b.columns), 1, factor.pointer,
            Int32(truncatingIfNeeded: factor.columns), b.pointer,
            Int32(truncatingIfNeeded: b.columns))
    }
}

import COpenBLAS
import Runtime

/// The factor L of a symmetric positive definite A = L L^T (`dpotrf`), with an estimate of its
/// condition.
public struct Cholesky {
    private let factor: Matrix
    /// 1 / condition number in the 1-norm (`dpocon`).
    public let reciprocalCondition: Double

    /// What LAPACK works in, for any number of factors of one size.
    public final class Room {
        fileprivate let work: Buffer<Double>
        fileprivate let integers: Buffer<Int32>

        public init(size: Int) throws {
            work = try Buffer(count: try Memory.product(size, 3))
            integers = try Buffer(count: size)
        }
    }

    /// Nil when A is not positive definite to working precision. A's content is lost.
    public init?(_ a: Matrix) throws {
        try Stop.ask()
        self.init(a, in: try Room(size: a.rows))
    }

    /// The same without asking whether to stop; allocates nothing.
    public init?(_ a: Matrix, in room: Room) {
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
        var reciprocal = 0.0
        dpocon_(
            "U", &n, a.pointer, &n, &norm, &reciprocal, room.work.pointer, room.integers.pointer,
            &info, 1)
        guard info == 0 else { return nil }
        factor = a
        reciprocalCondition = reciprocal
    }

    /// b <- A^-1 b
    public func solve(_ b: Matrix) throws {
        try Stop.ask()
        divide(b, CblasNoTrans)
        try Stop.ask()
        divide(b, CblasTrans)
    }

    /// L^-1
    public func inverseFactor() throws -> Matrix {
        try Stop.ask()
        let inverse = try Matrix(factor.rows, factor.rows)
        writeInverse(into: inverse)
        return inverse
    }

    /// L
    public func lowerFactor() throws -> Matrix {
        let lower = try Matrix(factor.rows, factor.rows)
        writeFactor(into: lower)
        return lower
    }

    /// target <- L^-1. Allocates nothing.
    public func writeInverse(into target: Matrix) {
        target.pointer.update(repeating: 0, count: target.count)
        for i in 0..<target.rows { target[i, i] = 1 }
        divide(target, CblasNoTrans)
    }

    /// b <- L^-1 b. Allocates nothing.
    public func divideByFactor(_ b: Matrix) { divide(b, CblasNoTrans) }

    /// target <- L
    public func writeFactor(into target: Matrix) {
        target.pointer.update(repeating: 0, count: target.count)
        for row in 0..<factor.rows {
            for column in 0...row { target[row, column] = factor[row, column] }
        }
    }

    /// b <- L^-1 b, or L^-T b (`dtrsm`)
    private func divide(_ b: Matrix, _ transpose: Int) {
        cblas_dtrsm(
            Int32(CblasRowMajor), Int32(CblasLeft), Int32(CblasLower), Int32(transpose),
            Int32(CblasNonUnit), Int32(truncatingIfNeeded: b.rows),
            Int32(truncatingIfNeeded: b.columns), 1, factor.pointer,
            Int32(truncatingIfNeeded: factor.columns), b.pointer,
            Int32(truncatingIfNeeded: b.columns))
    }
}

import COpenBLAS
import Runtime

/// Eigenvalues and vectors of symmetric matrices of one size (`dsyevd`), in memory that is taken
/// once.
public final class SymmetricEigen {
    /// Ascending.
    public let values: Buffer<Double>
    /// What is decomposed, of which the lower triangle is read, and then an eigenvector a row.
    public let rows: Matrix

    private let scaled: Matrix
    private let work: Buffer<Double>
    private let integers: Buffer<Int32>

    public init(size: Int) throws {
        rows = try Matrix(size, size)
        scaled = try Matrix(size, size)
        values = try Buffer(count: size)
        var (n, info): (Int32, Int32) = (Int32(truncatingIfNeeded: size), 0)
        var (workSize, integerSize): (Int32, Int32) = (-1, -1)
        var (bestWork, bestIntegers): (Double, Int32) = (0, 0)
        dsyevd_(
            "V", "U", &n, rows.pointer, &n, values.pointer, &bestWork, &workSize, &bestIntegers,
            &integerSize, &info, 1, 1)
        guard info == 0, bestWork >= 0, bestWork < Double(Int32.max) else {
            throw TeleportError(
                .linearAlgebra, "a matrix of \(size) rows is too large for dsyevd")
        }
        work = try Buffer(count: Int(bestWork))
        integers = try Buffer(count: Int(bestIntegers))
    }

    /// Of a; an error where they do not converge.
    public convenience init(_ a: Matrix) throws {
        try self.init(size: a.rows)
        rows.pointer.update(from: a.pointer, count: a.count)
        guard decompose() else {
            throw TeleportError(
                .linearAlgebra, "the eigenvalues of a matrix of \(a.rows) rows did not converge")
        }
    }

    /// The sum of f(value) v v^T.
    public func function(_ f: (Double) -> Double) throws -> Matrix {
        let result = try Matrix(rows.rows, rows.rows)
        write(f, into: result)
        return result
    }

    /// False where they do not converge. Allocates nothing.
    public func decompose() -> Bool {
        var (n, info): (Int32, Int32) = (Int32(truncatingIfNeeded: rows.rows), 0)
        var workSize = Int32(truncatingIfNeeded: work.count)
        var integerSize = Int32(truncatingIfNeeded: integers.count)
        // Row-major lower is LAPACK's column-major upper, and its columns are our rows.
        dsyevd_(
            "V", "U", &n, rows.pointer, &n, values.pointer, work.pointer, &workSize,
            integers.pointer, &integerSize, &info, 1, 1)
        return info == 0
    }

    /// target <- the sum of f(value) v v^T.
    public func write(_ f: (Double) -> Double, into target: Matrix) {
        let size = rows.rows
        for i in 0..<size {
            let factor = f(values.pointer[i])
            let (from, to) = (rows.pointer + i * size, scaled.pointer + i * size)
            for j in 0..<size { to[j] = from[j] * factor }
        }
        BLAS.multiply(
            rows.pointer, .yes, stride: size, scaled.pointer, stride: size, into: target.pointer,
            stride: size, m: size, n: size, k: size)
    }
}

import COpenBLAS
import Runtime

/// Eigenvalues and vectors of a symmetric matrix (`dsyevd`), values ascending.
public struct SymmetricEigen {
    public let values: Buffer<Double>
    /// size x size; an eigenvector a row.
    public let rows: Matrix

    /// A's content is lost; its lower triangle is read.
    public init(_ a: Matrix) throws {
        values = try Self.decompose(a, "V")
        rows = a
    }

    /// The eigenvalues alone. A's content is lost.
    static func values(_ a: Matrix) throws -> Buffer<Double> { try decompose(a, "N") }

    private static func decompose(_ a: Matrix, _ vectors: String) throws -> Buffer<Double> {
        var n = Int32(truncatingIfNeeded: a.rows)
        let values = try Buffer<Double>(count: a.rows)
        var info: Int32 = 0
        var (workSize, integerSize): (Int32, Int32) = (-1, -1)
        var (bestWork, bestIntegers): (Double, Int32) = (0, 0)
        // Row-major lower is LAPACK's column-major upper, and its columns are our rows.
        dsyevd_(
            vectors, "U", &n, a.pointer, &n, values.pointer, &bestWork, &workSize, &bestIntegers,
            &integerSize, &info, 1, 1)
        guard info == 0, bestWork < Double(Int32.max) else {
            throw TeleportError(
                .linearAlgebra, "a matrix of \(a.rows) rows is too large for dsyevd")
        }
        workSize = Int32(bestWork)
        integerSize = bestIntegers
        let work = try Buffer<Double>(count: Int(workSize))
        let integers = try Buffer<Int32>(count: Int(integerSize))
        dsyevd_(
            vectors, "U", &n, a.pointer, &n, values.pointer, work.pointer, &workSize,
            integers.pointer, &integerSize, &info, 1, 1)
        guard info == 0 else {
            throw TeleportError(
                .linearAlgebra, "the eigenvalues of a matrix of \(a.rows) rows did not converge")
        }
        return values
    }

    /// The sum of f(value) v v^T.
    public func function(_ f: (Double) -> Double) throws -> Matrix {
        let scaled = try rows.copy()
        for i in 0..<rows.rows {
            let factor = f(values.pointer[i])
            for j in 0..<rows.columns { scaled[i, j] *= factor }
        }
        return try Matrix.product(rows, .yes, scaled)
    }
}

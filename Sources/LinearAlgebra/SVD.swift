import COpenBLAS
import CShims
import Runtime

/// The thin singular value decomposition A = left diag(values) right (`dgesdd`), values descending.
public struct SVD {
    /// rows x r
    public let left: Matrix
    /// r values
    public let values: Buffer<Double>
    /// r x columns
    public let right: Matrix

    public init(_ a: Matrix) throws {
        let r = min(a.rows, a.columns)
        left = try Matrix(a.rows, r)
        right = try Matrix(r, a.columns)
        values = try Buffer(count: r)
        // Row-major A is LAPACK's A^T: its left vectors are our right ones.
        try Self.decompose(
            try a.copy(), vectors: "S", values, right.pointer, left.pointer)
    }

    /// The singular values alone.
    public static func values(_ a: Matrix) throws -> Buffer<Double> {
        let values = try Buffer<Double>(count: min(a.rows, a.columns))
        try decompose(try a.copy(), vectors: "N", values, nil, nil)
        return values
    }

    /// Largest singular value over smallest.
    public static func condition(_ a: Matrix) throws -> Double {
        let values = try values(a)
        guard let low = values.elements.last, let high = values.elements.first else { return 1 }
        return high / low
    }

    private static func decompose(
        _ a: Matrix, vectors: String, _ values: Buffer<Double>,
        _ u: UnsafeMutablePointer<Double>?, _ vt: UnsafeMutablePointer<Double>?
    ) throws {
        guard a.isFinite else {
            throw TeleportError(
                .notFinite, "a matrix to be decomposed has NaN or infinite elements")
        }
        var m = Int32(truncatingIfNeeded: a.columns)
        var n = Int32(truncatingIfNeeded: a.rows)
        var r = min(m, n)
        let integers = try Buffer<Int32>(count: 8 * Int(r))
        var info: Int32 = 0
        var size = 0.0
        var query: Int32 = -1
        dgesdd_(
            vectors, &m, &n, a.pointer, &m, values.pointer, u, &m, vt, &r, &size, &query,
            integers.pointer, &info, 1)
        guard info == 0, size < Double(Int32.max) else {
            throw TeleportError(.linearAlgebra, "no decomposition of a \(n) x \(m) matrix")
        }
        let work = try Buffer<Double>(count: Int(size))
        try Stop.ask()
        let isStopped = shim_decompose(
            dgesdd_, shim_stop_is_requested, vectors, m, n, a.pointer, values.pointer, u, vt, r,
            work.pointer, Int32(size), integers.pointer, &info)
        guard isStopped == 0 else { throw Stopped() }
        guard info == 0 else {
            throw TeleportError(
                .linearAlgebra, "the singular values of a \(n) x \(m) matrix did not converge")
        }
    }
}

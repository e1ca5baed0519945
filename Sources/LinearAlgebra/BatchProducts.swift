import CShims

/// The products of a mini-batch and a layer, each by what is faster at its sizes: OpenBLAS, which packs both factors
/// first, or our own kernels (`products.h`), which pack nothing.
///
/// The bounds are where the two were measured to be level, on AVX2.
public enum BatchProducts {
    /// c <- a b^T, with a: m x k, b: n x k, c: m x n, all contiguous.
    @inline(__always)
    public static func rows(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int
    ) {
        // Sums along short rows end too soon, and one of the two must stay in the second-level cache.
        let isLong = k >= 128 && min(m, n) &* k < 1 << 16
        if fillsVectors(k) && (isLong || m <= 32) {
            shim_row_products(a, m, b, n, k, c)
        } else {
            BLAS.multiply(
                a, stride: k, b, .yes, stride: k, into: c, stride: n, m: m, n: n, k: k)
        }
    }

    /// c <- alpha a^T b + beta c, with a: k x m, its rows `stride` apart, b: k x n, c: m x n, both contiguous.
    @inline(__always)
    public static func columns(
        _ a: UnsafePointer<Float>, stride: Int, _ b: UnsafePointer<Float>,
        into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int, alpha: Float, beta: Float
    ) {
        // What is read in strips must come from the second-level cache.
        if fillsVectors(n) && m &* n < 1 << 17 && k &* n < 1 << 16 {
            shim_column_products(a, stride, m, b, n, k, alpha, beta, c)
        } else {
            // OpenBLAS clears c for beta = 0 in a pass of its own, which is slower than this one.
            if beta == 0 { c.update(repeating: 0, count: m &* n) }
            BLAS.multiply(
                a, .yes, stride: stride, b, stride: n, into: c, stride: n, m: m, n: n, k: k,
                alpha: alpha, beta: beta == 0 ? 1 : beta)
        }
    }

    /// c <- alpha a^T + beta c, with a: m x n and c: n x m, their rows `stride` apart: the product with an identity.
    public static func transpose(
        _ a: UnsafePointer<Float>, stride: Int, into c: UnsafeMutablePointer<Float>,
        stride strideC: Int, m: Int, n: Int, alpha: Float = 1, beta: Float = 0
    ) {
        for j in 0..<n {
            let row = c + j &* strideC
            for i in 0..<m {
                let value = alpha * a[i &* stride &+ j]
                row[i] = beta == 0 ? value : value + beta * row[i]
            }
        }
    }

    /// The ends of rows that fill no vector take long, or are few.
    @inline(__always)
    private static func fillsVectors(_ length: Int) -> Bool { length % 16 == 0 || length >= 256 }
}

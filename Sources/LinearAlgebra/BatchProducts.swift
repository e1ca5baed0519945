import CShims
import Runtime

/// The products of a mini-batch and a layer, each by what is faster at its sizes: OpenBLAS, which
/// packs both factors first, or our own kernels (`products.h`), which pack nothing.
///
/// The bounds are about where the two were measured to be level, on AVX2 and on AVX-512, by
/// `bench/routes.c`: OpenBLAS has kernels for small products on AVX-512 alone.
public enum BatchProducts {
    /// c <- a b^T, with a: m x k, b: n x k, contiguous, and c: m x n, its rows `stride` apart.
    @inline(__always)
    public static func rows(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        stride: Int, m: Int, n: Int, k: Int
    ) {
        if packsRows(m: m, n: n, k: k) {
            BLAS.multiply(
                a, stride: k, b, .yes, stride: k, into: c, stride: stride, m: m, n: n, k: k)
        } else {
            shim_row_products(a, m, b, n, k, c, stride)
        }
    }

    /// The same with c contiguous.
    @inline(__always)
    public static func rows(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int
    ) {
        rows(a, b, into: c, stride: n, m: m, n: n, k: k)
    }

    /// Whether `rows` goes to OpenBLAS.
    @inline(__always)
    public static func packsRows(m: Int, n: Int, k: Int) -> Bool {
        // Each element ends in a sum of a vector's lanes, which only a long row pays for; OpenBLAS
        // packs (m + n) k elements, which few rows do not pay for. And the smaller factor must stay
        // in the second-level cache.
        let fewest = min(m, n)
        if hasWideVectors {
            let isLong = k >= 100 && k >= 6 &* fewest
            return k < 16 || !(isLong || fewest < 16) || fewest &* k >= 1 << 17
        }
        return (k < 32 && n > 128) || fewest &* k >= 1 << 16
    }

    /// One more column of the left factor, m numbers or nil for 1 each, and one more row of the
    /// right, n numbers.
    public typealias Further = (column: UnsafePointer<Float>?, row: UnsafePointer<Float>)

    /// c <- alpha a^T b + beta c, with a: k x m, its rows `stride` apart, b: k x n, c: m x n, both
    /// contiguous.
    @inline(__always)
    public static func columns(
        _ a: UnsafePointer<Float>, stride: Int, _ b: UnsafePointer<Float>,
        into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int, alpha: Float, beta: Float,
        further: Further? = nil
    ) {
        // What is read in strips must come from the second-level cache. The strip at the rows' end
        // overlaps the one before it, which is too much where OpenBLAS does not pack.
        let fits = m &* n < 1 << 16 && k &* n < 1 << 18
        let isOwn = hasWideVectors ? n >= 32 && (n % 16 == 0 || m <= 8) : n >= 8
        if isOwn && fits {
            var product = shim_product(
                a: a, row_a: 1, column_a: stride, b: b, first_a: further?.column,
                first_b: further?.row, c: c, m: m, n: n, k: k, alpha: alpha, beta: beta)
            shim_multiply(&product)
        } else {
            // OpenBLAS clears c for beta = 0 in a pass of its own, which is slower than this one.
            if beta == 0 { c.update(repeating: 0, count: m &* n) }
            BLAS.multiply(
                a, .yes, stride: stride, b, stride: n, into: c, stride: n, m: m, n: n, k: k,
                alpha: alpha, beta: beta == 0 ? 1 : beta)
            if let further { add(further, to: c, m: m, n: n, alpha: alpha) }
        }
    }

    /// c <- alpha a b + beta c, with a: m x k, b: k x n, c: m x n, all contiguous. b is to stay in
    /// the second-level cache.
    @inline(__always)
    public static func multiply(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int, alpha: Float, beta: Float, further: Further? = nil
    ) {
        if n >= 16 {
            var product = shim_product(
                a: a, row_a: k, column_a: 1, b: b, first_a: further?.column,
                first_b: further?.row, c: c, m: m, n: n, k: k, alpha: alpha, beta: beta)
            shim_multiply(&product)
        } else {
            BLAS.multiply(
                a, stride: k, b, stride: n, into: c, stride: n, m: m, n: n, k: k, alpha: alpha,
                beta: beta)
            if let further { add(further, to: c, m: m, n: n, alpha: alpha) }
        }
    }

    private static func add(
        _ further: Further, to c: UnsafeMutablePointer<Float>, m: Int, n: Int, alpha: Float
    ) {
        for i in 0..<m {
            let factor = alpha * (further.column?[i] ?? 1)
            addScaled(further.row, by: factor, to: c + i &* n, count: n)
        }
    }

    /// c <- a b + beta c, with a: m x k, b: k x n, c: m x n, all contiguous.
    @inline(__always)
    public static func plain(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int, beta: Float
    ) {
        if !hasWideVectors && n >= 8 && k &* n < 1 << 17 {
            var product = shim_product(
                a: a, row_a: k, column_a: 1, b: b, first_a: nil, first_b: nil, c: c, m: m, n: n,
                k: k, alpha: 1, beta: beta)
            shim_multiply(&product)
        } else {
            BLAS.multiply(
                a, stride: k, b, stride: n, into: c, stride: n, m: m, n: n, k: k, beta: beta)
        }
    }

    /// c <- alpha a^T + beta c, with a: m x n and c: n x m, their rows `stride` apart: the product
    /// with an identity.
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

    @inline(__always)
    private static var hasWideVectors: Bool { shim_product_lanes() == 16 }
}

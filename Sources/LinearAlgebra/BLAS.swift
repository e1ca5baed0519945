import COpenBLAS
import CShims
import Runtime

/// OpenBLAS's matrix products, row-major, on the calling thread.
///
/// Sizes and leading dimensions must fit 32 bits; `Graph` sees to it for networks.
public enum BLAS {
    public enum Transpose: Int32, Sendable {
        case no = 111
        case yes = 112
    }

    private static let workersReserve: Void = ThreadPool.shared.setWorkerSetup {
        shim_blas_reserve()
    }

    /// Takes this thread's work buffer, so that a lack of memory is an error here and no product
    /// can fail later. `Workspace` sees to it for passes, and pool workers on their own; whoever
    /// multiplies without a workspace calls it first.
    public static func reserve() throws {
        _ = workersReserve
        guard shim_blas_reserve() == 0 else {
            throw TeleportError(
                .outOfMemory, "no address space for the work buffer of matrix products")
        }
    }

    /// C <- alpha A B + beta C, with A: m x k, B: k x n, C: m x n after transposition
    /// (`cblas_sgemm`).
    @inline(__always)
    public static func multiply(
        _ a: UnsafePointer<Float>, _ transposeA: Transpose = .no, stride lda: Int,
        _ b: UnsafePointer<Float>, _ transposeB: Transpose = .no, stride ldb: Int,
        into c: UnsafeMutablePointer<Float>, stride ldc: Int,
        m: Int, n: Int, k: Int, alpha: Float = 1, beta: Float = 0
    ) {
        cblas_sgemm(
            Int32(CblasRowMajor), transposeA.rawValue, transposeB.rawValue,
            Int32(truncatingIfNeeded: m), Int32(truncatingIfNeeded: n),
            Int32(truncatingIfNeeded: k), alpha, a, Int32(truncatingIfNeeded: lda), b,
            Int32(truncatingIfNeeded: ldb), beta, c, Int32(truncatingIfNeeded: ldc))
    }

    /// The same in double (`cblas_dgemm`).
    @inline(__always)
    public static func multiply(
        _ a: UnsafePointer<Double>, _ transposeA: Transpose = .no, stride lda: Int,
        _ b: UnsafePointer<Double>, _ transposeB: Transpose = .no, stride ldb: Int,
        into c: UnsafeMutablePointer<Double>, stride ldc: Int,
        m: Int, n: Int, k: Int, alpha: Double = 1, beta: Double = 0
    ) {
        cblas_dgemm(
            Int32(CblasRowMajor), transposeA.rawValue, transposeB.rawValue,
            Int32(truncatingIfNeeded: m), Int32(truncatingIfNeeded: n),
            Int32(truncatingIfNeeded: k), alpha, a, Int32(truncatingIfNeeded: lda), b,
            Int32(truncatingIfNeeded: ldb), beta, c, Int32(truncatingIfNeeded: ldc))
    }

    /// b <- b a^-1, with a: size x size, whose content is lost, and b: rows x size (`sgesv` on the
    /// transposes). False where a is singular.
    public static func divide(
        _ b: UnsafeMutablePointer<Float>, rows: Int, by a: UnsafeMutablePointer<Float>, size: Int
    ) throws -> Bool {
        var n = Int32(truncatingIfNeeded: size)
        var columns = Int32(truncatingIfNeeded: rows)
        var info: Int32 = 0
        let pivots = try Buffer<Int32>(count: size)
        sgesv_(&n, &columns, a, &n, pivots.pointer, b, &n, &info)
        return info == 0
    }

    /// OpenBLAS's version and the kernels it chose for this processor.
    public static var description: String {
        let configuration = openblas_get_config().map { String(cString: $0) } ?? "OpenBLAS"
        let version = configuration.split(separator: " ").prefix(2).joined(separator: " ")
        let core = openblas_get_corename().map { String(cString: $0) } ?? "unknown"
        return "\(version), \(core) kernels"
    }
}

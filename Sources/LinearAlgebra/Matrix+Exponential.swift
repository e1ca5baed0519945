import COpenBLAS
import Glibc
import Runtime

extension Matrix {
    /// exp(self) by the Pade approximant of degree 13 with scaling and squaring (Higham, SIAM J. Matrix Anal.
    /// Appl. 26(4), 2005, algorithm 2.3), for a square matrix.
    /// - Complexity: O(n^3).
    public func exponential() throws -> Matrix {
        let norm = oneNorm
        guard norm.isFinite, norm < 1e3 else {
            throw TeleportError(
                .notFinite, "the exponential of a matrix of norm \(norm) is out of range")
        }
        // The quotient of two equal numbers below may be an ulp off 1.
        guard norm > 0 else { return try Matrix(identity: rows) }
        let squarings = max(0, Int(ceil(log2(norm / 5.371920351148152))))
        let a = try copy()
        a.scale(by: exp2(Double(-squarings)))

        let b: [Double] = [
            64_764_752_532_480_000, 32_382_376_266_240_000, 7_771_770_303_897_600,
            1_187_353_796_428_800, 129_060_195_264_000, 10_559_470_521_600, 670_442_572_800,
            33_522_128_640, 1_323_241_920, 40_840_800, 960_960, 16_380, 182, 1,
        ]
        let a2 = try Matrix.product(a, .no, a)
        let a4 = try Matrix.product(a2, .no, a2)
        let a6 = try Matrix.product(a4, .no, a2)
        func polynomial(_ sixth: Double, _ fourth: Double, _ second: Double, _ zeroth: Double)
            throws -> Matrix
        {
            let sum = try Matrix(identity: rows)
            sum.scale(by: zeroth)
            sum.add(a2, scaledBy: second)
            sum.add(a4, scaledBy: fourth)
            sum.add(a6, scaledBy: sixth)
            return sum
        }
        let oddInner = try Matrix.product(a6, .no, try polynomial(b[13], b[11], b[9], 0))
        oddInner.add(try polynomial(b[7], b[5], b[3], b[1]))
        let odd = try Matrix.product(a, .no, oddInner)
        let even = try Matrix.product(a6, .no, try polynomial(b[12], b[10], b[8], 0))
        even.add(try polynomial(b[6], b[4], b[2], b[0]))

        let numerator = try even.copy()
        numerator.add(odd)
        even.add(odd, scaledBy: -1)
        // Polynomials of one matrix commute, so the row-major quotient is the column-major one transposed.
        var result = try numerator.solved(by: even)
        for _ in 0..<squarings { result = try Matrix.product(result, .no, result) }
        guard result.isFinite else {
            throw TeleportError(.notFinite, "the exponential of a matrix of norm \(norm) overflows")
        }
        return result
    }

    /// The inverse (`dgesv`), for a square matrix.
    public func inverse() throws -> Matrix {
        try Matrix(identity: rows).solved(by: try copy())
    }

    /// self a^-1, in place on both; for square matrices (`dgesv` on the transposes).
    private func solved(by a: Matrix) throws -> Matrix {
        var n = Int32(truncatingIfNeeded: rows)
        var columns = n
        var info: Int32 = 0
        let pivots = try Buffer<Int32>(count: rows)
        dgesv_(&n, &columns, a.pointer, &n, pivots.pointer, pointer, &n, &info)
        guard info == 0 else {
            throw TeleportError(.linearAlgebra, "a \(n) x \(n) matrix is singular")
        }
        return self
    }

    /// The largest column sum of magnitudes.
    private var oneNorm: Double {
        var norm = 0.0
        for column in 0..<columns {
            var sum = 0.0
            for row in 0..<rows { sum += abs(self[row, column]) }
            norm = sum.isNaN ? .nan : max(norm, sum)
        }
        return norm
    }
}

import COpenBLAS
import Glibc
import Runtime

extension Matrix {
    /// exp(self) for a square matrix.
    public func exponential() throws -> Matrix { try exponentials().forward }

    /// exp(self) and exp(-self), for a square matrix, by Pade approximants with scaling and
    /// squaring (Higham, SIAM J. Matrix Anal. Appl. 26(4), 2005, algorithm 2.3). The approximant of
    /// -self is that of self with numerator and denominator exchanged, so the second costs a
    /// quotient and no products.
    /// - Complexity: O(n^3).
    public func exponentials() throws -> (forward: Matrix, backward: Matrix) {
        let norm = oneNorm
        guard norm.isFinite, norm < 1e3 else {
            throw TeleportError(
                .notFinite, "the exponential of a matrix of norm \(norm) is out of range")
        }
        guard norm > 0 else { return (try Matrix(identity: rows), try Matrix(identity: rows)) }
        let approximant =
            PadeApproximant.all.first { norm <= $0.largestNorm } ?? PadeApproximant.last
        let squarings = max(0, Int(ceil(log2(norm / approximant.largestNorm))))
        let a = try copy()
        a.scale(by: exp2(Double(-squarings)))

        let (even, odd) = try approximant.parts(a)
        var results: [Matrix] = []
        for sign in [1.0, -1.0] {
            let numerator = try even.copy()
            numerator.add(odd, scaledBy: sign)
            let denominator = try even.copy()
            denominator.add(odd, scaledBy: -sign)
            // Polynomials of one matrix commute, so it does not matter from which side the quotient
            // is taken.
            var result = try numerator.solved(by: denominator)
            for _ in 0..<squarings { result = try Matrix.product(result, .no, result) }
            guard result.isFinite else {
                throw TeleportError(
                    .notFinite, "the exponential of a matrix of norm \(norm) overflows")
            }
            results.append(result)
        }
        return (results[0], results[1])
    }

    /// The inverse (`dgesv`), for a square matrix.
    public func inverse() throws -> Matrix {
        try Matrix(identity: rows).solved(by: try copy())
    }

    /// self a^-1, in place on both; for a square a (`dgesv` on the transposes).
    public func solved(by a: Matrix) throws -> Matrix {
        try Stop.ask()
        var n = Int32(truncatingIfNeeded: a.rows)
        var columns = Int32(truncatingIfNeeded: rows)
        var info: Int32 = 0
        let pivots = try Buffer<Int32>(count: a.rows)
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

/// A diagonal Pade approximant of exp: coefficients b of its numerator, and the 1-norm up to which
/// it is accurate to double precision (table 2.3 of the paper).
private struct PadeApproximant {
    let coefficients: [Double]
    let largestNorm: Double

    static let last = PadeApproximant(
        coefficients: [
            64_764_752_532_480_000, 32_382_376_266_240_000, 7_771_770_303_897_600,
            1_187_353_796_428_800, 129_060_195_264_000, 10_559_470_521_600, 670_442_572_800,
            33_522_128_640, 1_323_241_920, 40_840_800, 960_960, 16_380, 182, 1,
        ], largestNorm: 5.371920351148152)

    static let all = [
        PadeApproximant(coefficients: [120, 60, 12, 1], largestNorm: 1.495585217958292e-2),
        PadeApproximant(
            coefficients: [30_240, 15_120, 3_360, 420, 30, 1], largestNorm: 2.539398330063230e-1),
        PadeApproximant(
            coefficients: [17_297_280, 8_648_640, 1_995_840, 277_200, 25_200, 1_512, 56, 1],
            largestNorm: 9.504178996162932e-1),
        PadeApproximant(
            coefficients: [
                17_643_225_600, 8_821_612_800, 2_075_673_600, 302_702_400, 30_270_240, 2_162_160,
                110_880, 3_960, 90, 1,
            ], largestNorm: 2.097847961257068),
        last,
    ]

    /// The even and the odd part of the numerator at a.
    func parts(_ a: Matrix) throws -> (even: Matrix, odd: Matrix) {
        let b = coefficients
        // a^2, a^4, ... as far as the degree needs them; beyond a^8 in two factors.
        let isLast = b.count == 14
        var powers = [try Matrix(identity: a.rows), try Matrix.product(a, .no, a)]
        while powers.count < (isLast ? 4 : b.count / 2) {
            powers.append(try Matrix.product(powers[powers.count - 1], .no, powers[1]))
        }
        func sum(_ first: Int, _ range: Range<Int>) throws -> Matrix {
            let result = try Matrix(zeros: a.rows, a.rows)
            for i in range { result.add(powers[i], scaledBy: b[2 * (i + first)]) }
            return result
        }
        func oddSum(_ first: Int, _ range: Range<Int>) throws -> Matrix {
            let result = try Matrix(zeros: a.rows, a.rows)
            for i in range { result.add(powers[i], scaledBy: b[2 * (i + first) + 1]) }
            return result
        }
        guard isLast else {
            let even = try sum(0, 0..<powers.count)
            return (even, try Matrix.product(a, .no, try oddSum(0, 0..<powers.count)))
        }
        let even = try Matrix.product(powers[3], .no, try sum(3, 1..<4))
        even.add(try sum(0, 0..<4))
        let inner = try Matrix.product(powers[3], .no, try oddSum(3, 1..<4))
        inner.add(try oddSum(0, 0..<4))
        return (even, try Matrix.product(a, .no, inner))
    }
}

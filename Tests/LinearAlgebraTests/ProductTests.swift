import Runtime
import XCTest

@testable import LinearAlgebra

final class ProductTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    func testProductsOfDoublesEqualTheLoops() throws {
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (17, 33, 9), (64, 100, 31)] {
            let a = try Matrix.random(m, k, seed: 1)
            let b = try Matrix.random(k, n, seed: 2)
            let expected = try a.times(b)
            for (left, transposeA) in [(a, BLAS.Transpose.no), (try a.transposed(), .yes)] {
                for (right, transposeB) in [(b, BLAS.Transpose.no), (try b.transposed(), .yes)] {
                    let product = try Matrix.product(left, transposeA, right, transposeB)
                    XCTAssertLessThan(try product.distance(expected), 1e-14)
                }
            }
        }
    }

    func testProductsThatHaveNoMeaningAreRefused() throws {
        let a = try Matrix.random(3, 4, seed: 1)
        XCTAssertEqual(status { _ = try Matrix.product(a, .no, a) }, .error)
        XCTAssertEqual(status { _ = try Matrix.product(a, .yes, a, .yes) }, .error)
    }

    func testFloatProductsTakeAlphaBetaAndStrides() throws {
        let (m, n, k, stride) = (5, 7, 11, 20)
        var generator = RandomGenerator(seed: 5)
        func draw() -> [Float] { (0..<20 * stride).map { _ in Float(generator.nextNormal()) } }
        let (a, b, c) = (draw(), draw(), draw())
        for transposeA in [BLAS.Transpose.no, .yes] {
            for transposeB in [BLAS.Transpose.no, .yes] {
                for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1), (2, 0.25)] {
                    var result = c
                    BLAS.multiply(
                        a, transposeA, stride: stride, b, transposeB, stride: stride, into: &result,
                        stride: stride, m: m, n: n, k: k, alpha: alpha, beta: beta)
                    for i in 0..<20 {
                        for j in 0..<stride {
                            var expected = Double(c[i * stride + j])
                            if i < m && j < n {
                                expected *= Double(beta)
                                for p in 0..<k {
                                    let left =
                                        transposeA == .no ? a[i * stride + p] : a[p * stride + i]
                                    let right =
                                        transposeB == .no ? b[p * stride + j] : b[j * stride + p]
                                    expected += Double(alpha) * Double(left) * Double(right)
                                }
                            }
                            XCTAssertEqual(Double(result[i * stride + j]), expected, accuracy: 1e-5)
                        }
                    }
                }
            }
        }
    }

    func testBetaZeroDoesNotReadTheTarget() {
        let a: [Float] = [1, 2, 3, 4]
        var c = [Float](repeating: .nan, count: 4)
        BLAS.multiply(a, stride: 2, a, stride: 2, into: &c, stride: 2, m: 2, n: 2, k: 2)
        XCTAssertEqual(c, [7, 10, 15, 22])
    }

    /// Sizes on both sides of every bound of the routes.
    private func forEachBatchProduct(
        _ body: (_ m: Int, _ n: Int, _ k: Int, _ generator: inout RandomGenerator) throws -> Void
    ) rethrows {
        var generator = RandomGenerator(seed: 6)
        for m in [1, 3, 10, 17, 40] {
            for n in [1, 5, 16, 17, 33, 48] {
                for k in [1, 15, 16, 20, 33, 64, 130] { try body(m, n, k, &generator) }
            }
        }
        try body(16, 8200, 3, &generator)
        try body(3, 40, 8200, &generator)
        try body(5, 6, 20_000, &generator)
    }

    private func random(_ count: Int, _ generator: inout RandomGenerator) -> [Float] {
        (0..<count).map { _ in Float(generator.nextDouble(from: -1, to: 1)) }
    }

    func testBatchProductsOfRowsEqualSumsInDoubleOnEveryRoute() {
        forEachBatchProduct { m, n, k, generator in
            let (a, b) = (random(m * k, &generator), random(n * k, &generator))
            var c = [Float](repeating: .nan, count: m * n)
            BatchProducts.rows(a, b, into: &c, m: m, n: n, k: k)
            var worst = 0.0
            for i in 0..<m {
                for j in 0..<n {
                    var (sum, size) = (0.0, 0.0)
                    for p in 0..<k {
                        let term = Double(a[i * k + p]) * Double(b[j * k + p])
                        sum += term
                        size += abs(term)
                    }
                    worst = max(worst, abs(Double(c[i * n + j]) - sum) / size)
                }
            }
            XCTAssertLessThan(worst, 2e-6, "\(m) \(n) \(k)")
        }
    }

    func testBatchProductsOfColumnsEqualSumsInDoubleOnEveryRoute() {
        forEachBatchProduct { m, n, k, generator in
            let stride = m + 2
            let (a, b) = (random(k * stride, &generator), random(k * n, &generator))
            let before = random(m * n, &generator)
            for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1), (0.25, 0.75)] {
                var c = beta == 0 ? [Float](repeating: .nan, count: m * n) : before
                BatchProducts.columns(
                    a, stride: stride, b, into: &c, m: m, n: n, k: k, alpha: alpha, beta: beta)
                var worst = 0.0
                for i in 0..<m {
                    for j in 0..<n {
                        var sum = Double(beta) * Double(before[i * n + j])
                        var size = abs(sum)
                        for p in 0..<k {
                            let term =
                                Double(alpha) * Double(a[p * stride + i]) * Double(b[p * n + j])
                            sum += term
                            size += abs(term)
                        }
                        worst = max(worst, abs(Double(c[i * n + j]) - sum) / size)
                    }
                }
                XCTAssertLessThan(worst, 2e-6, "\(m) \(n) \(k) \(beta)")
            }
        }
    }

    func testTransposeIsTheProductWithAnIdentity() {
        let (m, n) = (7, 5)
        let (stride, strideC) = (9, 11)
        var generator = RandomGenerator(seed: 7)
        let (a, before) = (random(m * stride, &generator), random(n * strideC, &generator))
        for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1), (0.25, 0.75)] {
            var c = before
            if beta == 0 {
                for j in 0..<n { for i in 0..<m { c[j * strideC + i] = .nan } }
            }
            BatchProducts.transpose(
                a, stride: stride, into: &c, stride: strideC, m: m, n: n, alpha: alpha, beta: beta)
            for j in 0..<n {
                for i in 0..<strideC {
                    let old = before[j * strideC + i]
                    let expected = i < m ? alpha * a[i * stride + j] + beta * old : old
                    XCTAssertEqual(c[j * strideC + i], expected, accuracy: 1e-6)
                }
            }
        }
    }
}

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
}

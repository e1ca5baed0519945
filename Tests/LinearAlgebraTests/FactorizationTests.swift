import Runtime
import XCTest

@testable import LinearAlgebra

final class FactorizationTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    func testCholeskySolvesAndEstimatesTheCondition() throws {
        let a = try Matrix.random(12, 20, seed: 1)
        let gram = try Matrix.product(a, .no, a, .yes)
        let b = try Matrix.random(12, 3, seed: 2)
        let solution = try b.copy()
        let factored = try XCTUnwrap(try Cholesky(try gram.copy()))
        try factored.solve(solution)
        XCTAssertLessThan(try gram.times(solution).distance(b), 1e-12)
        // The estimate is of the 1-norm: within a factor of the size of the condition in the
        // 2-norm.
        let condition = try SVD.condition(gram)
        XCTAssertGreaterThan(factored.reciprocalCondition, 1 / condition / 12)
        XCTAssertLessThan(factored.reciprocalCondition, 12 / condition)
    }

    func testCholeskyOfAnIndefiniteMatrixIsNil() throws {
        XCTAssertNil(try Cholesky(try Matrix.of([[1, 2], [2, 1]])))
        XCTAssertNil(try Cholesky(try Matrix(zeros: 3, 3)))
    }

    func testSingularVectorsReconstructAndAreOrthonormal() throws {
        for (rows, columns) in [(1, 1), (6, 6), (4, 9), (9, 4), (1, 5), (5, 1), (40, 70)] {
            let a = try Matrix.random(rows, columns, seed: UInt64(rows * 100 + columns))
            let svd = try SVD(a)
            let r = min(rows, columns)
            let scaled = try svd.left.copy()
            for i in 0..<rows {
                for j in 0..<r { scaled[i, j] *= svd.values.pointer[j] }
            }
            XCTAssertLessThan(try scaled.times(svd.right).distance(a), 1e-13)
            let identity = try Matrix(identity: r)
            XCTAssertLessThan(try svd.left.transposed().times(svd.left).distance(identity), 1e-13)
            XCTAssertLessThan(try svd.right.times(svd.right.transposed()).distance(identity), 1e-13)
            let values = Array(svd.values.elements)
            XCTAssertEqual(values, values.sorted(by: >))
            let alone = try SVD.values(a)
            for i in 0..<r { XCTAssertEqual(alone.pointer[i], values[i], accuracy: 1e-12) }
        }
    }

    func testDecomposingWhatIsNotFiniteIsRefused() throws {
        for bad in [Double.nan, .infinity] {
            let a = try Matrix(identity: 3)
            a[1, 2] = bad
            XCTAssertEqual(status { _ = try SVD(a) }, .notFinite)
        }
    }

    func testConditionOfADiagonalMatrix() throws {
        XCTAssertEqual(try SVD.condition(try Matrix.of([[8, 0], [0, -2]])), 4, accuracy: 1e-14)
        // Infinite, or as large as the rounding of the smallest singular value makes it.
        XCTAssertGreaterThan(try SVD.condition(try Matrix.of([[1, 1], [1, 1]])), 1e15)
        XCTAssertEqual(try SVD.condition(try Matrix(zeros: 2, 2)).isNaN, true)
    }

    func testFactorizationsReportALackOfMemory() throws {
        let wide = try Matrix.random(6, 9, seed: 1)
        let deficient = try Matrix.random(6, 2, seed: 2).times(try Matrix.random(2, 9, seed: 3))
        let square = try Matrix.random(5, 5, seed: 4)
        for (name, body) in [
            ("pseudo-inverse", { _ = try PseudoInverse(wide).solve(try Matrix(identity: 6)) }),
            ("its singular form", { _ = try PseudoInverse(deficient).multiply(wide) }),
            ("exponential", { _ = try square.exponential() }),
            ("inverse", { _ = try square.inverse() }),
        ] as [(String, () throws -> Void)] {
            var failures = 0
            for count in 0..<200 {
                Memory.failAllocation(after: count)
                let result = status(body)
                guard Memory.endAllocationFailure() else {
                    XCTAssertNil(result, name)
                    break
                }
                failures += 1
                XCTAssertEqual(result, .outOfMemory, name)
            }
            XCTAssertTrue((2..<200).contains(failures), name)
        }
    }
}

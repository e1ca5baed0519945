import Runtime
import XCTest

@testable import LinearAlgebra

final class PseudoInverseTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// Penrose's four conditions say that X is H^+ and no other matrix; X by both ways of applying
    /// it.
    private func checkPenrose(
        _ h: Matrix, rank: Int, tolerance: Double = 1e-11, line: UInt = #line
    ) throws {
        let inverse = try PseudoInverse(h)
        XCTAssertEqual(inverse.rank, rank, line: line)
        let solved = try inverse.solve(try Matrix(identity: h.rows)).solution
        let multiplied = try inverse.multiply(try Matrix(identity: h.columns))
        for x in [solved, multiplied] {
            let hx = try h.times(x)
            let xh = try x.times(h)
            XCTAssertLessThan(try hx.times(h).distance(h), tolerance, "H X H = H", line: line)
            XCTAssertLessThan(try xh.times(x).distance(x), tolerance, "X H X = X", line: line)
            XCTAssertLessThan(
                try hx.transposed().distance(hx), tolerance, "(H X)^T = H X", line: line)
            XCTAssertLessThan(
                try xh.transposed().distance(xh), tolerance, "(X H)^T = X H", line: line)
        }
    }

    func testPenroseConditionsOfWideTallAndSquareMatrices() throws {
        try checkPenrose(try Matrix.random(5, 12, seed: 1), rank: 5)
        try checkPenrose(try Matrix.random(12, 5, seed: 2), rank: 5)
        try checkPenrose(try Matrix.random(7, 7, seed: 3), rank: 7)
        try checkPenrose(try Matrix.random(1, 9, seed: 4), rank: 1)
        try checkPenrose(try Matrix.random(9, 1, seed: 5), rank: 1)
        try checkPenrose(try Matrix.random(60, 100, seed: 6), rank: 60)
    }

    /// It does what the inverse of an identity matrix does, and knows the condition that it was
    /// given.
    func testTheInverseOfTheIdentityIsThatOfItsMatrix() throws {
        let known = PseudoInverse(identity: 5, condition: 17)
        let factored = try PseudoInverse(try Matrix(identity: 5))
        XCTAssertEqual(known.rank, 5)
        XCTAssertEqual(known.condition, 17)
        let (d, a) = (try Matrix.random(5, 3, seed: 8), try Matrix.random(4, 5, seed: 9))
        for matrix in [try known.solve(d).solution, try known.solve(d).reached] {
            XCTAssertLessThan(try matrix.distance(try factored.solve(d).solution), 1e-14)
        }
        XCTAssertLessThan(try known.multiply(a).distance(try factored.multiply(a)), 1e-14)
        XCTAssertEqual(try known.projectOnNullSpace(a).squaredNorm, 0)
        XCTAssertLessThan(try factored.projectOnNullSpace(a).squaredNorm, 1e-28)
    }

    func testPenroseConditionsOfDeficientMatrices() throws {
        for (rows, columns, rank) in [(8, 10, 3), (10, 8, 3), (9, 9, 8), (4, 30, 1)] {
            let h = try Matrix.random(rows, rank, seed: 7).times(
                try Matrix.random(rank, columns, seed: 8))
            try checkPenrose(h, rank: rank)
        }
        // Two equal samples, and a column of zeros as in every image's border.
        let h = try Matrix.random(6, 8, seed: 9)
        for j in 0..<8 { h[5, j] = h[2, j] }
        for i in 0..<6 { h[i, 3] = 0 }
        try checkPenrose(h, rank: 5)
    }

    func testTheZeroMatrixHasAZeroInverse() throws {
        let inverse = try PseudoInverse(try Matrix(zeros: 3, 4))
        XCTAssertEqual(inverse.rank, 0)
        XCTAssertEqual(inverse.condition, .infinity)
        XCTAssertEqual(try inverse.solve(try Matrix(identity: 3)).solution.squaredNorm, 0)
        XCTAssertEqual(try inverse.multiply(try Matrix(identity: 4)).squaredNorm, 0)
        try checkPenrose(try Matrix(zeros: 3, 4), rank: 0)
    }

    /// Diagonal matrices with one small singular value, on both sides of every switch.
    func testSmallSingularValuesCountDownToTheCutoff() throws {
        for (small, rank) in [(1e-3, 3), (1e-4, 3), (1e-5, 3), (2e-6, 3), (5e-7, 2), (1e-12, 2)] {
            for columns in [3, 6] {
                let h = try Matrix(zeros: 3, columns)
                h[0, 0] = 1
                h[1, 1] = 0.5
                h[2, 2] = small
                let inverse = try PseudoInverse(h)
                XCTAssertEqual(inverse.rank, rank, "\(small)")
                let x = try inverse.solve(try Matrix(identity: 3)).solution
                XCTAssertEqual(x[2, 2], rank == 3 ? 1 / small : 0, accuracy: 1e-7 / small)
                XCTAssertEqual(x[1, 1], 2, accuracy: 1e-12)
                // After Cholesky an estimate in the 1-norm: within the size.
                XCTAssertLessThan(inverse.condition, (rank == 3 ? 1 / small : 2) * 3.1)
                XCTAssertGreaterThan(inverse.condition, (rank == 3 ? 1 / small : 2) / 3.1)
            }
        }
        // A coarser cut-off drops what stands under it, also where Cholesky would be accurate.
        let h = try Matrix.of([[1, 0, 0], [0, 0.05, 0]])
        XCTAssertEqual(try PseudoInverse(h).rank, 2)
        XCTAssertEqual(try PseudoInverse(h, cutoff: 0.1).rank, 1)
    }

    func testNullSpaceProjectionIsWhatNoSampleSees() throws {
        for (rows, columns) in [(3, 8), (8, 3), (6, 6)] {
            let h = try Matrix.random(rows, columns, seed: 11)
            let a = try Matrix.random(4, columns, seed: 12)
            let inverse = try PseudoInverse(h)
            let projected = try inverse.projectOnNullSpace(a)
            // a (I - H^+ H) h^T = 0 for every row h of H; and what is left changes no more.
            XCTAssertLessThan(
                try projected.times(try h.transposed()).squaredNorm.squareRoot(), 1e-11)
            let again = try inverse.projectOnNullSpace(projected)
            again.add(projected, scaledBy: -1)
            XCTAssertLessThan(again.squaredNorm.squareRoot(), 1e-11)
        }
    }

    func testInputsThatAreNotFiniteAreRefused() throws {
        for bad in [Double.nan, .infinity] {
            let h = try Matrix.random(3, 4, seed: 13)
            h[1, 1] = bad
            XCTAssertEqual(status { _ = try PseudoInverse(h) }, .notFinite)
        }
    }
}

import Runtime
import XCTest

@testable import LinearAlgebra

final class CayleyTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// To the bound of its series, |T|^3 / 12, and better than to first order.
    func testAgreesWithTheExponentialToSecondOrder() throws {
        for norm in [0.001, 0.01, 0.1, 0.3, 0.9] {
            let t = try Matrix.random(6, 6, seed: 4)
            t.scale(by: norm / t.squaredNorm.squareRoot())
            let difference = try t.cayleyTransform()
            difference.add(try t.exponential(), scaledBy: -1)
            XCTAssertLessThan(
                difference.squaredNorm.squareRoot(), norm * norm * norm / 6 + 1e-14, "\(norm)")
        }
    }

    func testTheTransformOfMinusTIsTheInverseHoweverLargeTIs() throws {
        for norm in [0.1, 1.0, 1.5, 3, 9] {
            let t = try Matrix.random(7, 7, seed: 3)
            t.scale(by: norm / t.squaredNorm.squareRoot())
            let g = try t.cayleyTransform()
            t.scale(by: -1)
            let inverse = try t.cayleyTransform()
            XCTAssertLessThan(
                try g.times(inverse).distance(try Matrix(identity: 7)), 1e-11, "\(norm)")
        }
    }

    func testRotationsStayRotations() throws {
        let t = try Matrix.of([[0, 0.4, -0.2], [-0.4, 0, 0.1], [0.2, -0.1, 0]])
        let g = try t.cayleyTransform()
        XCTAssertLessThan(
            try g.times(try g.transposed()).distance(try Matrix(identity: 3)), 1e-14)
    }

    func testWhatIsNotFiniteIsRefused() throws {
        let t = try Matrix(identity: 3)
        for bad in [Double.nan, .infinity, 1e300] {
            t[1, 1] = bad
            XCTAssertEqual(status { _ = try t.cayleyTransform() }, .notFinite, "\(bad)")
        }
    }

    func testSystemsOfEquationsAreSolvedFromTheRight() throws {
        let a = try Matrix.random(5, 5, seed: 1)
        for rows in [1, 3, 5, 8] {
            let b = try Matrix.random(rows, 5, seed: 2)
            let x = try b.copy().solved(by: try a.copy())
            XCTAssertLessThan(try x.times(a).distance(b), 1e-12)
        }
    }

    func testGramMatricesAreTheProducts() throws {
        for (rows, columns) in [(4, 9), (9, 4), (5, 5)] {
            let a = try Matrix.random(rows, columns, seed: 7)
            XCTAssertLessThan(
                try Matrix.gramOfRows(a).distance(try a.times(try a.transposed())), 1e-14)
            XCTAssertLessThan(
                try Matrix.gramOfColumns(a).distance(try a.transposed().times(a)), 1e-14)
        }
    }
}

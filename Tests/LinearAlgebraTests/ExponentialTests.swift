import Foundation
import Runtime
import XCTest

@testable import LinearAlgebra

final class ExponentialTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// The power series, after as many halvings as bring the norm under 1/2, squared back.
    private func series(_ t: Matrix) throws -> Matrix {
        let halvings = max(0, Int(ceil(log2(max(t.squaredNorm.squareRoot(), 1e-300)))) + 1)
        let small = try t.copy()
        small.scale(by: exp2(-Double(halvings)))
        var sum = try Matrix(identity: t.rows)
        var term = try Matrix(identity: t.rows)
        for k in 1...24 {
            term = try term.times(small)
            term.scale(by: 1 / Double(k))
            sum.add(term)
        }
        for _ in 0..<halvings { sum = try sum.times(sum) }
        return sum
    }

    func testAgreesWithTheSeries() throws {
        for (size, norm) in [
            (1, 0.7), (4, 0.01), (5, 0.3), (6, 2), (5, 5.3), (5, 5.5), (8, 20), (6, 60),
        ] {
            let t = try Matrix.random(size, size, seed: UInt64(size))
            t.scale(by: norm / t.squaredNorm.squareRoot())
            XCTAssertLessThan(try t.exponential().distance(try series(t)), 1e-12, "norm \(norm)")
        }
    }

    func testTheExponentialOfMinusTIsTheInverse() throws {
        for norm in [0.1, 1, 4] {
            let t = try Matrix.random(7, 7, seed: 3)
            t.scale(by: norm / t.squaredNorm.squareRoot())
            let g = try t.exponential()
            t.scale(by: -1)
            let inverse = try t.exponential()
            XCTAssertLessThan(try g.times(inverse).distance(try Matrix(identity: 7)), 1e-13)
            XCTAssertLessThan(try g.inverse().distance(inverse), 1e-13)
        }
    }

    func testKnownExponentials() throws {
        // Zero, nilpotent, diagonal, and a rotation.
        let identity = try Matrix(identity: 4)
        XCTAssertEqual(try Matrix(zeros: 4, 4).exponential().distance(identity), 0)
        let nilpotent = try Matrix.of([[0, 2, 3], [0, 0, 4], [0, 0, 0]])
        XCTAssertLessThan(
            try nilpotent.exponential().distance(
                try Matrix.of([[1, 2, 7], [0, 1, 4], [0, 0, 1]])), 1e-15)
        // Large off the diagonal, where scaling and squaring could lose digits.
        let large = try Matrix.of([[0, 900], [0, 0]])
        XCTAssertLessThan(
            try large.exponential().distance(try Matrix.of([[1, 900], [0, 1]])), 1e-13)
        let diagonal = try Matrix.of([[-30, 0], [0, 5]])
        XCTAssertEqual(try diagonal.exponential()[0, 0] / exp(-30), 1, accuracy: 1e-11)
        XCTAssertEqual(try diagonal.exponential()[1, 1] / exp(5), 1, accuracy: 1e-13)
        let angle = 2.5
        let turn = try Matrix.of([[0, -angle], [angle, 0]])
        XCTAssertLessThan(
            try turn.exponential().distance(
                try Matrix.of([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])), 1e-14)
    }

    func testTheArgumentStaysAsItWas() throws {
        let t = try Matrix.random(5, 5, seed: 4)
        let before = Array(t.storage.elements)
        _ = try t.exponential()
        _ = try t.inverse()
        XCTAssertEqual(Array(t.storage.elements), before)
    }

    func testNormsPastTheRangeAreErrors() throws {
        let t = try Matrix(identity: 2)
        for factor in [800.0, 1e6, .infinity, .nan] {
            let scaled = try t.copy()
            scaled.scale(by: factor)
            XCTAssertEqual(status { _ = try scaled.exponential() }, .notFinite, "\(factor)")
        }
    }

    func testInverseOfRandomAndSingularMatrices() throws {
        let a = try Matrix.random(20, 20, seed: 5)
        XCTAssertLessThan(try a.times(try a.inverse()).distance(try Matrix(identity: 20)), 1e-11)
        XCTAssertLessThan(try a.inverse().times(a).distance(try Matrix(identity: 20)), 1e-11)
        for singular in [
            try Matrix(zeros: 3, 3), try Matrix.of([[1, 2], [2, 4]]),
            try Matrix.of([[0, 0], [0, 1]]),
        ] {
            XCTAssertEqual(status { _ = try singular.inverse() }, .linearAlgebra)
        }
    }
}

import Networks
import TestSupport
import XCTest

final class WeightsTests: XCTestCase {
    func testEveryBitCounts() throws {
        let weights = try Model.random([3, 4, 2], seed: 1).weights
        let copy = try Weights(copying: weights)
        XCTAssertTrue(copy.isIdentical(to: weights))
        for (one, other) in [(0, -0.0), (1, Float(1).nextUp), (.nan, 1)] as [(Float, Float)] {
            weights.parameters.pointer[5] = one
            copy.parameters.pointer[5] = other
            XCTAssertFalse(copy.isIdentical(to: weights))
            copy.copy(from: weights)
            XCTAssertTrue(copy.isIdentical(to: weights))
        }
        XCTAssertFalse(weights.isIdentical(to: try Model.random([3, 4, 1], seed: 1).weights))
    }

    func testTheFirstNumberThatIsNotFiniteIsFound() throws {
        let weights = try Model.random([3, 4, 2], seed: 1).weights
        XCTAssertTrue(weights.areFinite)
        XCTAssertNil(weights.firstNotFinite)
        weights.parameters.pointer[25] = .nan
        weights.parameters.pointer[7] = -.infinity
        XCTAssertFalse(weights.areFinite)
        XCTAssertEqual(weights.firstNotFinite?.index, 7)
        XCTAssertEqual(weights.firstNotFinite?.value, -.infinity)
    }
}

import Runtime
import XCTest

final class RandomGeneratorTests: XCTestCase {
    func testEqualSeedsGiveEqualDrawsAndStreamsDiffer() {
        var a = RandomGenerator(seed: 7)
        var b = RandomGenerator(seed: 7)
        var c = RandomGenerator(seed: 7, stream: 1)
        var differing = 0
        for _ in 0..<100 {
            let draw = a.next()
            XCTAssertEqual(draw, b.next())
            if draw != c.next() { differing += 1 }
        }
        XCTAssertEqual(differing, 100)
    }

    func testUniformDrawsLieInTheirIntervalWithTheRightMean() {
        var generator = RandomGenerator(seed: 1)
        var sum = 0.0
        for _ in 0..<100_000 {
            let value = generator.nextDouble(from: -2, to: 4)
            XCTAssertTrue((-2..<4).contains(value))
            sum += value
        }
        // The mean of 100,000 draws has a standard deviation of 6 / sqrt(12 * 100,000) = 0.0055.
        XCTAssertEqual(sum / 100_000, 1, accuracy: 0.025)
    }

    func testPermutationHoldsEveryIndexOnce() {
        var generator = RandomGenerator(seed: 3)
        var order = [Int](repeating: 0, count: 1_000)
        order.withUnsafeMutableBufferPointer {
            generator.permutation(into: $0.baseAddress!, count: 1_000)
        }
        XCTAssertEqual(order.sorted(), Array(0..<1_000))
        XCTAssertNotEqual(order, Array(0..<1_000))
    }
}

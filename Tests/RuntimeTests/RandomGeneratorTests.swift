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

    /// Numbers of the authors' C code for xoshiro256++ and SplitMix64: a draw of another machine or
    /// version is the same.
    func testFirstDrawsAreThoseOfTheAuthorsCode() {
        var plain = RandomGenerator(seed: 7)
        XCTAssertEqual(
            (0..<4).map { _ in plain.next() },
            [
                17_332_331_373_651_132_471, 12_483_220_123_959_339_309,
                10_326_480_139_797_107_209, 13_606_035_095_540_272_462,
            ])
        var stream = RandomGenerator(seed: 7, stream: 3)
        XCTAssertEqual(
            (0..<4).map { _ in stream.next() },
            [
                16_797_533_668_171_152_095, 11_348_593_741_808_135_473,
                5_016_922_231_475_059_204, 8_963_929_462_170_207_673,
            ])
        var doubles = RandomGenerator(seed: 1)
        XCTAssertEqual(
            (0..<3).map { _ in doubles.nextDouble() },
            [0.43855862665058964, 0.3083429344519919, 0.8627983896822804])
    }

    /// The orders of a run's first epochs.
    func testShufflesAreThePinnedOnes() {
        for (seed, stream, expected) in [
            (
                UInt64(3), RandomStream.member(0, of: RandomStream.shuffle),
                [1, 5, 4, 2, 9, 7, 6, 0, 3, 8]
            ),
            (3, RandomStream.member(1, of: RandomStream.shuffle), [4, 0, 9, 6, 2, 1, 8, 7, 3, 5]),
        ] {
            var generator = RandomGenerator(seed: seed, stream: stream)
            var order = [Int](repeating: 0, count: 10)
            order.withUnsafeMutableBufferPointer {
                generator.permutation(into: $0.baseAddress!, count: 10)
            }
            XCTAssertEqual(order, expected)
        }
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

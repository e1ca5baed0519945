import Runtime
import XCTest

/// Lengths around the sixteen of a vector, unaligned starts included: every element is in a vector
/// or in the tail.
final class VectorsTests: XCTestCase {
    private let lengths = [0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 48, 63, 100]

    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var generator = RandomGenerator(seed: seed)
        return (0..<count).map { _ in Float(generator.nextNormal()) }
    }

    func testEveryIndexIsVisitedOnce() {
        for count in lengths {
            var visits = [Int](repeating: 0, count: count)
            forEachVector(count) { i in
                for j in i..<i + 16 { visits[j] += 1 }
            } tail: { i in
                visits[i] += 1
            }
            XCTAssertEqual(visits, [Int](repeating: 1, count: count))
        }
    }

    func testAddScaledEqualsTheLoopToTheBitAndStaysInside() {
        for count in lengths {
            for offset in [0, 1, 3] {
                let x = numbers(count + offset + 1, seed: 1)
                var y = numbers(count + offset + 1, seed: 2)
                let before = y
                x.withUnsafeBufferPointer { x in
                    y.withUnsafeMutableBufferPointer { y in
                        addScaled(
                            x.baseAddress! + offset, by: 0.3, to: y.baseAddress! + offset,
                            count: count)
                    }
                }
                for i in y.indices {
                    let isInside = i >= offset && i < offset + count
                    XCTAssertEqual(y[i], isInside ? before[i] + 0.3 * x[i] : before[i])
                }
            }
        }
    }

    func testAllFiniteSeesEveryPosition() {
        for count in lengths {
            var x = numbers(count, seed: 3)
            XCTAssertTrue(allFinite(x, count: count))
            for i in x.indices {
                for bad in [Float.nan, .infinity, -.infinity] {
                    let good = x[i]
                    x[i] = bad
                    XCTAssertFalse(allFinite(x, count: count), "\(bad) at \(i) of \(count)")
                    // What stands after the end is none of its business.
                    XCTAssertTrue(allFinite(x, count: i))
                    x[i] = good
                }
            }
        }
    }

    func testAllFiniteTakesTheLargestNumbers() {
        let x = [Float](repeating: .greatestFiniteMagnitude, count: 33)
        XCTAssertTrue(allFinite(x, count: 33))
    }

    func testSquaredNormSumsInDouble() {
        for count in lengths {
            let x = numbers(count, seed: 4)
            let expected = x.reduce(0.0) { $0 + Double($1) * Double($1) }
            XCTAssertEqual(
                squaredNorm(x, count: count), expected, accuracy: 1e-14 * max(expected, 1))
        }
        // The squares of these floats overflow a float, and the ones beside 2^60 vanish in one.
        XCTAssertEqual(squaredNorm([0x1p100, 0x1p100], count: 2), 0x1p201)
        XCTAssertEqual(
            squaredNorm([0x1p20] + [Float](repeating: 1, count: 16), count: 17), 0x1p40 + 16)
    }
}

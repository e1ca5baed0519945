import Runtime
import XCTest

/// `sortInPlace` against the standard library's sort.
final class SortingTests: XCTestCase {
    func testOrderIsThatOfTheStandardLibrary() throws {
        var generator = RandomGenerator(seed: 7)
        for count in Array(0...70) + [1_000, 4_097] {
            for range in [1, 3, count + 1] {
                let values = (0..<count).map { _ in generator.nextIndex(below: range) }
                let sorted = try Buffer(copying: values, count: count)
                sorted.elements.sortInPlace(by: <)
                XCTAssertEqual(Array(sorted.elements), values.sorted())
                let falling = try Buffer(copying: values.sorted(), count: count)
                falling.elements.sortInPlace(by: >)
                XCTAssertEqual(Array(falling.elements), values.sorted(by: >))
            }
        }
    }

    func testEqualElementsGoByWhatElseIsCompared() throws {
        struct Pair: BitwiseCopyable, Equatable {
            let key: Int
            let place: Int
        }
        let pairs = (0..<500).map { Pair(key: $0 % 7, place: $0) }
        let sorted = try Buffer(copying: pairs, count: pairs.count)
        sorted.elements.sortInPlace { $0.key != $1.key ? $0.key < $1.key : $0.place < $1.place }
        // The standard library keeps the order of equal keys.
        XCTAssertEqual(Array(sorted.elements), pairs.sorted { $0.key < $1.key })
    }
}

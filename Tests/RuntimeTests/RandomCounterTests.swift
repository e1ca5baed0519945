import Runtime
import XCTest

final class RandomCounterTests: XCTestCase {
    func testDrawsAreThoseOfSplitMix64() {
        struct SplitMix64 {
            var state: UInt64
            mutating func next() -> UInt64 {
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                return z ^ (z >> 31)
            }
        }
        var known = SplitMix64(state: 1_234_567)
        // As published for this seed.
        XCTAssertEqual(known.next(), 6_457_827_717_110_365_317)
        let counter = RandomCounter(seed: 1_234_567, stream: 0)
        XCTAssertEqual(counter.key, 6_457_827_717_110_365_317)
        var stream = SplitMix64(state: counter.key)
        for number in 0..<100 { XCTAssertEqual(counter.draw(UInt64(number)), stream.next()) }
        XCTAssertEqual(counter.member(7).key, counter.draw(7))
    }
}

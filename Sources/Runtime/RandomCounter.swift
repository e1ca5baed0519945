/// SplitMix64 as a function of a counter: draw n from a state is what the generator gives after n
/// others, without making them. A draw may be the state of counters of its own, so that what is
/// drawn depends on several numbers and on nothing else.
public struct RandomCounter: BitwiseCopyable, Sendable {
    /// The state before the first draw.
    public let key: UInt64

    public init(seed: UInt64, stream: UInt64) {
        key = RandomCounter(key: seed).draw(stream)
    }

    private init(key: UInt64) { self.key = key }

    public func draw(_ number: UInt64) -> UInt64 {
        var z = key &+ (number &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The counter of one of a family: of a step, a layer, a sample.
    public func member(_ number: UInt64) -> RandomCounter { RandomCounter(key: draw(number)) }
}

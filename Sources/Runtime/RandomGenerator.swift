import Glibc

/// xoshiro256++ 1.0 of Blackman and Vigna (public domain algorithm), seeded through SplitMix64 as
/// its authors advise. `stream` keeps the draws for different purposes apart under one seed.
public struct RandomGenerator: RandomNumberGenerator, BitwiseCopyable, Sendable {
    public var state: (UInt64, UInt64, UInt64, UInt64) { words }
    @usableFromInline var words: (UInt64, UInt64, UInt64, UInt64)

    public init(seed: UInt64, stream: UInt64 = 0) {
        var mixer = SplitMix64(state: seed)
        mixer.state = mixer.next() ^ (stream &* 0xD1B5_4A32_D192_ED03)
        words = (mixer.next(), mixer.next(), mixer.next(), mixer.next())
    }

    @inlinable
    public mutating func next() -> UInt64 {
        let result = rotateLeft(words.0 &+ words.3, 23) &+ words.0
        let shifted = words.1 << 17
        words.2 ^= words.0
        words.3 ^= words.1
        words.1 ^= words.2
        words.0 ^= words.3
        words.2 ^= shifted
        words.3 = rotateLeft(words.3, 45)
        return result
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    @inlinable
    public mutating func nextDouble() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// Uniform in [low, high).
    public mutating func nextDouble(from low: Double, to high: Double) -> Double {
        low + (high - low) * nextDouble()
    }

    /// Uniform in 0 ..< bound, without bias (Lemire, arXiv 1805.10941). `bound` must be positive.
    public mutating func nextIndex(below bound: Int) -> Int {
        let range = UInt64(bound)
        var product = next().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold {
                product = next().multipliedFullWidth(by: range)
            }
        }
        return Int(product.high)
    }

    @inlinable
    func rotateLeft(_ value: UInt64, _ count: UInt64) -> UInt64 {
        (value << count) | (value >> (64 - count))
    }
}

private struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension RandomGenerator {
    /// Fills `order` with 0 ..< count and shuffles it (Fisher and Yates).
    public mutating func permutation(into order: UnsafeMutablePointer<Int>, count: Int) {
        for i in 0..<count { order[i] = i }
        guard count > 1 else { return }
        for i in stride(from: count - 1, to: 0, by: -1) {
            let j = nextIndex(below: i + 1)
            let swapped = order[i]
            order[i] = order[j]
            order[j] = swapped
        }
    }
}

extension RandomGenerator {
    /// A standard normal draw (Box and Muller, one of the pair).
    public mutating func nextNormal() -> Double {
        let radius = (-2 * log(1 - nextDouble())).squareRoot()
        return radius * cos(2 * .pi * nextDouble())
    }
}

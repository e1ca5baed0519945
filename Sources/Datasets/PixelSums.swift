/// Exact sums over the bytes of images, by channel; they do not depend on the order of the images.
struct PixelSums: BitwiseCopyable {
    private(set) var count = SIMD4<UInt64>.zero
    private(set) var sum = SIMD4<UInt64>.zero
    private(set) var squares = SIMD4<UInt64>.zero

    /// Sums of squares stay below 2^63 for 2^47 pixels a channel, more than memory has addresses.
    mutating func add(_ pixels: UnsafePointer<UInt8>, _ shape: SampleShape) {
        let plane = shape.height &* shape.width
        for c in 0..<shape.channels {
            var (total, square): (UInt64, UInt64) = (0, 0)
            for i in c &* plane..<(c &+ 1) &* plane {
                let value = UInt64(pixels[i])
                total &+= value
                square &+= value &* value
            }
            count[c] &+= UInt64(truncatingIfNeeded: plane)
            sum[c] &+= total
            squares[c] &+= square
        }
    }

    mutating func add(_ other: PixelSums) {
        count &+= other.count
        sum &+= other.sum
        squares &+= other.squares
    }

    /// Of `pixel / 255`, over all pixels of a channel.
    var statistics: ChannelStatistics {
        var result = ChannelStatistics()
        for c in 0..<4 where count[c] > 0 {
            let (n, total) = (Double(count[c]), Double(sum[c]))
            // In integers, so that equal pixels have a deviation of 0.
            let spread =
                UInt128(count[c]) * UInt128(squares[c]) - UInt128(sum[c]) * UInt128(sum[c])
            result.mean[c] = Float(total / n / 255)
            result.std[c] = Float(Double(spread).squareRoot() / n / 255)
        }
        return result
    }
}

/// Mean and standard deviation of `pixel / 255` by channel.
public struct ChannelStatistics: Sendable {
    public var mean = SIMD4<Float>.zero
    public var std = SIMD4<Float>.zero
}

import Runtime

/// Writes images as floats, changed as augmentation says, with scratch that one thread keeps.
///
/// Crops are resampled linearly to bytes, in integers, with weights of 11 bits; what a move leaves
/// free is byte 0.
struct MovedImage {
    private static let one: Int32 = 1 << 11

    /// What a column takes of a row: `one - weight` of `left` and `weight` of `next`.
    private struct Tap: BitwiseCopyable {
        var left: Int32
        var next: Int32
        var weight: Int32
    }

    private let shape: SampleShape
    private let taps: Buffer<Tap>
    private let row: Buffer<UInt8>

    init(_ shape: SampleShape) throws {
        self.shape = shape
        taps = try Buffer(count: shape.width)
        row = try Buffer(count: shape.width)
    }

    func write(
        _ pixels: UnsafePointer<UInt8>, _ move: ImageMove, _ normalization: Normalization,
        into x: UnsafeMutablePointer<Float>
    ) {
        let (height, width) = (shape.height, shape.width)
        let plane = height &* width
        let isWhole = move.width == width && move.height == height
        if !isWhole {
            for x in 0..<width { taps.pointer[x] = Self.tap(x, source: move.width, target: width) }
        }
        let (low, high) = (max(0, move.dx), min(width, width &+ move.dx))
        for c in 0..<shape.channels {
            let (scale, shift) = (normalization.scale[c], normalization.shift[c])
            let source = pixels + c &* plane
            for y in 0..<height {
                let out = x + (c &* plane &+ y &* width)
                var from = y &- move.dy
                guard from >= 0, from < height else {
                    out.update(repeating: shift, count: width)
                    continue
                }
                if move.isUpsideDown { from = height &- 1 &- from }
                let bytes = isWhole ? source + from &* width : cropped(source, move, row: from)
                out.update(repeating: shift, count: low)
                (out + high).update(repeating: shift, count: width &- high)
                if move.isMirrored {
                    let last = bytes + (width &- 1 &- (low &- move.dx))
                    for i in 0..<high &- low { out[low &+ i] = Float(last[-i]) * scale + shift }
                } else {
                    normalize(
                        bytes + (low &- move.dx), count: high &- low, scale: scale, shift: shift,
                        into: out + low)
                }
            }
        }
    }

    /// One row of the crop in the whole width.
    private func cropped(
        _ plane: UnsafePointer<UInt8>, _ move: ImageMove, row y: Int
    ) -> UnsafePointer<UInt8> {
        let tap = Self.tap(y, source: move.height, target: shape.height)
        let corner = plane + (move.y &* shape.width &+ move.x)
        let upper = corner + Int(tap.left) &* shape.width
        let lower = corner + Int(tap.next) &* shape.width
        let (taps, row) = (UnsafePointer(taps.pointer), row.pointer)
        for x in 0..<shape.width {
            let column = taps[x]
            let (left, next) = (Int(column.left), Int(column.next))
            let rest = Self.one &- column.weight
            let above = rest &* Int32(upper[left]) &+ column.weight &* Int32(upper[next])
            let below = rest &* Int32(lower[left]) &+ column.weight &* Int32(lower[next])
            // At most 255 * 2^22, and half of that unit.
            let sum = (Self.one &- tap.weight) &* above &+ tap.weight &* below
            row[x] = UInt8(truncatingIfNeeded: (sum &+ (1 << 21)) >> 22)
        }
        return UnsafePointer(row)
    }

    /// As `ImageResampler` places pixels: the centre of target pixel `x` lies at
    /// `(x + 1/2) source / target - 1/2`, held to the centres of the first and last.
    private static func tap(_ x: Int, source: Int, target: Int) -> Tap {
        let unit = 2 * target
        let position = min(max((2 * x + 1) * source - target, 0), (source - 1) * unit)
        let left = position / unit
        return Tap(
            left: Int32(truncatingIfNeeded: left),
            next: Int32(truncatingIfNeeded: min(left + 1, source - 1)),
            weight: Int32(truncatingIfNeeded: ((position % unit) * Int(one) + target) / unit))
    }
}

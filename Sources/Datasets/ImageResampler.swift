import Runtime

/// Brings one plane of bytes to another size, in exact integers, rounded half up.
///
/// With the axis scaled so that a source pixel is `target` long and a target pixel is `source`
/// long, all positions and weights are integers; the sums stay below 2^63 for
/// `ImageConfig.largestPixelCount`.
struct ImageResampler {
    let sourceWidth: Int
    let sourceHeight: Int
    let width: Int
    let height: Int
    private let columns: Buffer<Tap>
    private let sums: Buffer<Int>

    /// What a target position takes from a source axis: bilinear, `left` and its right neighbour
    /// with weight `right` of `2 * target`; area, the source pixels from `left` on.
    private struct Tap: BitwiseCopyable {
        var left: Int
        var right: Int
    }

    init(sourceWidth: Int, sourceHeight: Int, width: Int, height: Int) throws {
        self.sourceWidth = sourceWidth
        self.sourceHeight = sourceHeight
        self.width = width
        self.height = height
        columns = try Buffer(count: width)
        sums = try Buffer(count: width)
        for x in 0..<width {
            columns.pointer[x] = Self.tap(x, source: sourceWidth, target: width)
        }
    }

    func matches(sourceWidth: Int, sourceHeight: Int, width: Int, height: Int) -> Bool {
        self.sourceWidth == sourceWidth && self.sourceHeight == sourceHeight
            && self.width == width && self.height == height
    }

    func resample(
        _ source: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<UInt8>, method: Resampling
    ) {
        switch method {
        case .bilinear: resampleBilinear(source, into: out)
        case .area: resampleArea(source, into: out)
        }
    }

    /// The centre of target pixel `x` lies at `(x + 1/2) source / target - 1/2` source pixels, held
    /// to the centres of the first and last.
    private static func tap(_ x: Int, source: Int, target: Int) -> Tap {
        let unit = 2 * target
        let position = min(max((2 * x + 1) * source - target, 0), (source - 1) * unit)
        return Tap(left: position / unit, right: position % unit)
    }

    private func resampleBilinear(
        _ source: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<UInt8>
    ) {
        let columns = UnsafePointer(columns.pointer)
        let (unitX, unitY) = (2 * width, 2 * height)
        let total = unitX * unitY
        for y in 0..<height {
            let row = Self.tap(y, source: sourceHeight, target: height)
            let upper = source + row.left * sourceWidth
            let lower = row.right == 0 ? upper : upper + sourceWidth
            let target = out + y * width
            for x in 0..<width {
                let tap = columns[x]
                let next = tap.right == 0 ? tap.left : tap.left + 1
                let above =
                    (unitX - tap.right) * Int(upper[tap.left]) + tap.right * Int(upper[next])
                let below =
                    (unitX - tap.right) * Int(lower[tap.left]) + tap.right * Int(lower[next])
                let sum = (unitY - row.right) * above + row.right * below
                target[x] = UInt8(truncatingIfNeeded: (sum + total / 2) / total)
            }
        }
    }

    /// Source pixel `i` covers `i * target ..< (i + 1) * target` of the scaled axis, target pixel
    /// `x` covers `x * source ..< (x + 1) * source`; the weight is the length that they share.
    private func resampleArea(
        _ source: UnsafePointer<UInt8>, into out: UnsafeMutablePointer<UInt8>
    ) {
        let sums = sums.pointer
        let total = sourceWidth * sourceHeight
        for y in 0..<height {
            let (top, bottom) = (y * sourceHeight, (y + 1) * sourceHeight)
            sums.update(repeating: 0, count: width)
            var row = top / height
            while row * height < bottom {
                let weight = min((row + 1) * height, bottom) - max(row * height, top)
                addRow(source + row * sourceWidth, weight: weight, to: sums)
                row += 1
            }
            for x in 0..<width {
                out[y * width + x] = UInt8(truncatingIfNeeded: (sums[x] + total / 2) / total)
            }
        }
    }

    private func addRow(
        _ row: UnsafePointer<UInt8>, weight: Int, to sums: UnsafeMutablePointer<Int>
    ) {
        var column = 0
        for x in 0..<width {
            let (left, right) = (x * sourceWidth, (x + 1) * sourceWidth)
            var sum = 0
            while column * width < right {
                let shared = min((column + 1) * width, right) - max(column * width, left)
                sum += shared * Int(row[column])
                // A column that reaches past this pixel is shared with the next.
                if (column + 1) * width > right { break }
                column += 1
            }
            sums[x] += weight * sum
        }
    }
}

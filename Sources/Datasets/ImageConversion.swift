import CShims

/// The integer formulas between stored samples and the bytes of a data set, as the header states
/// them.
enum ImageConversion {
    /// 16 bits to 8: the nearest value of `v / 257`.
    @inline(__always)
    static func reduce(_ v: Int) -> Int {
        (v * 255 + 32895) >> 16
    }

    /// A colour over the background under it.
    @inline(__always)
    static func composite(_ c: Int, alpha: Int, over background: Int) -> Int {
        (alpha * c + (255 - alpha) * background + 127) / 255
    }

    @inline(__always)
    static func grey(_ r: Int, _ g: Int, _ b: Int) -> Int {
        (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
    }

    /// Turns one row of stored samples into 8-bit R G B A; gives the palette index that is past the
    /// palette, or
    /// -1 where all is well.
    static func expand(
        _ row: UnsafePointer<UInt8>, count: Int, of image: UnsafePointer<shim_png>,
        into out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        if image.pointee.palette_count > 0 {
            return expandPalette(row, count: count, of: image, into: out)
        }
        switch (Int(image.pointee.channels), Int(image.pointee.bit_depth)) {
        case (1, let depth): expandGrey(row, count: count, depth: depth, of: image, into: out)
        case (2, 8):
            for i in 0..<count {
                let v = row[2 * i]
                store(v, v, v, row[2 * i + 1], out + 4 * i)
            }
        case (2, _):
            for i in 0..<count {
                let v = UInt8(truncatingIfNeeded: reduce(wide(row, 2 * i)))
                let alpha = reduce(wide(row, 2 * i + 1))
                store(v, v, v, UInt8(truncatingIfNeeded: alpha), out + 4 * i)
            }
        case (3, let depth): expandColour(row, count: count, depth: depth, of: image, into: out)
        case (_, 8): out.update(from: row, count: 4 * count)
        default:
            for i in 0..<4 * count {
                out[i] = UInt8(truncatingIfNeeded: reduce(wide(row, i)))
            }
        }
        return -1
    }

    private static func expandPalette(
        _ row: UnsafePointer<UInt8>, count: Int, of image: UnsafePointer<shim_png>,
        into out: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let depth = Int(image.pointee.bit_depth)
        let colours = Int(image.pointee.palette_count)
        return withUnsafeBytes(of: image.pointee.palette) { palette in
            guard let palette = palette.bindMemory(to: UInt8.self).baseAddress else { return 0 }
            for i in 0..<count {
                let index = packed(row, i, depth: depth)
                guard index < colours else { return index }
                (out + 4 * i).update(from: palette + 4 * index, count: 4)
            }
            return -1
        }
    }

    private static func expandGrey(
        _ row: UnsafePointer<UInt8>, count: Int, depth: Int, of image: UnsafePointer<shim_png>,
        into out: UnsafeMutablePointer<UInt8>
    ) {
        // No stored value is -1.
        let clear = image.pointee.has_transparency != 0 ? Int(image.pointee.transparent.0) : -1
        // 255, 85, 17, 1: 2^depth - 1 divides 255.
        let scale = depth < 16 ? 255 / ((1 << depth) - 1) : 1
        for i in 0..<count {
            let stored = depth == 16 ? wide(row, i) : packed(row, i, depth: depth)
            let v = UInt8(truncatingIfNeeded: depth == 16 ? reduce(stored) : stored * scale)
            store(v, v, v, stored == clear ? 0 : 255, out + 4 * i)
        }
    }

    private static func expandColour(
        _ row: UnsafePointer<UInt8>, count: Int, depth: Int, of image: UnsafePointer<shim_png>,
        into out: UnsafeMutablePointer<UInt8>
    ) {
        let transparent = image.pointee.transparent
        let keyed = image.pointee.has_transparency != 0
        let (clearR, clearG, clearB) = (
            Int(transparent.0), Int(transparent.1), Int(transparent.2)
        )
        for i in 0..<count {
            var r = depth == 16 ? wide(row, 3 * i) : Int(row[3 * i])
            var g = depth == 16 ? wide(row, 3 * i + 1) : Int(row[3 * i + 1])
            var b = depth == 16 ? wide(row, 3 * i + 2) : Int(row[3 * i + 2])
            let clear = keyed && r == clearR && g == clearG && b == clearB
            if depth == 16 { (r, g, b) = (reduce(r), reduce(g), reduce(b)) }
            store(
                UInt8(truncatingIfNeeded: r), UInt8(truncatingIfNeeded: g),
                UInt8(truncatingIfNeeded: b), clear ? 0 : 255, out + 4 * i)
        }
    }

    /// Writes `count` R G B A pixels, each `step` apart, to the planes of an image of `channels`
    /// channels.
    static func store(
        _ pixels: UnsafePointer<UInt8>, count: Int, channels: Int,
        background: SIMD4<Int>, into out: UnsafeMutablePointer<UInt8>, plane: Int, step: Int
    ) {
        if channels == 4 {
            for i in 0..<count {
                out[i * step] = pixels[4 * i]
                out[i * step + plane] = pixels[4 * i + 1]
                out[i * step + 2 * plane] = pixels[4 * i + 2]
                out[i * step + 3 * plane] = pixels[4 * i + 3]
            }
            return
        }
        for i in 0..<count {
            let alpha = Int(pixels[4 * i + 3])
            var r = Int(pixels[4 * i])
            var g = Int(pixels[4 * i + 1])
            var b = Int(pixels[4 * i + 2])
            if alpha != 255 {
                r = composite(r, alpha: alpha, over: background[0])
                g = composite(g, alpha: alpha, over: background[1])
                b = composite(b, alpha: alpha, over: background[2])
            }
            if channels == 1 {
                out[i * step] = UInt8(truncatingIfNeeded: grey(r, g, b))
            } else {
                out[i * step] = UInt8(truncatingIfNeeded: r)
                out[i * step + plane] = UInt8(truncatingIfNeeded: g)
                out[i * step + 2 * plane] = UInt8(truncatingIfNeeded: b)
            }
        }
    }

    /// Interleaved bytes of 3 or 4 channels to planes.
    static func separate(
        _ row: UnsafePointer<UInt8>, count: Int, channels: Int,
        into out: UnsafeMutablePointer<UInt8>, plane: Int
    ) {
        let (second, third, fourth) = (out + plane, out + 2 &* plane, out + 3 &* plane)
        if channels == 3 {
            for i in 0..<count {
                out[i] = row[3 &* i]
                second[i] = row[3 &* i &+ 1]
                third[i] = row[3 &* i &+ 2]
            }
        } else {
            for i in 0..<count {
                out[i] = row[4 &* i]
                second[i] = row[4 &* i &+ 1]
                third[i] = row[4 &* i &+ 2]
                fourth[i] = row[4 &* i &+ 3]
            }
        }
    }

    /// Big-endian sample `i` of 16 bits.
    @inline(__always)
    private static func wide(_ row: UnsafePointer<UInt8>, _ i: Int) -> Int {
        Int(row[2 * i]) << 8 | Int(row[2 * i + 1])
    }

    /// Sample `i` of 1, 2, 4 or 8 bits; the first pixel is in the high bits.
    @inline(__always)
    private static func packed(_ row: UnsafePointer<UInt8>, _ i: Int, depth: Int) -> Int {
        if depth == 8 { return Int(row[i]) }
        let bit = i &* depth
        return (Int(row[bit >> 3]) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
    }

    @inline(__always)
    private static func store(
        _ r: UInt8, _ g: UInt8, _ b: UInt8, _ a: UInt8, _ out: UnsafeMutablePointer<UInt8>
    ) {
        out[0] = r
        out[1] = g
        out[2] = b
        out[3] = a
    }
}

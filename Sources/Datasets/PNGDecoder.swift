import CShims
import Files
import Glibc
import Runtime

/// Decodes PNG files to planes of bytes, one file after another, in memory that it keeps between
/// files.
///
/// One decoder belongs to one thread at a time.
final class PNGDecoder {
    private static let inputCapacity = 1 << 16

    private let options: ImageConfig
    private var limits: shim_png_limits
    private let input: Buffer<UInt8>
    private let state: Buffer<shim_png>

    // Scratch, grown to the widest row and largest image seen.
    private var row: Buffer<UInt8>
    private var pixels: Buffer<UInt8>
    private var canvas: Buffer<UInt8>
    private var resampler: ImageResampler?

    init(options: ImageConfig) throws {
        self.options = options
        limits = shim_png_limits(
            max_width: UInt32(clamping: options.maxWidth),
            max_height: UInt32(clamping: options.maxHeight),
            max_pixels: UInt64(clamping: options.maxPixels),
            max_chunk_bytes: UInt64(clamping: options.maxChunkBytes))
        input = try Buffer(count: Self.inputCapacity)
        state = try Buffer(repeating: shim_png(), count: 1)
        row = try Buffer(count: 0)
        pixels = try Buffer(count: 0)
        canvas = try Buffer(count: 0)
    }

    private var image: UnsafeMutablePointer<shim_png> { state.pointer }

    /// Reads a file's header and gives what images become when this one is the first.
    func target(path: UnsafePointer<CChar>, suspicious: Bool) throws(FileFailure) -> ImageTarget {
        let file = try SystemFile(path: path, suspicious: suspicious)
        defer { shim_png_end(image) }
        try begin(file)
        return targetOfThis()
    }

    /// Decodes a file into `out`, which holds `target.shape.count` bytes; what is in it after a
    /// failure has no meaning.
    func decode(
        path: UnsafePointer<CChar>, suspicious: Bool, target: ImageTarget,
        into out: UnsafeMutablePointer<UInt8>
    ) throws(FileFailure) {
        let file = try SystemFile(path: path, suspicious: suspicious)
        defer { shim_png_end(image) }
        try begin(file)
        try read(target: target, into: out)
    }

    /// Decodes the first file of a set, which decides what all become: `prepare` gets that before a
    /// row is read.
    func decodeFirst(
        path: UnsafePointer<CChar>, suspicious: Bool,
        prepare: (SampleShape) throws -> Void = { _ in }
    ) throws(FileFailure) -> (ImageTarget, Buffer<UInt8>) {
        let file = try SystemFile(path: path, suspicious: suspicious)
        defer { shim_png_end(image) }
        try begin(file)
        let target = targetOfThis()
        let out: Buffer<UInt8>
        do {
            try prepare(target.shape)
            out = try Buffer(count: sampleBytes(target.shape))
        } catch { throw FileFailure(error) }
        try read(target: target, into: out.pointer)
        return (target, out)
    }

    private func begin(_ file: borrowing SystemFile) throws(FileFailure) {
        image.pointee.file = file.descriptor
        image.pointee.file_size = UInt64(clamping: file.size)
        image.pointee.input = input.pointer
        image.pointee.input_capacity = input.count
        image.pointee.input_count = 0
        guard shim_png_begin(image, &limits) == 0 else { throw failure() }
    }

    private func failure() -> FileFailure {
        if image.pointee.out_of_memory != 0 {
            return FileFailure(.outOfMemory, "libpng found no memory", endsAll: true)
        }
        if image.pointee.system_error != 0 {
            return FileFailure(systemError: image.pointee.system_error)
        }
        let text = withUnsafeBytes(of: &image.pointee.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return FileFailure(.format, text)
    }

    private func targetOfThis() -> ImageTarget {
        let image = image.pointee
        let hasAlpha = image.has_transparency != 0 || image.channels == 2 || image.channels == 4
        let isColour = image.palette_count > 0 || image.channels >= 3
        let natural = hasAlpha ? 4 : isColour ? 3 : 1
        let shape = SampleShape(
            channels: options.channels == 0 ? natural : options.channels,
            height: options.isResampling ? options.height : Int(image.height),
            width: options.isResampling ? options.width : Int(image.width))
        return ImageTarget(
            shape: shape, resampling: options.isResampling ? options.resampling : nil,
            background: SIMD4(
                options.background.0, options.background.1, options.background.2, 0))
    }

    private func read(
        target: ImageTarget, into out: UnsafeMutablePointer<UInt8>
    ) throws(FileFailure) {
        let shape = target.shape
        let (width, height) = (Int(image.pointee.width), Int(image.pointee.height))
        if let method = target.resampling, width != shape.width || height != shape.height {
            try resample(target, method, into: out)
        } else {
            guard width == shape.width, height == shape.height else {
                throw FileFailure(
                    .format,
                    "its height is \(height) and its width \(width), but the first image has height "
                        + "\(shape.height) and width \(shape.width); set height and width to bring "
                        + "all to one size")
            }
            try readPlanes(target, into: out)
        }
        guard shim_png_finish(image) == 0 else { throw failure() }
    }

    private func resample(
        _ target: ImageTarget, _ method: Resampling, into out: UnsafeMutablePointer<UInt8>
    ) throws(FileFailure) {
        let (width, height) = (Int(image.pointee.width), Int(image.pointee.height))
        let shape = target.shape
        let own = SampleShape(channels: shape.channels, height: height, width: width)
        let resampler: ImageResampler
        do {
            let bytes = try sampleBytes(own)
            if canvas.count < bytes { canvas = try Buffer(count: bytes) }
            if let last = self.resampler,
                last.matches(
                    sourceWidth: width, sourceHeight: height, width: shape.width,
                    height: shape.height)
            {
                resampler = last
            } else {
                resampler = try ImageResampler(
                    sourceWidth: width, sourceHeight: height, width: shape.width,
                    height: shape.height)
                self.resampler = resampler
            }
        } catch { throw FileFailure(error) }
        try readPlanes(target, into: canvas.pointer)
        for c in 0..<shape.channels {
            resampler.resample(
                canvas.pointer + c * width * height,
                into: out + c * shape.width * shape.height, method: method)
        }
    }

    /// Reads the rows into the planes of an image in its own size.
    private func readPlanes(
        _ target: ImageTarget, into out: UnsafeMutablePointer<UInt8>
    ) throws(FileFailure) {
        let (width, height) = (Int(image.pointee.width), Int(image.pointee.height))
        let stored = Int(image.pointee.channels)
        let channels = target.shape.channels
        let isPlain =
            image.pointee.bit_depth == 8 && image.pointee.palette_count == 0
            && image.pointee.has_transparency == 0 && image.pointee.interlaced == 0
            && stored == channels
        if isPlain && channels == 1 {
            guard shim_png_read_rows(image, out, width, UInt32(clamping: height)) == 0 else {
                throw failure()
            }
            return
        }
        do {
            // Widths are below 2^31 and a pixel has at most 8 bytes.
            if row.count < width * 8 { row = try Buffer(repeating: 0, count: width * 8) }
            if pixels.count < width * 4 { pixels = try Buffer(count: width * 4) }
        } catch { throw FileFailure(error) }
        if isPlain {
            for y in 0..<height {
                guard shim_png_read_rows(image, row.pointer, 0, 1) == 0 else { throw failure() }
                ImageConversion.separate(
                    row.pointer, count: width, channels: channels, into: out + y * width,
                    plane: width * height)
            }
        } else if image.pointee.interlaced == 0 {
            for y in 0..<height {
                try readRow(count: width, target, into: out + y * width, step: 1)
            }
        } else {
            try readPasses(target, into: out)
        }
    }

    /// The seven reduced images of an interlaced file: first column and row, and the steps between
    /// them.
    private static let passes: [(x: Int, y: Int, stepX: Int, stepY: Int)] = [
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]

    private func readPasses(
        _ target: ImageTarget, into out: UnsafeMutablePointer<UInt8>
    ) throws(FileFailure) {
        let (width, height) = (Int(image.pointee.width), Int(image.pointee.height))
        for pass in Self.passes where pass.x < width {
            let count = (width - pass.x + pass.stepX - 1) / pass.stepX
            for y in stride(from: pass.y, to: height, by: pass.stepY) {
                try readRow(
                    count: count, target, into: out + y * width + pass.x, step: pass.stepX)
            }
        }
    }

    private func readRow(
        count: Int, _ target: ImageTarget, into out: UnsafeMutablePointer<UInt8>, step: Int
    ) throws(FileFailure) {
        guard shim_png_read_rows(image, row.pointer, 0, 1) == 0 else { throw failure() }
        let bad = ImageConversion.expand(
            row.pointer, count: count, of: image, into: pixels.pointer)
        guard bad < 0 else {
            throw FileFailure(
                .format,
                "palette index \(bad) is past the palette of "
                    + "\(image.pointee.palette_count) colours")
        }
        ImageConversion.store(
            pixels.pointer, count: count, channels: target.shape.channels,
            background: target.background, into: out,
            plane: Int(image.pointee.width) * Int(image.pointee.height), step: step)
    }
}

/// Bytes of one sample, or an error where the product has no place in an `Int`.
func sampleBytes(_ shape: SampleShape) throws -> Int {
    try Memory.product(Memory.product(shape.channels, shape.height), shape.width)
}

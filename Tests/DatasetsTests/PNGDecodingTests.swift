import Datasets
import Foundation
import Runtime
import XCTest

/// Every colour type, depth and interlacing against the stored samples that the Python script wrote
/// beside the files, through the formulas of the header written down once more here.
final class PNGDecodingTests: XCTestCase {
    private struct Stored: Decodable {
        let width: Int
        let height: Int
        let depth: Int
        let colour: Int
        let palette: [Int]
        let alpha: [Int]
        let key: [Int]
        let samples: String

        var channels: Int { [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][colour] ?? 0 }
        var hasAlpha: Bool { colour >= 4 || !alpha.isEmpty || !key.isEmpty }
        var natural: Int { hasAlpha ? 4 : colour == 0 ? 1 : 3 }

        func eight(_ v: Int) -> Int {
            depth == 16 ? (v * 255 + 32895) / 65536 : v * 255 / ((1 << depth) - 1)
        }

        /// R G B A of every pixel.
        var pixels: [[Int]] {
            let characters = Array(samples)
            let numbers = stride(from: 0, to: characters.count, by: 4).compactMap {
                Int(String(characters[$0..<$0 + 4]), radix: 16)
            }
            return stride(from: 0, to: numbers.count, by: channels).map { start in
                let pixel = Array(numbers[start..<start + channels])
                let opacity = !key.isEmpty && pixel == key ? 0 : 255
                switch colour {
                case 0: return [eight(pixel[0]), eight(pixel[0]), eight(pixel[0]), opacity]
                case 2: return pixel.map(eight) + [opacity]
                case 3:
                    let index = pixel[0]
                    let opacity = index < alpha.count ? alpha[index] : 255
                    return Array(palette[3 * index..<3 * index + 3]) + [opacity]
                case 4:
                    let v = eight(pixel[0])
                    return [v, v, v, eight(pixel[1])]
                default: return pixel.map(eight)
                }
            }
        }

        func planes(channels: Int, background: [Int]) -> [UInt8] {
            let rows = pixels.map { pixel -> [Int] in
                if channels == 4 { return pixel }
                let over = (0..<3).map {
                    (pixel[3] * pixel[$0] + (255 - pixel[3]) * background[$0] + 127) / 255
                }
                if channels == 3 { return over }
                return [(19595 * over[0] + 38470 * over[1] + 7471 * over[2] + 32768) >> 16]
            }
            return (0..<channels).flatMap { c in rows.map { UInt8($0[c]) } }
        }
    }

    private func storedImages() throws -> [String: Stored] {
        let index = try Data(contentsOf: Fixture.good.appendingPathComponent("samples.json"))
        return try JSONDecoder().decode([String: Stored].self, from: index)
    }

    private func load(
        _ name: String, _ options: ImageConfig
    ) throws -> (shape: SampleShape, bytes: [UInt8]) {
        let path = Fixture.good.appendingPathComponent(name).path
        var shape: SampleShape?
        try Dataset.loadImage(path: path, options: options, pixels: nil, capacity: 0, shape: &shape)
        let asked = try XCTUnwrap(shape)
        var bytes = [UInt8](repeating: 7, count: asked.count)
        try Dataset.loadImage(
            path: path, options: options, pixels: &bytes, capacity: bytes.count, shape: &shape)
        XCTAssertEqual(shape, asked)
        return (asked, bytes)
    }

    func testEveryKindOfPNGGivesTheHeadersFormulasOfItsStoredSamples() throws {
        let images = try storedImages()
        XCTAssertGreaterThanOrEqual(images.count, 150)
        for (name, stored) in images {
            for channels in [0, 1, 3, 4] {
                var options = ImageConfig()
                options.channels = channels
                options.background = (10, 200, 90)
                let (shape, bytes) = try load(name, options)
                let wanted = channels == 0 ? stored.natural : channels
                XCTAssertEqual(
                    shape,
                    SampleShape(channels: wanted, height: stored.height, width: stored.width), name)
                XCTAssertEqual(
                    bytes, stored.planes(channels: wanted, background: [10, 200, 90]),
                    "\(name) to \(wanted) channels")
            }
        }
    }

    func testTransparencyDropsToBlackByDefault() throws {
        var options = ImageConfig()
        options.channels = 3
        let name = "rgba_8_13x9.png"
        let stored = try XCTUnwrap(storedImages()[name])
        XCTAssertEqual(
            try load(name, options).bytes, stored.planes(channels: 3, background: [0, 0, 0]))
    }

    func testLoadImageTellsTheShapeOfABufferThatIsTooSmallAndLeavesItAlone() {
        let path = Fixture.good.appendingPathComponent("rgb_8_5x3.png").path
        var bytes = [UInt8](repeating: 7, count: 44)
        var shape: SampleShape?
        let error = failure {
            try Dataset.loadImage(
                path: path, options: ImageConfig(), pixels: &bytes, capacity: 44, shape: &shape)
        }
        XCTAssertEqual(error.status, .bufferTooSmall)
        XCTAssertEqual(
            error.message,
            "the capacity is 44 bytes; channels x height x width = 3 x 3 x 5 needs 45")
        XCTAssertEqual(shape, SampleShape(channels: 3, height: 3, width: 5))
        XCTAssertEqual(bytes, [UInt8](repeating: 7, count: 44))
    }

    func testLoadImageRefusesNoBufferWithACapacity() {
        let path = Fixture.good.appendingPathComponent("rgb_8_5x3.png").path
        var shape: SampleShape?
        let error = failure {
            try Dataset.loadImage(
                path: path, options: ImageConfig(), pixels: nil, capacity: 9, shape: &shape)
        }
        XCTAssertEqual(error.message, "pixels is NULL, but its capacity is 9")
    }

    func testABadImageLeavesTheBufferAlone() {
        let path = Fixture.bad.appendingPathComponent("idat_short.png").path
        var bytes = [UInt8](repeating: 7, count: 64)
        var shape: SampleShape?
        let error = failure {
            try Dataset.loadImage(
                path: path, options: ImageConfig(), pixels: &bytes, capacity: 64, shape: &shape)
        }
        XCTAssertEqual(error.status, .format)
        XCTAssertEqual(bytes, [UInt8](repeating: 7, count: 64))
    }

    func testLimitsOfTheOptionsRefuseAnImageBeforeItIsRead() {
        let path = Fixture.good.appendingPathComponent("grey_8_13x9.png").path
        func message(_ change: (inout ImageConfig) -> Void) -> String {
            var options = ImageConfig()
            change(&options)
            var shape: SampleShape?
            return failure {
                try Dataset.loadImage(
                    path: path, options: options, pixels: nil, capacity: 0, shape: &shape)
            }.message
        }
        XCTAssert(
            message { $0.maxWidth = 12 }.hasSuffix(
                "13 x 9 pixels, but at most 12 x 65535 are allowed"))
        XCTAssert(
            message { $0.maxHeight = 8 }.hasSuffix(
                "13 x 9 pixels, but at most 65535 x 8 are allowed"))
        XCTAssert(
            message { $0.maxPixels = 116 }
                .hasSuffix("13 x 9 pixels, but at most 116 in all are allowed"))
    }

    func testALargeFileIsReadInPieces() throws {
        // 300 x 400 noise does not compress: the file is larger than the decoder's buffer.
        let folder = try TemporaryFolder()
        var generator = RandomGenerator(seed: 3)
        let pixels = (0..<300 * 400).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        try folder.write(storedPNG(pixels, width: 400, height: 300), as: "a/noise.png")
        let set = try Dataset.images(in: folder.path)
        XCTAssertEqual(set.bytes, pixels)
    }

    /// A grey image in stored (not compressed) deflate blocks.
    private func storedPNG(_ pixels: [UInt8], width: Int, height: Int) -> [UInt8] {
        var rows: [UInt8] = []
        for y in 0..<height { rows += [0] + pixels[y * width..<(y + 1) * width] }
        var stream: [UInt8] = [0x78, 0x01]
        for start in stride(from: 0, to: rows.count, by: 65535) {
            let block = rows[start..<min(start + 65535, rows.count)]
            let (low, high) = (UInt8(block.count & 255), UInt8(block.count >> 8))
            let isLast: UInt8 = start + 65535 >= rows.count ? 1 : 0
            stream += [isLast, low, high, ~low, ~high] + block
        }
        var (a, b) = (1, 0)
        for v in rows {
            a = (a + Int(v)) % 65521
            b = (b + a) % 65521
        }
        stream += big(b << 16 | a)
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
            + chunk("IHDR", big(width) + big(height) + [8, 0, 0, 0, 0]) + chunk("IDAT", stream)
            + chunk("IEND", [])
    }

    private func chunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(kind.utf8) + data
        var crc: UInt32 = ~0
        for v in body {
            crc ^= UInt32(v)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return big(data.count) + body + big(Int(~crc))
    }

    private func big(_ v: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(v >> $0 & 255) }
    }
}

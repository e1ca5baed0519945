import Datasets
import Foundation
import Runtime
import XCTest

/// Each file of Tests/data/bad is refused with its own reason.
final class BadImageTests: XCTestCase {
    private static let tooLarge = "65535 x 65535 are allowed"

    private let reasons: [String: String] = [
        "bad_adler": "IDAT: incorrect data check",
        "bad_colour_type": "Invalid color type in IHDR",
        "bad_compression_method": "Unknown compression method in IHDR",
        "bad_crc": "IDAT: CRC error",
        "bad_deflate": "IDAT: invalid block type",
        "bad_depth": "Invalid bit depth in IHDR",
        "bad_depth_for_colour": "Invalid color type/bit depth combination in IHDR",
        "bad_filter_method": "Invalid filter method in IHDR",
        "bad_header_crc": "IHDR: CRC error",
        "bad_interlace_method": "Unknown interlace method in IHDR",
        "bad_palette_crc": "PLTE: CRC error",
        "bad_row_filter": "bad adaptive filter value",
        "bad_zlib_header": "IDAT: unknown compression method",
        "bomb": "8000 x 8000 pixels cannot come out of a file of 102 bytes",
        "chunk_before_header": "the first chunk is not IHDR",
        "chunk_length_huge": "PNG unsigned integer out of range",
        "chunk_length_past_end": "the file ends too early",
        "chunk_name_bad": "[01][02][03][04]: invalid chunk type",
        "critical_chunk_unknown": "ABCD: unhandled critical chunk",
        "empty": "the file is empty",
        "end_missing": "the file ends too early",
        "end_truncated": "the file ends too early",
        "header_missing": "the first chunk is not IHDR",
        "header_too_short": "IHDR: invalid",
        "header_twice": "IHDR: out of place",
        "huge_dimensions": "2147483647 x 2147483647 pixels, but at most " + tooLarge,
        "huge_width": "65536 x 1 pixels, but at most " + tooLarge,
        "idat_after_last_row": "the image data go on after the last row",
        "idat_empty": "Not enough image data",
        "idat_missing": "IEND: out of place",
        "idat_short": "Not enough image data",
        "idat_truncated": "Not enough image data",
        "jpeg": "Not a PNG file",
        "negative_width": "4294967295 x 8 pixels, but at most " + tooLarge,
        "not_a_png": "Not a PNG file",
        "one_byte": "the file ends too early",
        "palette_after_data": "IDAT: Missing PLTE before IDAT",
        "palette_empty": "Invalid palette",
        "palette_index_out_of_range": "palette index 3 is past the palette of 3 colours",
        "palette_index_out_of_range_2_bit": "palette index 3 is past the palette of 3 colours",
        "palette_index_out_of_range_4_bit": "palette index 15 is past the palette of 3 colours",
        "palette_length_odd": "PLTE: invalid",
        "palette_missing": "IDAT: Missing PLTE before IDAT",
        "signature_only": "the file ends too early",
        "text_transfer": "PNG file corrupted by ASCII conversion",
        "too_many_pixels": "65535 x 65535 pixels, but at most 67108864 in all are allowed",
        "truncated": "the file ends too early",
        "truncated_header": "the file ends too early",
        "zero_height": "Image height is zero in IHDR",
        "zero_width": "Image width is zero in IHDR",
    ]

    func testEveryBadFileIsRefusedWithItsNameAndReason() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Fixture.bad.path)
            .filter { $0.hasSuffix(".png") }
        XCTAssertEqual(Set(files), Set(reasons.keys.map { $0 + ".png" }))
        var pixels = [UInt8](repeating: 0, count: 1 << 16)
        for (name, reason) in reasons {
            let path = Fixture.bad.appendingPathComponent(name + ".png").path
            var shape: SampleShape?
            let error = failure {
                try Dataset.loadImage(
                    path: path, options: ImageConfig(), pixels: &pixels, capacity: pixels.count,
                    shape: &shape)
            }
            XCTAssertEqual(error.status, .format, name)
            XCTAssertEqual(error.message, "image '\(path)': \(reason)", name)
        }
    }

    func testAFolderOfBadFilesAloneHasNoImage() throws {
        var options = ImageConfig()
        options.isFlat = true
        options.badImage = .skip
        let error = failure { try Dataset.images(in: Fixture.bad.path, options) }
        XCTAssertEqual(error.status, .format)
        XCTAssertEqual(
            error.message,
            "none of the \(reasons.count) images can be read; the first is "
                + "'\(Fixture.bad.path)/bad_adler.png': IDAT: incorrect data check")
    }

    /// The mixed folder of every kind that hosts meet, 5 x 3 as the first one but for size.png.
    private func mixedFolder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.add("grey_16_5x3.png", as: "a/16_bit.png")
        try folder.add("grey_8_interlaced_5x3.png", as: "a/interlaced.png")
        try folder.addHalf(of: "grey_8_5x3.png", as: "a/truncated.png")
        try folder.add("bad/empty.png", as: "b/empty.png")
        try folder.add("bad/not_a_png.png", as: "b/not_a_png.png")
        try folder.add("palette_8_5x3.png", as: "b/palette.png")
        try folder.add("rgba_8_5x3.png", as: "b/rgba.png")
        try folder.add("grey_8_13x9.png", as: "b/size.png")
        return folder
    }

    func testSkipLeavesOutBadFilesAndListsThem() throws {
        let folder = try mixedFolder()
        var options = ImageConfig()
        options.badImage = .skip
        let set = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(
            set.paths(below: folder.path),
            ["a/16_bit.png", "a/interlaced.png", "b/palette.png", "b/rgba.png"])
        XCTAssertEqual(set.labels, [0, 0, 1, 1])
        XCTAssertEqual(set.shape, SampleShape(channels: 1, height: 3, width: 5))
        XCTAssertEqual(
            set.skippedFiles.map { $0.path },
            ["a/truncated.png", "b/empty.png", "b/not_a_png.png", "b/size.png"].map(folder.path))
        XCTAssertEqual(
            set.skippedFiles.map { $0.reason },
            [
                "the file ends too early", "the file is empty", "Not a PNG file",
                "its height is 9 and its width 13, but the first image has height 3 and width 5; "
                    + "set height and width to bring all to one size",
            ])
        // The samples are those of the files named.
        for index in 0..<set.count {
            options.channels = 1
            var bytes = [UInt8](repeating: 0, count: 15)
            var shape: SampleShape?
            let path = try XCTUnwrap(set.samplePath(index))
            try Dataset.loadImage(
                path: path, options: options, pixels: &bytes, capacity: 15, shape: &shape)
            XCTAssertEqual(Array(set.bytes[15 * index..<15 * index + 15]), bytes)
        }
    }

    func testFailNamesTheFirstBadFileWhateverTheThreadCount() throws {
        let folder = try mixedFolder()
        defer { try? ThreadPool.shared.setThreadCount(0) }
        for threads in [1, 2, 7] {
            try ThreadPool.shared.setThreadCount(threads)
            let error = failure { try Dataset.images(in: folder.path) }
            XCTAssertEqual(error.status, .format)
            XCTAssertEqual(
                error.message,
                "image '\(folder.path("a/truncated.png"))': the file ends too early")
        }
    }

    func testSkipGivesTheSameSetForEveryThreadCount() throws {
        let folder = try TemporaryFolder()
        for i in 0..<300 {
            let name = String(format: "a/%03d.png", i)
            try folder.add(i % 3 == 1 ? "bad/bad_crc.png" : "grey_8_13x9.png", as: name)
        }
        try folder.add("bad/empty.png", as: "a/000a.png")
        defer { try? ThreadPool.shared.setThreadCount(0) }
        var options = ImageConfig()
        options.badImage = .skip
        for threads in [1, 2, 5] {
            try ThreadPool.shared.setThreadCount(threads)
            let set = try Dataset.images(in: folder.path, options)
            XCTAssertEqual(set.count, 200)
            XCTAssertEqual(set.skippedCount, 101)
            XCTAssertEqual(
                set.paths(below: folder.path),
                (0..<300).filter { $0 % 3 != 1 }.map { String(format: "a/%03d.png", $0) })
            let first = Array(set.bytes.prefix(117))
            XCTAssertEqual(set.bytes, Array(repeatElement(first, count: 200).joined()))
        }
    }

    func testTheFirstGoodFileDecidesTheShapeUnderSkip() throws {
        let folder = try TemporaryFolder()
        try folder.add("bad/idat_short.png", as: "a/0.png")
        try folder.add("rgb_8_5x3.png", as: "a/1.png")
        var options = ImageConfig()
        options.badImage = .skip
        let set = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(set.shape, SampleShape(channels: 3, height: 3, width: 5))
        XCTAssertEqual(set.count, 1)
        XCTAssertEqual(set.skippedCount, 1)
    }

    func testAMissingFileIsNotFound() {
        let error = failure {
            try withCStrings(["no such file.png"]) {
                try Dataset.fromImageFiles(paths: $0, count: 1, options: ImageConfig())
            }
        }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(error.message, "image 'no such file.png': No such file or directory")
    }

    func testAMessageIsCleanTextWhateverTheFileIsCalled() throws {
        let folder = try TemporaryFolder()
        let name =
            [UInt8](folder.path.utf8) + [0x2F, 0x61, 0xFF, 0x0A, 0x1B] + Array(".png\0".utf8)
        let error = name.withUnsafeBytes { bytes -> TeleportError in
            var path = bytes.bindMemory(to: CChar.self).baseAddress
            let descriptor = path.map { open($0, O_CREAT | O_WRONLY, 0o600) } ?? -1
            XCTAssertGreaterThanOrEqual(descriptor, 0)
            close(descriptor)
            return failure {
                try Dataset.fromImageFiles(paths: &path, count: 1, options: ImageConfig())
            }
        }
        XCTAssertEqual(
            error.message, "image '\(folder.path)/a\u{FFFD}\u{FFFD}\u{FFFD}.png': the file is empty"
        )
    }
}

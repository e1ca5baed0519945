import Datasets
import Runtime
import XCTest

/// Each option that has no meaning is refused by name, before any file is touched.
final class ImageConfigTests: XCTestCase {
    private func message(
        _ status: Status = .invalidArgument, _ change: (inout ImageConfig) throws -> Void
    ) -> String {
        let error = failure {
            var options = ImageConfig()
            try change(&options)
            return try Dataset.images(in: "no such folder", options)
        }
        XCTAssertEqual(error.status, status)
        return error.message
    }

    func testValuesOutOfRangeAreNamed() {
        XCTAssertEqual(message { $0.channels = 2 }, "channels is 2; it must be 0, 1, 3 or 4")
        XCTAssertEqual(
            message { $0.height = 5 }, "height is 5 and width is 0; both must be 0 or both set")
        XCTAssertEqual(
            message { ($0.height, $0.width) = (-1, 5) }, "height is -1; it must be 0 to 65535")
        XCTAssertEqual(
            message { ($0.height, $0.width) = (5, 65536) }, "width is 65536; it must be 0 to 65535")
        XCTAssertEqual(
            message { $0.background.0 = 256 }, "background[0] is 256; it must be 0 to 255")
        XCTAssertEqual(
            message { $0.background.1 = -1 }, "background[1] is -1; it must be 0 to 255")
        XCTAssertEqual(
            message { $0.background.2 = 999 }, "background[2] is 999; it must be 0 to 255")
        XCTAssertEqual(message { $0.maxWidth = 0 }, "max_width is 0; it must be 1 to 2147483647")
        XCTAssertEqual(message { $0.maxHeight = 0 }, "max_height is 0; it must be 1 to 2147483647")
        XCTAssertEqual(
            message { $0.maxPixels = 0 }, "max_pixels is 0; it must be 1 to 70368744177664")
        XCTAssertEqual(
            message { $0.maxChunkBytes = 0 },
            "max_chunk_bytes is 0; it must be 1 to 9223372036854775807")
    }

    func testMeanAndStdMustGiveFinitePixels() {
        XCTAssertEqual(
            message(.notFinite) { $0.mean.1 = .nan }, "mean[1] is nan; it must be finite")
        XCTAssertEqual(message { $0.std.2 = 0 }, "std[2] is 0.0; it must be positive and finite")
        XCTAssertEqual(
            message(.notFinite) { $0.std.3 = .infinity },
            "std[3] is inf; it must be positive and finite")
        XCTAssertEqual(
            message { $0.std.0 = .leastNonzeroMagnitude },
            "mean[0] is 0.0 and std[0] is 1e-45: pixels would not stay finite")
        XCTAssertEqual(
            message { ($0.mean.0, $0.std.0) = (3e38, 0.5) },
            "mean[0] is 3e+38 and std[0] is 0.5: pixels would not stay finite")
    }

    func testClassNamesAndTheirCountGoTogether() {
        XCTAssertEqual(
            message { try $0.setClassNames(nil, count: 2) },
            "class_count is 2 but class_names is NULL")
        withCStrings(["a"]) { names in
            XCTAssertEqual(
                message { try $0.setClassNames(names, count: 0) },
                "class_names is given but class_count is 0")
            XCTAssertEqual(
                message { try $0.setClassNames(names, count: -1) },
                "class_count is 18446744073709551615; it must be 0 to 16777216")
        }
        var none: UnsafePointer<CChar>?
        withUnsafePointer(to: &none) { names in
            XCTAssertEqual(
                message { try $0.setClassNames(names, count: 1) },
                "class_names[0] is NULL")
        }
    }

    func testDefaultsAreTheHeaders() {
        let options = ImageConfig()
        XCTAssertEqual(options.channels, 0)
        XCTAssertEqual(options.maxWidth, 65_535)
        XCTAssertEqual(options.maxHeight, 65_535)
        XCTAssertEqual(options.maxPixels, 1 << 26)
        XCTAssertEqual(options.maxChunkBytes, 8 << 20)
        XCTAssertEqual(options.badImage, .fail)
        XCTAssertEqual(options.std.3, 1)
    }
}

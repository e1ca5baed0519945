import Datasets
import Foundation
import Runtime
import XCTest

/// MNIST's own format: good files, and each way in which one can be bad.
final class IDXFileTests: XCTestCase {
    private let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]
    private let pixels: [UInt8] = [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6]
    private let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 2, 7, 3]

    // gzip of images + pixels, made with Python's gzip.compress(..., mtime=0).
    private let packed = "H4sIAAAAAAACA2Ng4GBmYGBggmJmBuO0mWf+MzIxs7CyAQDycsrpHAAAAA=="

    private func read(
        _ images: [UInt8], _ labels: [UInt8]? = nil, _ options: ImageConfig = ImageConfig()
    ) throws -> Dataset {
        let folder = try TemporaryFolder()
        try folder.write(images, as: "images")
        if let labels { try folder.write(labels, as: "labels") }
        return try Dataset.fromIDX(
            imagesPath: folder.path("images"),
            labelsPath: labels == nil ? nil : folder.path("labels"), options: options)
    }

    private func reason(_ images: [UInt8], _ labels: [UInt8]? = nil) -> String {
        let error = failure { try read(images, labels) }
        XCTAssertEqual(error.status, .format)
        return error.message.components(separatedBy: "': ").last ?? ""
    }

    func testImagesAndLabelsAreRead() throws {
        let set = try read(images + pixels, labels)
        XCTAssertEqual(set.shape, SampleShape(channels: 1, height: 2, width: 3))
        XCTAssertEqual(set.bytes, pixels)
        XCTAssertEqual(set.labels, [7, 3])
        XCTAssertEqual(set.classCount, 8)
        XCTAssertNil(set.className(0))
        XCTAssertNil(set.samplePath(0))
    }

    func testImagesAloneHaveNoLabels() throws {
        let set = try read(images + pixels)
        XCTAssertEqual(set.count, 2)
        XCTAssertFalse(set.hasLabels)
    }

    func testGzipGivesTheSame() throws {
        let data = try XCTUnwrap(Data(base64Encoded: packed))
        XCTAssertEqual(try read(Array(data)).bytes, pixels)
    }

    func testMeanStdAndClassNamesAreUsed() throws {
        try withCStrings((0..<10).map { "digit \($0)" }) { names in
            var options = ImageConfig()
            options.mean.0 = 0.5
            options.std.0 = 0.25
            try options.setClassNames(names, count: 10)
            let set = try read(images + pixels, labels, options)
            XCTAssertEqual(set.classCount, 10)
            XCTAssertEqual(set.className(7).map { String(cString: $0) }, "digit 7")
            XCTAssertEqual(set.values[0], -2)
            XCTAssertEqual(set.values[5], 2)
        }
    }

    func testALabelPastTheClassNamesIsNamed() throws {
        try withCStrings(["a", "b"]) { names in
            var options = ImageConfig()
            try options.setClassNames(names, count: 2)
            XCTAssertEqual(
                failure { try read(images + pixels, labels, options) }.message,
                "the label of sample 0 is 7, but there are 2 classes, 0 to 1")
        }
    }

    func testEveryDefectHasItsReason() throws {
        XCTAssertEqual(reason([]), "it ends within its magic number")
        XCTAssertEqual(reason(Array(images.prefix(10))), "it ends within its size of dimension 1")
        XCTAssertEqual(
            reason(images + pixels.dropLast()),
            "its header promises 12 bytes, but only 11 can follow")
        XCTAssertEqual(
            reason(images + pixels + [0]), "it goes on after the 12 bytes that its header promises")
        XCTAssertEqual(
            reason(labels), "its magic number is 0x00000801, not 0x00000803 of images")
        XCTAssertEqual(
            reason(images + pixels, images + pixels),
            "its magic number is 0x00000803, not 0x00000801 of labels")
        XCTAssertEqual(reason([0, 0, 8, 3, 0, 0, 0, 0]), "dimension 0 is 0")
        let huge = [UInt8](repeating: 255, count: 12)
        XCTAssertEqual(reason([0, 0, 8, 3] + huge), "its sizes are too large")
        XCTAssertEqual(
            reason([0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 1, 0, 0, 0, 1, 0]),
            "its header promises 281474976645120 bytes, but only 0 can follow")
    }

    func testBrokenGzipIsNamed() throws {
        let whole = Array(try XCTUnwrap(Data(base64Encoded: packed)))
        XCTAssertEqual(reason(Array(whole.dropLast(12))), "its gzip data ends too early")
        XCTAssertEqual(reason(Array(whole.dropLast(1))), "its gzip data ends too early")
        var broken = whole
        broken[whole.count - 6] ^= 1
        XCTAssertEqual(reason(broken), "its gzip data is broken: incorrect data check")
        broken = whole
        broken[10] = 7
        XCTAssertEqual(reason(broken), "its gzip data is broken: invalid block type")
        XCTAssertEqual(
            reason(whole + whole), "it goes on after the 12 bytes that its header promises")
        XCTAssertEqual(
            reason(whole + [1, 2, 3]), "its gzip data is broken: incorrect header check")
    }

    func testCountsMustAgree() {
        let error = failure { try read(images + pixels, [0, 0, 8, 1, 0, 0, 0, 1, 7]) }
        XCTAssertEqual(error.status, .shapeMismatch)
        XCTAssert(error.message.contains("images' has 2 images, but "), error.message)
        XCTAssert(error.message.hasSuffix("labels' has 1 labels"), error.message)
    }

    func testAMissingFileIsNotFound() {
        let error = failure {
            try Dataset.fromIDX(
                imagesPath: "no such file", labelsPath: nil, options: ImageConfig())
        }
        XCTAssertEqual(error.status, .notFound)
        XCTAssertEqual(error.message, "IDX file 'no such file': No such file or directory")
    }
}

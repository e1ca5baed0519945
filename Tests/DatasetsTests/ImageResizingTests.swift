import Datasets
import Foundation
import Runtime
import XCTest

/// Resampling against slow formulas of another form.
final class ImageResizingTests: XCTestCase {
    private let sizes = [(1, 1), (2, 2), (9, 13), (5, 7), (18, 26), (27, 13), (9, 3), (31, 40)]

    private func load(
        _ name: String, height: Int, width: Int, _ method: Resampling, channels: Int = 0
    ) throws -> [UInt8] {
        var options = ImageConfig()
        options.height = height
        options.width = width
        options.channels = channels
        options.resampling = method
        let path = Fixture.good.appendingPathComponent(name).path
        var shape: SampleShape?
        var bytes = [UInt8](repeating: 0, count: 4 * height * width)
        try Dataset.loadImage(
            path: path, options: options, pixels: &bytes, capacity: bytes.count, shape: &shape)
        let found = try XCTUnwrap(shape)
        XCTAssertEqual([found.height, found.width], [height, width])
        return Array(bytes.prefix(found.count))
    }

    private func original(_ name: String) throws -> [UInt8] {
        try load(name, height: 9, width: 13, .bilinear)
    }

    func testBilinearIsTheTextbookFormula() throws {
        for name in ["grey_8_13x9.png", "rgb_8_13x9.png", "rgba_16_interlaced_13x9.png"] {
            let source = try original(name)
            for (height, width) in sizes {
                let result = try load(name, height: height, width: width, .bilinear)
                for i in 0..<result.count {
                    let (c, y, x) = (i / (height * width), i / width % height, i % width)
                    let fy = min(max((Double(y) + 0.5) * 9 / Double(height) - 0.5, 0), 8)
                    let fx = min(max((Double(x) + 0.5) * 13 / Double(width) - 0.5, 0), 12)
                    func at(_ y: Int, _ x: Int) -> Double {
                        Double(source[c * 117 + min(y, 8) * 13 + min(x, 12)])
                    }
                    let (y0, x0) = (Int(fy), Int(fx))
                    let (dy, dx) = (fy - Double(y0), fx - Double(x0))
                    let exact =
                        (1 - dy) * ((1 - dx) * at(y0, x0) + dx * at(y0, x0 + 1))
                        + dy * ((1 - dx) * at(y0 + 1, x0) + dx * at(y0 + 1, x0 + 1))
                    XCTAssertLessThanOrEqual(abs(Double(result[i]) - exact), 0.5 + 1e-9)
                }
            }
        }
    }

    func testAreaIsTheMeanOfAFinerGrid() throws {
        for name in ["grey_8_13x9.png", "rgba_8_13x9.png"] {
            let source = try original(name)
            for (height, width) in sizes {
                let result = try load(name, height: height, width: width, .area)
                // On a grid of 9 * height by 13 * width points every pixel of both images is a
                // block.
                for i in 0..<result.count {
                    let (c, y, x) = (i / (height * width), i / width % height, i % width)
                    var sum = 0
                    for gy in y * 9..<(y + 1) * 9 {
                        for gx in x * 13..<(x + 1) * 13 {
                            sum += Int(source[c * 117 + gy / height * 13 + gx / width])
                        }
                    }
                    XCTAssertEqual(Int(result[i]), (2 * sum + 117) / 234)
                }
            }
        }
    }

    func testTheSameSizeChangesNothing() throws {
        let path = Fixture.good.appendingPathComponent("rgb_16_13x9.png").path
        var shape: SampleShape?
        var bytes = [UInt8](repeating: 0, count: 351)
        try Dataset.loadImage(
            path: path, options: ImageConfig(), pixels: &bytes, capacity: 351, shape: &shape)
        XCTAssertEqual(try load("rgb_16_13x9.png", height: 9, width: 13, .bilinear), bytes)
        XCTAssertEqual(try load("rgb_16_13x9.png", height: 9, width: 13, .area), bytes)
    }

    func testImagesOfAllSizesBecomeOneSet() throws {
        let folder = try TemporaryFolder()
        try folder.add("grey_8_1x1.png", as: "a/1.png")
        try folder.add("grey_8_5x3.png", as: "a/2.png")
        try folder.add("rgb_8_13x9.png", as: "a/3.png")
        try folder.add("grey_8_13x9.png", as: "a/4.png")
        var options = ImageConfig()
        (options.height, options.width) = (4, 6)
        let set = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(set.shape, SampleShape(channels: 1, height: 4, width: 6))
        var expected: [UInt8] = []
        for name in ["grey_8_1x1.png", "grey_8_5x3.png", "rgb_8_13x9.png", "grey_8_13x9.png"] {
            expected += try load(name, height: 4, width: 6, .bilinear, channels: 1)
        }
        XCTAssertEqual(set.bytes, expected)
    }
}

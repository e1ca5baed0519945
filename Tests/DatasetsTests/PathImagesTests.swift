import Datasets
import Foundation
import Runtime
import XCTest

/// Images that are read when they are drawn: what is kept, what is decoded ahead, which file an
/// error names.
final class PathImagesTests: XCTestCase {
    private func options(_ images: Int) -> ImageConfig {
        var options = ImageConfig()
        options.keep = .paths
        options.channels = 1
        (options.height, options.width) = (4, 4)
        options.keptBytes = images * 16
        return options
    }

    private func folder(_ count: Int) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for i in 0..<count {
            let names = ["grey_8_5x3.png", "rgb_8_13x9.png", "rgba_8_13x9.png"]
            try folder.add(names[i % 3], as: String(format: "a/%03d.png", i))
        }
        return folder
    }

    /// Batch after batch, in an order and again, with every amount of memory.
    func testBatchesReadAheadAreThoseOfPixels() throws {
        let folder = try folder(50)
        var plain = options(1)
        plain.keep = .pixels
        let expected = try Dataset.images(in: folder.path, plain).values
        let order = (0..<50).map { $0 * 7 % 50 }
        for images in [1, 5, 9, 30, 49, 50] {
            let set = try Dataset.images(in: folder.path, options(images))
            for batch in [1, 4, 16, 50] {
                let reader = try SampleReader(set, capacity: batch, readsAhead: true)
                var x = [Float](repeating: 0, count: batch * 16)
                for _ in 0..<2 {
                    for first in stride(from: 0, to: 50, by: batch) {
                        let count = min(batch, 50 - first)
                        try order.withUnsafeBufferPointer { order in
                            let start = try XCTUnwrap(order.baseAddress)
                            try reader.gather(
                                start + first, count: count, upcoming: 50 - first - count, x: &x,
                                labels: nil, targets: nil)
                        }
                        for i in 0..<count {
                            let sample = order[first + i] * 16
                            XCTAssertEqual(
                                Array(x[i * 16..<i * 16 + 16]),
                                Array(expected[sample..<sample + 16]))
                        }
                    }
                }
            }
        }
    }

    /// The first in the order of the draw, whichever thread comes to it first.
    func testTheFirstBadImageOfABatchIsNamed() throws {
        let folder = try folder(64)
        let set = try Dataset.images(in: folder.path, options(4))
        for name in ["010", "020", "030"] {
            try FileManager.default.removeItem(atPath: folder.path("a/\(name).png"))
        }
        let order = Array((0..<64).reversed())
        for threads in [1, 2, 8] {
            try ThreadPool.shared.setThreadCount(threads)
            let reader = try SampleReader(set, capacity: 64)
            var x = [Float](repeating: 0, count: 64 * 16)
            let error = failure {
                try reader.gather(order, count: 64, x: &x, labels: nil, targets: nil)
            }
            XCTAssertEqual(error.status, .notFound)
            XCTAssert(error.message.contains("a/030.png"), error.message)
        }
        try ThreadPool.shared.setThreadCount(0)
    }

    /// What a batch does not draw is no error, though it was to be decoded ahead.
    func testABadImageIsAnErrorOfItsOwnBatch() throws {
        let folder = try folder(40)
        let set = try Dataset.images(in: folder.path, options(20))
        try FileManager.default.removeItem(atPath: folder.path("a/025.png"))
        let reader = try SampleReader(set, capacity: 5, readsAhead: true)
        var x = [Float](repeating: 0, count: 5 * 16)
        let order = Array(0..<40)
        try order.withUnsafeBufferPointer { order in
            let start = try XCTUnwrap(order.baseAddress)
            for first in stride(from: 0, to: 40, by: 5) {
                let draw = {
                    try reader.gather(
                        start + first, count: 5, upcoming: 35 - first, x: &x, labels: nil,
                        targets: nil)
                }
                if first == 25 {
                    XCTAssert(failure(draw).message.contains("025.png"))
                } else {
                    XCTAssertNoThrow(try draw())
                }
            }
        }
    }
}

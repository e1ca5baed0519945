import Datasets
import Foundation
import Runtime
import XCTest

/// A lack of memory at any allocation is an error and nothing else.
final class DatasetFaultTests: XCTestCase {
    /// Runs `body` with the first, the second, ... allocation failing until none does, and gives
    /// what each failure said.
    private func failEachAllocation(
        _ body: () throws -> Void, file: StaticString = #filePath, line: UInt = #line
    ) -> [String] {
        var messages: [String] = []
        for count in 0..<10_000 {
            Memory.failAllocation(after: count)
            var caught: (any Error)?
            do { try body() } catch { caught = error }
            guard Memory.endAllocationFailure() else {
                XCTAssertNil(caught, file: file, line: line)
                return messages
            }
            messages.append((caught as? TeleportError)?.message ?? "")
            XCTAssertEqual(
                (caught as? TeleportError)?.status, .outOfMemory, "allocation \(count)", file: file,
                line: line)
        }
        XCTFail("allocations never end", file: file, line: line)
        return messages
    }

    func testEveryFailedAllocationOfAFolderIsOutOfMemory() throws {
        let folder = try TemporaryFolder()
        for i in 0..<40 { try folder.add("rgb_16_interlaced_13x9.png", as: "a/b/\(i).png") }
        try folder.add("grey_8_5x3.png", as: "c/1.png")
        try folder.add("bad/truncated.png", as: "c/2.png")
        for threads in [1, 2] {
            try ThreadPool.shared.setThreadCount(threads)
            var options = ImageConfig()
            options.badImage = .skip
            options.takesNestedClasses = true
            (options.height, options.width) = (6, 6)
            let messages = failEachAllocation {
                let set = try Dataset.images(in: folder.path, options)
                XCTAssertEqual(set.count, 41)
                XCTAssertEqual(set.skippedCount, 1)
            }
            XCTAssertGreaterThan(messages.count, 30)
            XCTAssert(messages.contains("no memory for 42 images of 3 x 6 x 6 bytes"))
        }
        try ThreadPool.shared.setThreadCount(0)
    }

    func testEveryFailedAllocationOfOtherSetsIsOutOfMemory() throws {
        let folder = try TemporaryFolder()
        try folder.write([0, 0, 8, 1, 0, 0, 0, 2, 7, 3], as: "labels")
        try folder.write(
            [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6], as: "images")
        let messages = failEachAllocation {
            let set = try Dataset.fromIDX(
                imagesPath: folder.path("images"), labelsPath: folder.path("labels"),
                options: ImageConfig())
            _ = try set.split(fraction: 0.5, stratified: true, seed: 1)
            _ = try Dataset.fromTargets(
                x: [1, 2], width: 1, targets: [3, 4], targetWidth: 1, count: 2)
            var bytes = [UInt8](repeating: 0, count: 1024)
            var shape: SampleShape?
            try Dataset.loadImage(
                path: Fixture.good.appendingPathComponent("rgba_8_13x9.png").path,
                options: ImageConfig(), pixels: &bytes, capacity: 1024, shape: &shape)
        }
        XCTAssertGreaterThan(messages.count, 15)
    }

    func testEveryFailedAllocationOfASetReadByPathIsOutOfMemory() throws {
        let folder = try TemporaryFolder()
        for i in 0..<12 { try folder.add("rgb_16_interlaced_13x9.png", as: "a/\(i).png") }
        try folder.add("grey_8_5x3.png", as: "c/1.png")
        try folder.add("bad/truncated.png", as: "c/2.png")
        var options = ImageConfig()
        options.badImage = .skip
        options.keep = .paths
        options.keptBytes = 5 * 3 * 6 * 6
        options.isMeasured = true
        (options.height, options.width) = (6, 6)
        var augmentation = Augmentation()
        augmentation.crop = 0.5
        let change = AugmentationDraw(augmentation, seed: 1, epoch: 2)
        let messages = failEachAllocation {
            let set = try Dataset.images(in: folder.path, options)
            let part = try set.subset([12, 0, 3], count: 3).shuffled(count: 2, seed: 1)
            var x = [Float](repeating: 0, count: 3 * 6 * 6 * 2)
            try SampleReader(part, capacity: 2, augments: true).gather(
                [1, 0], count: 2, change: change, x: &x, labels: nil, targets: nil)
            let summary = try set.summary()
            XCTAssert(summary.contains("(measured)"))
        }
        XCTAssertGreaterThan(messages.count, 30)
    }

    func testLackOfFileDescriptorsIsNoBadImage() throws {
        let folder = try TemporaryFolder()
        for i in 0..<20 { try folder.add("grey_8_5x3.png", as: "\(i).png") }
        let paths = (0..<20).map { folder.path("\($0).png") }
        var options = ImageConfig()
        options.badImage = .skip
        var old = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old)
        var none = rlimit(rlim_cur: 0, rlim_max: old.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &old) }
        let error = withCStrings(paths) { names in
            failure { try Dataset.fromImageFiles(paths: names, count: 20, options: options) }
        }
        XCTAssertEqual(error.status, .io)
        XCTAssertEqual(error.message, "image '\(paths[0])': Too many open files")
    }
}

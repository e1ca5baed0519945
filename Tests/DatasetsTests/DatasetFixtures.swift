import Datasets
import Foundation
import Runtime
import XCTest

/// Places and small helpers that the tests of this folder share.
enum Fixture {
    /// Tests/data beside this folder.
    static let data = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("data")
    static let good = data.appendingPathComponent("png")
    static let bad = data.appendingPathComponent("bad")
}

/// A folder that goes when the test is over.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("teleport-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        if (try? FileManager.default.removeItem(at: url)) != nil { return }
        // Foundation gives up on paths that are longer than PATH_MAX.
        let remove = Process()
        remove.executableURL = URL(fileURLWithPath: "/bin/rm")
        remove.arguments = ["-rf", url.path]
        if (try? remove.run()) != nil { remove.waitUntilExit() }
    }

    var path: String { url.path }

    func path(_ relative: String) -> String { url.appendingPathComponent(relative).path }

    func folder(_ relative: String) throws {
        try FileManager.default.createDirectory(
            atPath: path(relative), withIntermediateDirectories: true)
    }

    /// Copies a file of Tests/data/png, or of bad/ with the name "bad/...".
    func add(_ source: String, as relative: String) throws {
        let from =
            source.hasPrefix("bad/")
            ? Fixture.data.appendingPathComponent(source)
            : Fixture.good.appendingPathComponent(source)
        try folder((relative as NSString).deletingLastPathComponent)
        try FileManager.default.copyItem(atPath: from.path, toPath: path(relative))
    }

    func addHalf(of source: String, as relative: String) throws {
        let whole = try Data(contentsOf: Fixture.good.appendingPathComponent(source))
        try write(Array(whole.prefix(whole.count / 2)), as: relative)
    }

    func write(_ bytes: [UInt8], as relative: String) throws {
        try folder((relative as NSString).deletingLastPathComponent)
        try Data(bytes).write(to: url.appendingPathComponent(relative))
    }

    func link(_ relative: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: path(relative), withDestinationPath: target)
    }
}

/// Calls `body` with the names as a C array.
func withCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
) rethrows -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer($0) }
    return try body(pointers)
}

/// The error that `body` throws; the test fails when it throws none.
func failure<Value>(
    _ body: () throws -> Value, file: StaticString = #filePath, line: UInt = #line
) -> TeleportError {
    do {
        _ = try body()
        XCTFail("no error", file: file, line: line)
    } catch let error as TeleportError {
        return error
    } catch {
        XCTFail("another error: \(error)", file: file, line: line)
    }
    return TeleportError(.error, "")
}

extension Dataset {
    static func images(
        in folder: String, _ options: ImageConfig = ImageConfig(), progress: Progress? = nil
    ) throws -> Dataset {
        let set = try fromImageFolder(path: folder, options: options, progress: progress)
        return try XCTUnwrap(set)
    }

    var reader: SampleReader {
        get throws { try SampleReader(self, capacity: count) }
    }

    /// The values of all samples, as drawn.
    var values: [Float] {
        var x = [Float](repeating: -1, count: count * sampleWidth)
        try? reader.copy(first: 0, count: count, x: &x, labels: nil, targets: nil)
        return x
    }

    /// The bytes of all samples; for sets with mean 0 and std 1.
    var bytes: [UInt8] { values.map { UInt8(($0 * 255).rounded()) } }

    var labels: [Int32] {
        var labels = [Int32](repeating: -1, count: count)
        try? reader.copy(first: 0, count: count, x: nil, labels: &labels, targets: nil)
        return labels
    }

    var names: [String] { (0..<classCount).map { className($0).map { String(cString: $0) } ?? "" } }

    /// Paths below `folder`.
    func paths(below folder: String) -> [String] {
        (0..<count).map { index in
            let path = samplePath(index).map { String(cString: $0) } ?? ""
            return path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
        }
    }

    var skippedFiles: [(path: String, reason: String)] {
        (0..<skippedCount).compactMap { index in
            skipped(index).map { (String(cString: $0.path), String(cString: $0.reason)) }
        }
    }
}

import Datasets
import Runtime
import XCTest

/// Splits: sizes, order, classes, seeds.
final class DatasetSplitTests: XCTestCase {
    /// Sample i has the value i.
    private func set(_ labels: [Int32]) throws -> Dataset {
        try Dataset.fromLabels(
            x: labels.indices.map { Float($0) }, width: 1, labels: labels, count: labels.count,
            classCount: 0)
    }

    private func counts(_ set: Dataset) -> [Int] {
        (0..<set.classCount).map { label in set.labels.filter { Int($0) == label }.count }
    }

    func testThePartsAreTheWholeInOrder() throws {
        let source = try set((0..<100).map { Int32($0 % 3) })
        for stratified in [false, true] {
            let (first, second) = try source.split(fraction: 0.3, stratified: stratified, seed: 1)
            XCTAssertEqual(first.count, 70)
            XCTAssertEqual(second.count, 30)
            XCTAssertEqual(first.values, first.values.sorted())
            XCTAssertEqual(second.values, second.values.sorted())
            XCTAssertEqual((first.values + second.values).sorted(), source.values)
            for part in [first, second] {
                XCTAssertEqual(part.labels, part.values.map { Int32($0) % 3 })
                XCTAssertEqual(part.classCount, 3)
            }
        }
    }

    /// The first of 4, 9, 8, 7, 0, 5, ...: numbers of a program in C.
    func testTheSplitOfASeedIsThePinnedOne() throws {
        let source = try set([Int32](repeating: 0, count: 10))
        let second = try source.split(fraction: 0.5, stratified: false, seed: 5).1.values
        XCTAssertEqual(second, [0, 4, 7, 8, 9])
    }

    func testTheSeedDecides() throws {
        let source = try set([Int32](repeating: 0, count: 1000))
        let one = try source.split(fraction: 0.5, stratified: false, seed: 1).1.values
        XCTAssertEqual(try source.split(fraction: 0.5, stratified: false, seed: 1).1.values, one)
        XCTAssertNotEqual(try source.split(fraction: 0.5, stratified: false, seed: 2).1.values, one)
    }

    func testEverySampleIsAsLikelyAsAnyOther() throws {
        let source = try set([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
        for stratified in [false, true] {
            var chosen = [Int](repeating: 0, count: 10)
            for seed in 0..<4000 {
                let part = try source.split(
                    fraction: 0.4, stratified: stratified, seed: UInt64(seed)
                ).1
                for value in part.values { chosen[Int(value)] += 1 }
            }
            // 1,600 each; the deviation is 31.
            for count in chosen { XCTAssertLessThan(abs(count - 1600), 160) }
        }
    }

    func testAtLeastOneAndNotAll() throws {
        let source = try set([0, 1, 0])
        XCTAssertEqual(try source.split(fraction: 1e-9, stratified: false, seed: 0).1.count, 1)
        XCTAssertEqual(try source.split(fraction: 0.999, stratified: false, seed: 0).1.count, 2)
        XCTAssertEqual(try source.split(fraction: 0.5, stratified: true, seed: 0).1.count, 2)
    }

    func testStratifiedTakesTheFractionOfEveryClass() throws {
        var labels: [Int32] = []
        for (label, size) in [50, 30, 20].enumerated() {
            labels += [Int32](repeating: Int32(label), count: size)
        }
        let (first, second) = try set(labels).split(fraction: 0.1, stratified: true, seed: 3)
        XCTAssertEqual(counts(second), [5, 3, 2])
        XCTAssertEqual(counts(first), [45, 27, 18])
    }

    func testStratifiedRoundsByTheLargestRemainders() throws {
        // 5 of 12: shares 2.08, 1.67, 0.83, 0.42, and the two largest remainders give one more.
        let labels: [Int32] = [0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3]
        let (_, second) = try set(labels).split(fraction: 0.4, stratified: true, seed: 3)
        XCTAssertEqual(second.count, 5)
        XCTAssertEqual(counts(second), [2, 2, 1, 0])
        // Equal remainders: the first classes.
        let (_, even) = try set([0, 1, 2, 3, 4]).split(fraction: 0.4, stratified: true, seed: 3)
        XCTAssertEqual(counts(even), [1, 1, 0, 0, 0])
    }

    func testASplitOfASplitKeepsTheSource() throws {
        let source = try set((0..<40).map { Int32($0 % 2) })
        let half = try source.split(fraction: 0.5, stratified: true, seed: 9).1
        let (a, b) = try half.split(fraction: 0.25, stratified: true, seed: 9)
        XCTAssertEqual((a.values + b.values).sorted(), half.values)
        XCTAssertEqual(b.labels, b.values.map { Int32($0) % 2 })
        var drawn = [Float](repeating: 0, count: 2)
        try b.reader.gather([4, 1], count: 2, x: &drawn, labels: nil, targets: nil)
        XCTAssertEqual(drawn, [b.values[4], b.values[1]])
    }

    func testNamesAndPathsStayAndOutliveTheSource() throws {
        let folder = try TemporaryFolder()
        for i in 0..<6 { try folder.add("grey_8_5x3.png", as: "c\(i % 2)/\(i).png") }
        try folder.add("bad/empty.png", as: "c0/9.png")
        var options = ImageConfig()
        options.badImage = .skip
        var source: Dataset? = try Dataset.images(in: folder.path, options)
        XCTAssertEqual(source?.skippedCount, 1)
        let all = source?.paths(below: folder.path)
        let parts = try XCTUnwrap(source).split(fraction: 0.5, stratified: false, seed: 4)
        source = nil
        let paths = parts.0.paths(below: folder.path) + parts.1.paths(below: folder.path)
        XCTAssertEqual(paths.sorted(), all)
        XCTAssertEqual(parts.0.names, ["c0", "c1"])
        XCTAssertEqual(parts.0.skippedCount, 0)
        for part in [parts.0, parts.1] {
            XCTAssertEqual(
                part.paths(below: folder.path).map { $0.hasPrefix("c0/") ? 0 : 1 }, part.labels)
        }
    }

    func testTargetsAreSplitToo() throws {
        let source = try Dataset.fromTargets(
            x: [0, 1, 2, 3], width: 1, targets: [0, 10, 20, 30], targetWidth: 1, count: 4)
        let part = try source.split(fraction: 0.5, stratified: false, seed: 0).0
        var targets = [Float](repeating: 0, count: 2)
        try part.reader.copy(first: 0, count: 2, x: nil, labels: nil, targets: &targets)
        XCTAssertEqual(targets, part.values.map { $0 * 10 })
    }

    func testWhatCannotBeSplitIsRefused() throws {
        let source = try set([0, 1, 0])
        for fraction in [0, 1, -0.5, 2, .nan, .infinity] {
            let error = failure {
                try source.split(fraction: fraction, stratified: false, seed: 0)
            }
            XCTAssertEqual(error.status, fraction.isFinite ? .invalidArgument : .notFinite)
            XCTAssertEqual(
                error.message, "fraction is \(fraction); it must be above 0 and below 1")
        }
        XCTAssertEqual(
            failure { try set([0]).split(fraction: 0.5, stratified: false, seed: 0) }.message,
            "a set of 1 sample cannot be split in two")
        let unlabelled = try Dataset.fromTargets(
            x: [0, 1], width: 1, targets: [0, 1], targetWidth: 1, count: 2)
        let error = failure { try unlabelled.split(fraction: 0.5, stratified: true, seed: 0) }
        XCTAssertEqual(error.status, .unsupported)
        XCTAssertEqual(
            error.message, "a set without labels has no classes to stratify by")
    }
}

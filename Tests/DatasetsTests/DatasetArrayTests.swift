import Datasets
import Runtime
import XCTest

/// Sets made from the host's arrays, and what comes out of them.
final class DatasetArrayTests: XCTestCase {
    private let x: [Float] = [1, 2, 3, 4, 5, 6]
    private let rgb = SampleShape(channels: 3, height: 2, width: 5)

    func testLabelsComeBackAsGiven() throws {
        let set = try Dataset.fromLabels(
            x: x, width: 2, labels: [2, 0, 1], count: 3, classCount: 0)
        XCTAssertEqual(set.values, x)
        XCTAssertEqual(set.labels, [2, 0, 1])
        XCTAssertEqual(set.classCount, 3)
        XCTAssertEqual(set.shape, SampleShape(channels: 1, height: 1, width: 2))
        XCTAssertEqual(set.sampleWidth, 2)
        XCTAssertEqual(set.targetWidth, 0)
        XCTAssert(set.hasLabels)
    }

    func testTargetsComeBackAsGiven() throws {
        let set = try Dataset.fromTargets(
            x: x, width: 3, targets: [7, 8, 9, 10], targetWidth: 2, count: 2)
        var targets = [Float](repeating: 0, count: 4)
        try set.reader.copy(first: 0, count: 2, x: nil, labels: nil, targets: &targets)
        XCTAssertEqual(targets, [7, 8, 9, 10])
        XCTAssertEqual(set.targetWidth, 2)
        XCTAssertFalse(set.hasLabels)
        XCTAssertEqual(set.classCount, 0)
    }

    func testArraysAreCopied() throws {
        var own = x
        var labels: [Int32] = [0, 1, 0]
        let set = try Dataset.fromLabels(
            x: own, width: 2, labels: labels, count: 3, classCount: 2)
        own[0] = 99
        labels[0] = 1
        XCTAssertEqual(set.values, x)
        XCTAssertEqual(set.labels, [0, 1, 0])
    }

    func testValuesThatAreNotFiniteAreNamed() {
        for bad in [Float.nan, .infinity, -.infinity] {
            var own = x
            own[3] = bad
            let error = failure {
                try Dataset.fromLabels(
                    x: own, width: 2, labels: [0, 0, 0], count: 3, classCount: 1)
            }
            XCTAssertEqual(error.status, .notFinite)
            XCTAssertEqual(error.message, "x[1, 1] is \(bad)")
            let target = failure {
                try Dataset.fromTargets(x: x, width: 2, targets: own, targetWidth: 2, count: 3)
            }
            XCTAssertEqual(target.message, "targets[1, 1] is \(bad)")
        }
    }

    func testLabelsOutOfRangeAreNamed() {
        func message(_ labels: [Int32], _ classCount: Int) -> String {
            let error = failure {
                try Dataset.fromLabels(
                    x: x, width: 2, labels: labels, count: 3, classCount: classCount)
            }
            XCTAssertEqual(error.status, .invalidArgument)
            return error.message
        }
        XCTAssertEqual(message([0, -1, 0], 0), "the label of sample 1 is -1; labels count from 0")
        XCTAssertEqual(
            message([0, 1, 2], 2), "the label of sample 2 is 2, but there are 2 classes, 0 to 1")
        XCTAssertEqual(message([0, 0, 0], -1), "class_count is -1; it must be 0 to 16777216")
        XCTAssertEqual(
            message([0, .max, 0], 0),
            "the largest label is 2147483647; a data set has at most 16777216 classes")
    }

    func testEmptyAndOversizedArraysAreRefused() {
        XCTAssertEqual(
            failure {
                try Dataset.fromLabels(x: x, width: 2, labels: [0], count: 0, classCount: 1)
            }.message, "count is 0; a data set has at least 1 sample")
        XCTAssertEqual(
            failure {
                try Dataset.fromLabels(x: x, width: 0, labels: [0], count: 1, classCount: 1)
            }.message, "x has 0 values a sample; at least 1 is needed")
        XCTAssertEqual(
            failure {
                try Dataset.fromTargets(
                    x: x, width: 1, targets: x, targetWidth: -1, count: 1)
            }.message, "targets has -1 values a sample; at least 1 is needed")
        XCTAssertEqual(
            failure {
                try Dataset.fromLabels(x: x, width: .max, labels: [0, 0], count: 2, classCount: 1)
            }.status, .outOfMemory)
        let large = SampleShape(channels: 4, height: .max, width: 2)
        XCTAssertEqual(
            failure {
                try Dataset.fromPixels(
                    [0], shape: large, labels: nil, count: 1, options: ImageConfig())
            }.status, .outOfMemory)
    }

    func testPixelsAreNormalizedForEachChannel() throws {
        let pixels = (0..<60).map { UInt8($0 * 4) }
        var options = ImageConfig()
        options.mean = (0.25, 0.5, 0.75, 9)
        options.std = (0.5, 0.25, 2, 9)
        let set = try Dataset.fromPixels(
            pixels, shape: rgb, labels: [1, 0], count: 2, options: options)
        let mean: [Double] = [0.25, 0.5, 0.75]
        let std: [Double] = [0.5, 0.25, 2]
        for (i, value) in set.values.enumerated() {
            let c = i % 30 / 10
            XCTAssertEqual(
                Double(value), (Double(pixels[i]) / 255 - mean[c]) / std[c], accuracy: 1e-6)
            // To the bit: two roundings, no fused multiply-add.
            let scaled = Float(pixels[i]) * Float(1 / (255 * std[c]))
            XCTAssertEqual(value, scaled + Float(-mean[c] / std[c]))
        }
    }

    func testEveryByteKeepsItsPlaceBetweenZeroAndOne() throws {
        let pixels = (0..<256).map { UInt8($0) }
        let set = try Dataset.fromPixels(
            pixels, shape: SampleShape(channels: 1, height: 16, width: 16), labels: nil, count: 1,
            options: ImageConfig())
        let values = set.values
        XCTAssertEqual(values[0], 0)
        XCTAssertEqual(values[0].sign, .plus)
        XCTAssertEqual(values[255], 1)
        for i in 0..<256 { XCTAssertEqual(values[i], Float(i) / 255, accuracy: 1e-7) }
    }

    func testGatherTakesAnyOrderAndRepeats() throws {
        var generator = RandomGenerator(seed: 5)
        let pixels = (0..<50 * 30).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let labels = (0..<50).map { Int32($0 % 7) }
        let set = try Dataset.fromPixels(
            pixels, shape: rgb, labels: labels, count: 50, options: ImageConfig())
        let all = set.values
        let positions = [49, 0, 7, 7, 23]
        var drawn = [Float](repeating: 0, count: 5 * 30)
        var drawnLabels = [Int32](repeating: 0, count: 5)
        try set.reader.gather(positions, count: 5, x: &drawn, labels: &drawnLabels, targets: nil)
        for (row, position) in positions.enumerated() {
            XCTAssertEqual(
                Array(drawn[30 * row..<30 * row + 30]),
                Array(all[30 * position..<30 * position + 30]))
            XCTAssertEqual(drawnLabels[row], labels[position])
        }
        var range = [Float](repeating: 0, count: 60)
        try set.reader.copy(first: 48, count: 2, x: &range, labels: nil, targets: nil)
        XCTAssertEqual(range, Array(all[48 * 30..<50 * 30]))
    }

    func testGatherTakesFloatsAndTargets() throws {
        let set = try Dataset.fromTargets(
            x: x, width: 2, targets: [7, 8, 9], targetWidth: 1, count: 3)
        var drawn = [Float](repeating: 0, count: 4)
        var targets = [Float](repeating: 0, count: 2)
        try set.reader.gather([2, 0], count: 2, x: &drawn, labels: nil, targets: &targets)
        XCTAssertEqual(drawn, [5, 6, 1, 2])
        XCTAssertEqual(targets, [9, 7])
    }

    func testPixelShapesAreChecked() {
        func message(_ shape: SampleShape) -> String {
            failure {
                try Dataset.fromPixels(
                    [0], shape: shape, labels: nil, count: 1, options: ImageConfig())
            }.message
        }
        XCTAssertEqual(
            message(SampleShape(channels: 5, height: 1, width: 1)),
            "shape has 5 channels; an image has 1 to 4")
        XCTAssertEqual(
            message(SampleShape(channels: 1, height: 0, width: -1)),
            "shape is 0 x -1 pixels; both must be positive")
    }
}

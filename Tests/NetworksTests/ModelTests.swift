import Foundation
import Layers
import Runtime
import TestSupport
import XCTest

@testable import Networks

final class ModelTests: XCTestCase {
    private func failure(_ body: () throws -> Void) -> TeleportError? {
        do { try body() } catch { return error as? TeleportError }
        return nil
    }

    func testWidthsOutOfRangeAreRefused() throws {
        for widths in [[], [3], [Int](repeating: 2, count: 1_025)] {
            XCTAssertEqual(failure { _ = try Model(widths: widths) }?.status, .invalidArgument)
        }
        for bad in [0, -1, .min, Int(Int32.max) + 1, .max] {
            for place in 0..<3 {
                var widths = [3, 4, 2]
                widths[place] = bad
                let error = failure { _ = try Model(widths: widths) }
                XCTAssertEqual(error?.status, .invalidArgument)
                XCTAssert(error?.message.contains("width \(place) is \(bad)") ?? false)
            }
        }
        // Sizes that multiply past an Int, or past memory, one layer or the sum of them.
        let huge = Int(Int32.max)
        for widths in [[huge, huge], [huge, huge, huge, huge], [1, huge, huge]] {
            XCTAssertEqual(failure { _ = try Model(widths: widths) }?.status, .outOfMemory)
        }
        XCTAssertNil(failure { _ = try Model(widths: [Int](repeating: 1, count: 1_024)) })
    }

    func testSlopesOutOfRangeAreRefused() throws {
        var options = ModelConfig()
        for slope in [Float.nan, .infinity, -0.1] {
            options.negativeSlope = slope
            XCTAssertEqual(
                failure { _ = try Model(widths: [2, 2], options: options) }?.status,
                slope.isFinite ? .invalidArgument : .notFinite)
        }
    }

    func testLayersFollowEachOtherInTheParameters() throws {
        for hasBias in [true, false] {
            let model = try Model.random([4, 5, 6, 2], bias: hasBias, seed: 1)
            var place = 0
            for layer in 0..<3 {
                let shape = try model.parts(ofLayer: layer)
                XCTAssertEqual(shape.weightOffset, place)
                place += shape.weightCount + (shape.biasOffset == nil ? 0 : shape.outputs)
            }
            XCTAssertEqual(model.parameters.count, place)
            XCTAssertEqual(place, 20 + 30 + 12 + (hasBias ? 13 : 0))
            for layer in [-1, 3, .max, .min] {
                XCTAssertEqual(
                    failure { _ = try model.parts(ofLayer: layer) }?.status, .invalidArgument)
            }
        }
    }

    /// Numbers of a program in C.
    func testWeightsOfASeedAreThePinnedOnes() throws {
        var options = ModelConfig()
        options.seed = 9
        let model = try Model(widths: [3, 2], options: options)
        let expected: [Float] = [
            -0.42473951, -0.0363632962, -0.457448244, -0.218762636, -0.158353984, 0.605778039,
        ]
        XCTAssertEqual(Array(model.parameters.elements.prefix(6)), expected)
    }

    /// A draw within 2^-25 of 1, which rounds to 1 as a float: the eleventh of this seed.
    func testUniformWeightsStayBelowOne() throws {
        var options = ModelConfig()
        (options.initialization, options.seed) = (.uniform01, 6_574_214)
        let model = try Model(widths: [4, 4], options: options)
        XCTAssertEqual(model.parameters.pointer[10], Float(1).nextDown)
    }

    /// 10,000 draws fill an interval but for its last thousandth.
    func testInitialWeightsFillTheirRanges() throws {
        let (inputs, outputs) = (100, 100)
        let glorot = (6.0 / 200).squareRoot()
        let he = (6 / ((1 + 0.25) * 100)).squareRoot()
        for (kind, low, high, biasIsDrawn) in [
            (Initialization.glorotUniform, -glorot, glorot, false), (.heUniform, -he, he, false),
            (.torchLinear, -0.1, 0.1, true), (.uniform01, 0, 1, true),
        ] {
            var options = ModelConfig()
            options.initialization = kind
            options.negativeSlope = 0.5
            let model = try Model(widths: [inputs, outputs], options: options)
            let weights = model.parameters.elements.prefix(inputs * outputs).map { Double($0) }
            let bias = model.parameters.elements.suffix(outputs).map { Double($0) }
            let width = high - low
            XCTAssertEqual(try XCTUnwrap(weights.min()), low, accuracy: width / 1_000)
            XCTAssertEqual(try XCTUnwrap(weights.max()), high, accuracy: width / 1_000)
            XCTAssertGreaterThanOrEqual(try XCTUnwrap(weights.min()), low - 1e-7)
            XCTAssertLessThanOrEqual(try XCTUnwrap(weights.max()), high + 1e-7)
            // A mean of 10,000 uniform draws has a standard deviation of width / 346.
            XCTAssertEqual(weights.reduce(0, +) / 10_000, (low + high) / 2, accuracy: width / 60)
            XCTAssertEqual(bias.contains { $0 != 0 }, biasIsDrawn)
            XCTAssertTrue(bias.allSatisfy { $0 == 0 || ($0 >= low && $0 <= high) })
        }
    }

    func testEqualSeedsGiveEqualWeightsAndOthersDiffer() throws {
        let first = try Model.random([7, 6, 3], seed: 5)
        XCTAssertTrue(
            first.weights.isIdentical(to: try Model.random([7, 6, 3], seed: 5).weights))
        XCTAssertFalse(
            first.weights.isIdentical(to: try Model.random([7, 6, 3], seed: 6).weights))
        // The same on every machine and in every version: the first draws, pinned.
        var options = ModelConfig()
        options.initialization = .uniform01
        let pinned = try Model(widths: [2, 1], options: options)
        var generator = RandomGenerator(seed: 0, stream: RandomStream.initialization)
        XCTAssertEqual(pinned.parameters.array, (0..<3).map { _ in Float(generator.nextDouble()) })
    }

    func testCopiesAreIndependent() throws {
        let model = try Model.random([3, 4, 2], seed: 1)
        try model.metadata.set("class.0", to: "cat")
        let copy = try Model(copying: model)
        XCTAssertTrue(copy.weights.isIdentical(to: model.weights))
        let before = try Weights(copying: model.weights)
        copy.parameters.pointer[0] += 1
        try copy.metadata.set("class.0", to: "dog")
        XCTAssertTrue(model.weights.isIdentical(to: before))
        XCTAssertEqual(model.metadata["class.0"], "cat")
    }

    func testMetadataHasLimits() throws {
        var metadata = Metadata()
        XCTAssertEqual(failure { try metadata.set("", to: "x") }?.status, .invalidArgument)
        XCTAssertNil(failure { try metadata.set(String(repeating: "k", count: 255), to: "x") })
        // Bytes count, not characters.
        XCTAssertNotNil(failure { try metadata.set(String(repeating: "é", count: 128), to: "x") })
        XCTAssertNil(failure { try metadata.set("v", to: String(repeating: "v", count: 1 << 20)) })
        XCTAssertNotNil(
            failure { try metadata.set("v", to: String(repeating: "v", count: (1 << 20) + 1)) })
        for i in 0..<1_022 { try metadata.set("key \(i)", to: "") }
        XCTAssertEqual(metadata.entries.count, 1_024)
        XCTAssertNotNil(failure { try metadata.set("one more", to: "") })
        XCTAssertNil(failure { try metadata.set("key 3", to: "another value") })
        XCTAssertNil(failure { try metadata.set("key 3", to: nil) })
        XCTAssertNil(failure { try metadata.set("one more", to: "") })
        XCTAssertNil(metadata["key 3"])
    }

    func testPredictionsAreTheOutputsInOtherClothes() throws {
        let model = try Model.random([3, 4, 5], seed: 1)
        let samples = try Samples.random(1_100, width: 3, outputs: 5, seed: 2)
        let outputs = try model.outputs(samples)
        XCTAssertLessThan(relativeError(outputs, ReferenceNetwork(model).outputs(samples)), 1e-6)
        let workspace = try model.measuringWorkspace(count: samples.count)
        var probabilities = [Float](repeating: 0, count: outputs.count)
        try model.outputs(
            samples.x.pointer, count: 1_100, asProbabilities: true, into: &probabilities,
            workspace: workspace)
        var labels = [Int32](repeating: -1, count: 1_100)
        try model.labels(samples.x.pointer, count: 1_100, into: &labels, workspace: workspace)
        for row in 0..<1_100 {
            let own = outputs[row * 5..<row * 5 + 5].map { exp(Double($0)) }
            let sum = own.reduce(0, +)
            for j in 0..<5 {
                XCTAssertEqual(Double(probabilities[row * 5 + j]), own[j] / sum, accuracy: 1e-6)
            }
            XCTAssertEqual(own.firstIndex(of: own.max() ?? 0), Int(labels[row]))
        }
    }

    func testTheLargestIndexIsTheFirstOfEqualsAndNeverNaN() {
        XCTAssertEqual(largestIndex([1, 3, 3, 2], 4), 1)
        XCTAssertEqual(largestIndex([.nan, -5, .nan, -4], 4), 3)
        XCTAssertEqual(largestIndex([.nan, .nan], 2), 0)
        XCTAssertEqual(largestIndex([-.infinity], 1), 0)
    }

    func testAWorkspaceThatCannotGrowStaysAsItIs() throws {
        let model = try Model.random([3, 4, 2], seed: 1)
        let workspace = try Workspace(model.graph, capacity: 4, backward: true)
        for failing in 0..<2 {
            Memory.failAllocation(after: failing)
            XCTAssertEqual(failure { try workspace.reserve(100) }?.status, .outOfMemory)
            XCTAssertTrue(Memory.endAllocationFailure())
            XCTAssertEqual(workspace.capacity, 4)
        }
        XCTAssertEqual(failure { try workspace.reserve(.max) }?.status, .outOfMemory)
        try workspace.reserve(100)
        XCTAssertEqual(workspace.capacity, 100)
    }
}

/// Strings for keys and values.
extension Metadata {
    fileprivate mutating func set(_ key: String, to value: String?) throws {
        let key = Array(key.utf8)
        try key.withUnsafeBufferPointer { key in
            guard let value else { return try set(key, to: nil) }
            try Array(value.utf8).withUnsafeBufferPointer { try set(key, to: $0) }
        }
    }

    fileprivate subscript(key: String) -> String? {
        Array(key.utf8).withUnsafeBufferPointer { value(of: $0) }.map {
            String(decoding: $0.elements, as: UTF8.self)
        }
    }
}

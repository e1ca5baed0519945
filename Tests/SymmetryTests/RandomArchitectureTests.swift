import Layers
import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// The scaling group on nets of any shape, drawn from seeds.
final class RandomArchitectureTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// Calls `body` for 100 nets that the scaling group moves, with unseen images.
    private func forEachNet(
        normsEverywhere: Bool = false,
        _ body: (_ model: Model, _ images: Samples, _ seed: UInt64) throws -> Void
    ) throws {
        var (seed, count) = (UInt64(0), 0)
        while count < 100 {
            seed += 1
            let architecture = RandomArchitecture(seed: seed, normsEverywhere: normsEverywhere)
            let model = try architecture.model(seed: seed)
            guard try Scaling.channelCount(model.graph) > 0 else { continue }
            count += 1
            let images = try Samples.random(
                9, width: model.graph.inputWidth, outputs: RandomArchitecture.classes, seed: seed)
            try body(model, images, seed)
        }
        XCTAssertLessThan(seed, 130)
    }

    private func logFactors(_ graph: Graph, _ radius: Double, seed: UInt64) throws -> [Double] {
        var generator = RandomGenerator(seed: seed, stream: 95)
        return (0..<(try Scaling.channelCount(graph))).map { _ in
            generator.nextDouble(from: -radius, to: radius)
        }
    }

    private func scale(_ model: Model, _ s: [Double], exact: Bool = false) throws {
        let element = try Scaling(model.graph)
        element.setLogFactors(s, exact: exact)
        XCTAssertTrue(element.apply(to: model))
    }

    func testTheNetsHaveAllKindsOfLayers() throws {
        var words: Set<String> = []
        var tied = 0
        try forEachNet { model, _, _ in
            for node in 0..<model.graph.nodes.count {
                words.insert(type(of: model.graph.nodes[node].facts).word)
            }
            let (blocks, _) = try model.graph.channels().numbered()
            if blocks.elements.contains(where: {
                $0.rowClass >= 0 && $0.rowClass == $0.columnClass
            }) {
                tied += 1
            }
        }
        for word in [
            "conv", "dense", "batch_norm", "add", "max_pool", "avg_pool", "global_avg_pool",
            "flatten", "dropout", "activate",
        ] {
            XCTAssertTrue(words.contains(word), word)
        }
        XCTAssertGreaterThan(tied, 10)
    }

    /// The largest change is 3e-6 of the range.
    func testRandomScalingsKeepTheOutputsOnUnseenImages() throws {
        try forEachNet { model, images, seed in
            let before = try [PassMode.running, .batch].map { try model.outputs(images, $0) }
            try scale(model, try logFactors(model.graph, 1, seed: seed))
            let after = try [PassMode.running, .batch].map { try model.outputs(images, $0) }
            for (before, after) in zip(before, after) {
                XCTAssertNotEqual(before, after)
                XCTAssertLessThan(outputChange(before, after), 1e-5, "net \(seed)")
            }
        }
    }

    func testPowersOfTwoChangeNoBitInEitherMode() throws {
        try forEachNet { model, images, seed in
            let before = try [PassMode.running, .batch].map { try model.outputs(images, $0) }
            let weights = model.bits
            try scale(model, try logFactors(model.graph, 3, seed: seed), exact: true)
            XCTAssertNotEqual(model.bits, weights)
            let after = try [PassMode.running, .batch].map { try model.outputs(images, $0) }
            XCTAssertEqual(
                after.map { $0.map { $0.bitPattern } }, before.map { $0.map { $0.bitPattern } },
                "net \(seed)")
        }
    }

    /// Against the gradient at the moved weights: phi is its square, and phi's slope there is what
    /// the closed form says of it at s = 0. The largest error is 5e-6.
    func testPhiAndItsDerivativeAreThoseOfAMeasuredGradient() throws {
        try forEachNet { model, images, seed in
            let zeros = try logFactors(model.graph, 1, seed: seed).map { _ in 0.0 }
            let s = try logFactors(model.graph, 0.7, seed: seed)
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(images, .crossEntropy))
            var (slope, measuredSlope) = (zeros, zeros)
            let value = objective.value(s, gradient: &slope)
            let before = objective.value(zeros)
            try scale(model, s)
            let gradient = try model.gradient(images, .crossEntropy)
            let measured = squaredNorm(gradient, count: gradient.count)
            _ = try ScalingObjective(model.graph, gradient: gradient).value(
                zeros, gradient: &measuredSlope)
            XCTAssertEqual(value / measured, 1, accuracy: 1e-4, "net \(seed)")
            XCTAssertLessThan(relativeError(slope, measuredSlope), 1e-4, "net \(seed)")
            XCTAssertNotEqual(before, value)
        }
    }

    func testTheDerivativeAgreesWithFiniteDifferencesOfPhi() throws {
        try forEachNet { model, images, seed in
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(images, .crossEntropy))
            let s = try logFactors(model.graph, 0.7, seed: seed)
            let direction = try logFactors(model.graph, 1, seed: seed + 1_000)
            var slope = s
            let value = objective.value(s, gradient: &slope)
            let step = 1e-5
            let above = objective.value(zip(s, direction).map { $0 + step * $1 })
            let below = objective.value(zip(s, direction).map { $0 - step * $1 })
            XCTAssertEqual(
                (above - below) / (2 * step), zip(slope, direction).reduce(0) { $0 + $1.0 * $1.1 },
                accuracy: 1e-7 * value, "net \(seed)")
        }
    }

    /// phi separates where norms stand between all convolutions: each channel's minimum is
    /// ln(a / b) / 4 by itself, and there the measured gradient is stationary.
    func testWithNormsEverywhereEveryChannelHasItsOwnMinimum() throws {
        try forEachNet(normsEverywhere: true) { model, images, seed in
            let count = try Scaling.channelCount(model.graph)
            let zeros = [Double](repeating: 0, count: count)
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(images, .crossEntropy))
            _ = objective.value(zeros)
            let (a, b) = (objective.into.array, objective.from.array)
            let s = zip(a, b).map { $0 > 0 && $1 > 0 ? log($0 / $1) / 4 : 0 }
            var slope = zeros
            let least = objective.value(s, gradient: &slope)
            for i in 0..<count where a[i] > 0 && b[i] > 0 {
                XCTAssertEqual(slope[i], 0, accuracy: 1e-12 * least)
            }
            var found = zeros
            XCTAssertLessThanOrEqual(
                try objective.minimize(&found, radius: 16, layer: nil, steps: 50), 2)
            for i in 0..<count where a[i] > 0 && b[i] > 0 {
                XCTAssertEqual(found[i], s[i], accuracy: 1e-12)
            }
            guard s.allSatisfy({ abs($0) < 3 }) else { return }
            try scale(model, s)
            let gradient = try model.gradient(images, .crossEntropy)
            var measured = zeros
            let value = try ScalingObjective(model.graph, gradient: gradient).value(
                zeros, gradient: &measured)
            let steepest = measured.reduce(0) { max($0, abs($1)) } / value
            XCTAssertEqual(value / least, 1, accuracy: 1e-4, "net \(seed)")
            XCTAssertLessThan(steepest, 1e-4, "net \(seed)")
        }
    }
}

import Foundation
import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class ScalingTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// phi and its derivative come from a float gradient: 1e-5. Weights are rounded once: 1e-6.
    func testGoldenPhiDerivativeAndWeights() throws {
        let cases = try Golden.file("scaling")["cases"].list
        XCTAssertEqual(cases.count, 2)
        for golden in cases {
            let model = try golden.model()
            let samples = try golden.samples()
            let loss = golden.loss
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(samples, loss))
            let s = golden["log_scale"].numbers
            var slope = [Double](repeating: 0, count: s.count)
            XCTAssertEqual(
                objective.value(s, gradient: &slope) / golden["phi_at_scale"].number, 1,
                accuracy: 1e-5)
            XCTAssertLessThan(relativeError(slope, golden["dphi_at_scale"].numbers), 1e-5)
            let zero = [Double](repeating: 0, count: s.count)
            XCTAssertEqual(
                objective.value(zero, gradient: &slope) / golden["phi_at_identity"].number, 1,
                accuracy: 1e-5)
            XCTAssertLessThan(relativeError(slope, golden["dphi_at_identity"].numbers), 1e-5)
            let element = try Scaling(model.graph)
            element.setLogFactors(s, exact: false)
            XCTAssertTrue(element.apply(to: model))
            XCTAssertLessThan(
                relativeError(model.parameters.array, golden.parameters("scaled_W", "scaled_b")),
                1e-6)
            XCTAssertEqual(
                try model.value(samples, loss) / golden["loss_at_scale"].number, 1, accuracy: 1e-6)
        }
    }

    private func randomElement(
        _ graph: Graph, radius: Double, exact: Bool, seed: UInt64
    ) throws -> (element: Scaling, s: [Double]) {
        var generator = RandomGenerator(seed: seed)
        let element = try Scaling(graph)
        let s = element.factors.elements.map { _ in
            generator.nextDouble(from: -radius, to: radius)
        }
        element.setLogFactors(s, exact: exact)
        return (element, s)
    }

    /// The function stays what it is for inputs that nobody has seen: 1e-5 of the outputs' range.
    func testOutputsStayOnUnseenInputs() throws {
        for seed in 0..<20 as Range<UInt64> {
            for kind in [ActivationKind.leakyReLU, .reLU, .identity] {
                let widths = [[6, 9, 4], [6, 20, 17, 4], [6, 5, 8, 7, 4]][Int(seed % 3)]
                let model = try Model.random(widths, kind, bias: seed % 2 == 0, seed: seed)
                let unseen = try Samples.random(50, width: 6, outputs: 4, seed: seed + 100)
                let before = try model.outputs(unseen)
                XCTAssertTrue(
                    try randomElement(model.graph, radius: 2, exact: false, seed: seed)
                        .element
                        .apply(to: model))
                XCTAssertLessThan(outputChange(before, try model.outputs(unseen)), 1e-5)
            }
        }
    }

    func testPowersOfTwoChangeNoBitOfAnyOutput() throws {
        for seed in 0..<20 as Range<UInt64> {
            let model = try Model.random([6, 20, 17, 4], seed: seed)
            let unseen = try Samples.random(50, width: 6, outputs: 4, seed: seed + 100)
            let before = try model.outputs(unseen).map { $0.bitPattern }
            let element = try randomElement(model.graph, radius: 3, exact: true, seed: seed)
                .element
            XCTAssertTrue(element.factors.elements.allSatisfy { $0.significand == 1 })
            let weights = model.bits
            XCTAssertTrue(element.apply(to: model))
            XCTAssertNotEqual(model.bits, weights)
            XCTAssertEqual(try model.outputs(unseen).map { $0.bitPattern }, before)
        }
    }

    func testTheIdentityMovesNothing() throws {
        let model = try Model.random([6, 9, 7, 4], seed: 1)
        let before = model.bits
        XCTAssertTrue(try Scaling(model.graph).apply(to: model))
        XCTAssertEqual(model.bits, before)
    }

    /// The closed form at s against a gradient measured at the moved weights: 1e-4, the float
    /// gradients' own error.
    func testPhiIsTheGradientNormAtTheMovedWeights() throws {
        for (widths, seed) in [([5, 8, 3], UInt64(1)), ([5, 8, 9, 3], 2), ([5, 6, 7, 8, 3], 3)] {
            for loss in [Loss.crossEntropy, .meanSquaredError] {
                let model = try Model.random(widths, seed: seed)
                let samples = try Samples.random(30, width: 5, outputs: 3, loss: loss, seed: seed)
                let objective = try ScalingObjective(
                    model.graph, gradient: try model.gradient(samples, loss))
                let (element, s) = try randomElement(
                    model.graph, radius: 1, exact: false, seed: seed)
                let predicted = objective.value(s)
                XCTAssertTrue(element.apply(to: model))
                XCTAssertEqual(
                    predicted / (try gradientNorm2(model, samples, loss)), 1, accuracy: 1e-4)
            }
        }
    }

    func testTheDerivativeAgreesWithFiniteDifferencesOfPhi() throws {
        let model = try Model.random([5, 6, 7, 8, 3], seed: 3)
        let samples = try Samples.random(30, width: 5, outputs: 3, seed: 4)
        let objective = try ScalingObjective(
            model.graph, gradient: try model.gradient(samples, .crossEntropy))
        var s = try randomElement(model.graph, radius: 1, exact: false, seed: 5).s
        var slope = [Double](repeating: 0, count: s.count)
        _ = objective.value(s, gradient: &slope)
        for i in s.indices {
            let (center, step) = (s[i], 1e-5)
            s[i] = center + step
            let above = objective.value(s)
            s[i] = center - step
            let below = objective.value(s)
            s[i] = center
            XCTAssertEqual(
                (above - below) / (2 * step), slope[i], accuracy: 1e-7 * abs(slope[i]) + 1e-9)
        }
    }

    func testPhiOfAModelWithoutHiddenLayersIsTheWholeGradient() throws {
        let model = try Model.random([5, 3], seed: 1)
        let samples = try Samples.random(30, width: 5, outputs: 3, seed: 4)
        let objective = try ScalingObjective(
            model.graph, gradient: try model.gradient(samples, .crossEntropy))
        XCTAssertEqual(
            objective.value([0]) / (try gradientNorm2(model, samples, .crossEntropy)), 1,
            accuracy: 1e-12)
    }

    func testAscentEndsInACornerAndDescentWhereNothingFallsFurther() throws {
        for layer in [nil, 1] as [Int?] {
            let model = try Model.random([5, 8, 9, 3], seed: 6)
            let samples = try Samples.random(40, width: 5, outputs: 3, seed: 7)
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(samples, .crossEntropy))
            var s = [Double](repeating: 0, count: 17)
            let start = objective.value(s)
            _ = try objective.maximize(&s, radius: 0.7, layer: layer, steps: 50)
            XCTAssertGreaterThan(objective.value(s), start)
            for (i, value) in s.enumerated() {
                let moves = layer == nil || i >= 8
                XCTAssertEqual(abs(value), moves ? 0.7 : 0, accuracy: 1e-15)
            }
            let steps = try objective.minimize(&s, radius: 3, layer: layer, steps: 10_000)
            XCTAssertLessThan(steps, 10_000)
            var slope = [Double](repeating: 0, count: 17)
            let least = objective.value(s, gradient: &slope)
            XCTAssertLessThan(least, start)
            for i in s.indices where layer == nil || i >= 8 {
                if abs(s[i]) < 3 {
                    XCTAssertEqual(slope[i], 0, accuracy: 1e-10 * least)
                } else {
                    XCTAssertLessThan(slope[i] * s[i], 0)
                }
            }
        }
    }

    func testGivenFactorsMoveOneLayerOrNothing() throws {
        let model = try Model.random([3, 2, 4], seed: 1)
        let before = model.parameters.array
        try model.applyScaling(hiddenLayer: 0, factors: [2, 0.5], count: 2)
        let after = model.parameters.array
        for i in before.indices {
            let factor: Float =
                i < 3 || i == 6 ? 2 : i < 8 ? 0.5 : i >= 16 ? 1 : i % 2 == 0 ? 0.5 : 2
            XCTAssertEqual(after[i], before[i] * factor, "\(i)")
        }
        let bits = model.bits
        for (layer, factors, expected) in [
            (0, [Float(1), 0], Status.invalidArgument), (0, [1, -1], .invalidArgument),
            (0, [.nan, 1], .notFinite), (0, [1, .infinity], .notFinite),
            (0, [1], .shapeMismatch), (1, [1, 1], .invalidArgument),
            (-1, [1, 1], .invalidArgument),
            (0, [3e38, 3e38], .notFinite), (0, [.leastNonzeroMagnitude, 1], .notFinite),
        ] {
            let error = failure {
                try model.applyScaling(hiddenLayer: layer, factors: factors, count: factors.count)
            }
            XCTAssertEqual(error?.status, expected, "\(factors)")
            XCTAssertEqual(model.bits, bits)
        }
        let sigmoid = try Model.random([3, 2, 4], .sigmoid, seed: 1)
        XCTAssertEqual(
            failure { try sigmoid.applyScaling(hiddenLayer: 0, factors: [1, 1], count: 2) }?.status,
            .unsupported)
    }

    /// After a scaling, averages must be those of the gradients that the same steps would have seen
    /// there. A linear recursion: the transformed average of old gradients is the average of
    /// transformed ones.
    func testTransformedStateIsTheStateOfTransformedGradients() throws {
        let model = try Model.random([5, 8, 9, 3], seed: 6)
        let samples = try Samples.random(40, width: 5, outputs: 3, seed: 7)
        let moved = try Model(copying: model)
        let element = try randomElement(model.graph, radius: 1, exact: false, seed: 8)
            .element
        XCTAssertTrue(element.apply(to: moved))
        for kind in [OptimizerKind.momentum, .adam] {
            var options = OptimizerConfig()
            (options.kind, options.learningRate) = (kind, 0)
            let here = try options.makeOptimizer(parameterCount: model.parameters.count)
            let there = try options.makeOptimizer(parameterCount: model.parameters.count)
            for _ in 0..<3 {
                here.step(
                    model.parameters.pointer, gradient: try model.gradient(samples, .crossEntropy))
                there.step(
                    moved.parameters.pointer, gradient: try moved.gradient(samples, .crossEntropy))
            }
            try StatePolicy.keep.apply(element, to: here.state)
            XCTAssertNotEqual(here.state.firstMoments?.array, there.state.firstMoments?.array)
            try StatePolicy.transform.apply(element, to: here.state)
            XCTAssertLessThan(
                relativeError(
                    try XCTUnwrap(here.state.firstMoments).array,
                    try XCTUnwrap(there.state.firstMoments).array), 1e-5)
            if kind == .adam {
                XCTAssertLessThan(
                    relativeError(
                        try XCTUnwrap(here.state.secondMoments).array,
                        try XCTUnwrap(there.state.secondMoments).array), 1e-5)
            }
            XCTAssertEqual(here.state.steps, 3)
            try StatePolicy.reset.apply(element, to: here.state)
            XCTAssertEqual(here.state.steps, 0)
            XCTAssertNil(here.state.firstMoments?.array.first { $0 != 0 })
        }
    }
}

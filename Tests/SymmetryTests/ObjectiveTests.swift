import Foundation
import Layers
import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// Objectives against differences in double and against the definitions.
final class ObjectiveTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private func sharpness(_ model: Model, _ samples: Samples, norms: [Double] = [0.2, 0.6]) throws
        -> Sharpness
    {
        try Sharpness(
            model, samples.batch, .crossEntropy,
            norms: Buffer(copying: norms, count: norms.count), count: 3, seed: 9)
    }

    /// The perturbations drawn once more, the losses in double: 1e-6.
    func testSharpnessIsTheMeanLossOverPerturbationsOfTheirNorms() throws {
        let model = try Model.random([6, 8, 3], .tanh, seed: 1)
        let samples = try Samples.random(20, width: 6, outputs: 3, seed: 2)
        var generator = RandomGenerator(seed: 9, stream: RandomStream.perturbations)
        var sum = 0.0
        for norm in [0.2, 0.6] {
            for _ in 0..<3 {
                var network = ReferenceNetwork(model)
                let draws = network.parameters.map { _ in generator.nextNormal() }
                let length = draws.reduce(0) { $0 + $1 * $1 }.squareRoot()
                for i in draws.indices { network.parameters[i] += norm * draws[i] / length }
                sum += network.loss(samples, .crossEntropy)
            }
        }
        let objective = try sharpness(model, samples)
        XCTAssertEqual(try objective.value(model) / (sum / 6), 1, accuracy: 1e-6)
        XCTAssertEqual(try objective.value(model), try objective.value(model))
    }

    /// Along the steepest directions of s (step 1e-2) and of T (1e-3), float losses summed in
    /// double: 1e-2.
    func testTheDerivativeOfSharpnessAgreesWithDifferencesAlongTheGroups() throws {
        try compareAlongScaling()
        // Smooth, since a step over the kink of a LeakyReLU is no derivative.
        let model = try Model.random([12, 6, 5, 3], .tanh, seed: 3)
        let samples = try Samples.random(6, width: 12, outputs: 3, seed: 4)
        let objective = try sharpness(model, samples)
        let covector = try Buffer<Float>(count: model.parameters.count)
        XCTAssertEqual(
            try objective.derivative(model, into: covector.pointer), try objective.value(model),
            accuracy: 1e-7)
        let group = try LinearGroup(model.graph, samples.batch, layers: [0, 1])
        let linear = LinearMoves(group)
        let t = try XCTUnwrap(try linear.direction(at: model, covector.pointer))
        let slope = try group.derivative(at: model, covector.pointer)
        let predicted = t.reduce(0) { sum, element in
            guard let matrix = slope[element.key] else { return sum }
            return sum
                + (0..<matrix.count).reduce(0) {
                    $0 + matrix.pointer[$1] * element.value.pointer[$1]
                }
        }
        let difference = try difference(objective, model, step: 1e-3) { moved, length in
            XCTAssertTrue(try linear.move(moved, along: t, by: length))
        }
        XCTAssertEqual(difference / predicted, 1, accuracy: 1e-2)
    }

    private func compareAlongScaling() throws {
        let model = try Model.random([12, 6, 5, 3], .identity, seed: 3)
        let samples = try Samples.random(6, width: 12, outputs: 3, seed: 4)
        let objective = try sharpness(model, samples)
        let covector = try Buffer<Float>(count: model.parameters.count)
        _ = try objective.derivative(model, into: covector.pointer)
        let moves = try ScalingMoves(model.graph, layers: [0, 1], exact: false)
        let s = try XCTUnwrap(try moves.direction(at: model, covector.pointer))
        XCTAssertEqual(s.elements.reduce(0) { max($0, abs($1)) }, 1)
        // d / d s is the direction before it was scaled to its largest entry: the first unit's by
        // hand.
        var slope = 0.0
        let (first, next) = (
            model.graph.layers.pointer[0], model.graph.layers.pointer[1]
        )
        func term(_ place: Int) -> Double {
            Double(covector.pointer[place]) * Double(model.parameters.pointer[place])
        }
        for j in 0..<12 { slope += term(first.weightOffset + j) }
        slope += term(first.biasOffset)
        for k in 0..<next.outputs { slope -= term(next.weightOffset + k * next.inputs) }
        let size = s.elements.reduce(0) { $0 + $1 * $1 } * slope / s.pointer[0]
        let difference = try difference(objective, model) { moved, length in
            XCTAssertTrue(try moves.move(moved, along: s, by: length))
        }
        XCTAssertEqual(difference / size, 1, accuracy: 1e-2)
    }

    private func difference(
        _ objective: any ObjectiveFunction, _ model: Model, step: Double = 1e-2,
        _ move: (Model, Double) throws -> Void
    ) throws -> Double {
        let above = try Model(copying: model)
        let below = try Model(copying: model)
        try move(above, step)
        try move(below, -step)
        return (try objective.value(above) - objective.value(below)) / (2 * step)
    }

    /// The measured gradient norm along the closed direction: second differences are of step^2.
    func testTheDerivativeOfTheGradientNormAgreesWithDifferencesAlongT() throws {
        for kind in [ActivationKind.leakyReLU, .tanh, .sigmoid, .identity] {
            let model = try Model.random([12, 6, 5, 3], kind, seed: 3)
            let samples = try Samples.random(6, width: 12, outputs: 3, seed: 4)
            let objective = try GradientNorm(model, samples.batch, .crossEntropy)
            let covector = try Buffer<Float>(count: model.parameters.count)
            _ = try objective.derivative(model, into: covector.pointer)
            let group = try LinearGroup(model.graph, samples.batch, layers: [0, 1])
            let slope = try group.derivative(at: model, covector.pointer)
            let moves = LinearMoves(group)
            let t = try XCTUnwrap(try moves.direction(at: model, covector.pointer))
            let difference = try difference(objective, model, step: 1e-3) { moved, length in
                XCTAssertTrue(try moves.move(moved, along: t, by: length))
            }
            XCTAssertEqual(difference / LinearGroup.norm(slope), 1, accuracy: 1e-2, "\(kind)")
        }
    }

    /// Both derivatives of the curve against differences of the moves in double; float weights
    /// bound the second: 1e-2.
    func testCurvatureAgreesWithDifferencesOfTheCurve() throws {
        let samples = try Samples.random(5, width: 12, outputs: 3, seed: 4)
        for (group, kind) in [
            (Group.scaling, ActivationKind.leakyReLU), (.linear, .leakyReLU), (.linear, .tanh),
            (.linear, .sigmoid),
            (.linear, .identity),
        ] {
            let model = try Model.random([12, 6, 5, 3], kind, seed: 3)
            for i in 0..<model.parameters.count { model.parameters.pointer[i] *= 0.3 }
            var options = TeleportConfig()
            options.group = group
            let objective = try Curvature(
                model.graph,
                try options.symmetry.curves(model.graph, samples.batch, layers: [0, 1]), count: 1,
                seed: 7)
            var generator = RandomGenerator(seed: 7, stream: RandomStream.perturbations)
            let step = 0.05
            var points: [[Double]] = []
            if group == .scaling {
                var s = (0..<11).map { _ in generator.nextNormal() }
                let norm = s.reduce(0) { $0 + $1 * $1 }.squareRoot()
                for i in s.indices { s[i] /= norm }
                for time in [-step, 0, step] {
                    let moved = try Model(copying: model)
                    let element = try Scaling(model.graph)
                    element.setLogFactors(s.map { $0 * time }, exact: false)
                    XCTAssertTrue(element.apply(to: moved))
                    points.append(moved.parameters.array.map { Double($0) })
                }
            } else {
                let m = generator.nextIndex(below: 2)
                let t = try LinearGroup.randomAlgebra(
                    model.graph, layers: [m], norm: 1, &generator)
                for time in [-step, 0, step] {
                    let moved = try Model(copying: model)
                    var fit = LinearAction.Fit()
                    let linear = try LinearGroup(model.graph, samples.batch, layers: [m])
                    XCTAssertTrue(try linear.move(moved, along: t, by: time, fit: &fit))
                    points.append(moved.parameters.array.map { Double($0) })
                }
            }
            var (speed2, acceleration2, dot) = (0.0, 0.0, 0.0)
            for i in points[0].indices {
                let velocity = (points[2][i] - points[0][i]) / (2 * step)
                let acceleration = (points[2][i] - 2 * points[1][i] + points[0][i]) / (step * step)
                speed2 += velocity * velocity
                acceleration2 += acceleration * acceleration
                dot += velocity * acceleration
            }
            let expected =
                max(speed2 * acceleration2 - dot * dot, 0).squareRoot() / pow(speed2, 1.5)
            XCTAssertEqual(
                try objective.value(model) / expected, 1, accuracy: 1e-2, "\(group) \(kind)")
        }
    }

    func testCurvatureLeavesSaturatedUnitsOut() throws {
        let model = try Model.random([12, 6, 5, 3], .tanh, seed: 3)
        let samples = try Samples.random(5, width: 12, outputs: 3, seed: 4)
        model.parameters.pointer[model.graph.layers.pointer[0].biasOffset + 1] = 60
        let objective = try Curvature(
            model.graph,
            LinearCurves(graph: model.graph, batch: samples.batch, layers: [0, 1]), count: 8,
            seed: 7)
        let value = try objective.value(model)
        XCTAssertTrue(value.isFinite && value > 0)
    }

    func testNullSpaceMovesKeepEveryActivationOfTheBatch() throws {
        for kind in [ActivationKind.leakyReLU, .reLU, .tanh] {
            let model = try Model.random([14, 20, 18, 3], kind, seed: 5)
            let samples = try Samples.random(10, width: 14, outputs: 3, seed: 6)
            let x = samples.x.elements.map { Double($0) }
            let network = ReferenceNetwork(model)
            let before = (0..<3).map { network.activations(x, count: 10, last: $0) }
            let options = TeleportConfig.plain(.nullSpace, .ascent)
            let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted)
            XCTAssertEqual(report.rank, 10)
            XCTAssertGreaterThan(report.objectiveAfter, report.objectiveBefore)
            let moved = ReferenceNetwork(model)
            // Weights that move by a twentieth of their norm and more; activations by their
            // rounding to float.
            XCTAssertGreaterThan(relativeError(moved.parameters, network.parameters), 0.02)
            for layer in 0..<3 {
                XCTAssertLessThan(
                    relativeError(moved.activations(x, count: 10, last: layer), before[layer]), 1e-6
                )
            }
        }
    }

    func testLevelSetMovesKeepTheLossAndRaiseTheGradient() throws {
        for kind in [ActivationKind.leakyReLU, .reLU, .tanh, .sigmoid, .identity] {
            for loss in [Loss.crossEntropy, .meanSquaredError] {
                let model = try Model.random([6, 8, 7, 3], kind, seed: 7)
                let samples = try Samples.random(40, width: 6, outputs: 3, loss: loss, seed: 8)
                let before = try gradientNorm2(model, samples, loss)
                let reference = ReferenceNetwork(model).loss(samples, loss)
                let report = try Teleport(model, samples.batch, loss, .plain(.levelSet, .ascent))
                    .run()
                XCTAssertTrue(report.accepted, "\(kind)")
                XCTAssertEqual(
                    ReferenceNetwork(model).loss(samples, loss) / reference, 1, accuracy: 1.1e-5)
                XCTAssertGreaterThan(try gradientNorm2(model, samples, loss), before)
            }
        }
    }

    /// The direction is orthogonal to the gradient and is a direction of ascent.
    func testLevelSetDirectionsAreOrthogonalToTheGradient() throws {
        let model = try Model.random([6, 8, 3], .tanh, seed: 7)
        let samples = try Samples.random(40, width: 6, outputs: 3, seed: 8)
        let covector = try Buffer<Float>(count: model.parameters.count)
        _ = try GradientNorm(model, samples.batch, .crossEntropy).derivative(
            model, into: covector.pointer)
        let levelSet = try LevelSet(model, samples.batch, .crossEntropy, tolerance: 1e-5)
        let direction = try levelSet.direction(at: model, covector.pointer).array
        let gradient = try model.gradient(samples, .crossEntropy)
        func dot(_ a: [Double], _ b: [Double]) -> Double {
            zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let g = gradient.map { Double($0) }
        let size = (dot(direction, direction) * dot(g, g)).squareRoot()
        XCTAssertLessThan(abs(dot(direction, g)), 1e-9 * size)
        XCTAssertGreaterThan(dot(direction, covector.array.map { Double($0) }), 0)
    }

    /// Minimizing the gradient norm over the scaling group ends where its measured derivative is
    /// zero.
    func testMinimizingReachesAStationaryPoint() throws {
        let model = try Model.random([6, 8, 7, 3], seed: 7)
        let samples = try Samples.random(40, width: 6, outputs: 3, seed: 8)
        var options = TeleportConfig.plain(.scaling, .ascent, radius: 4)
        (options.objective, options.steps) = (.gradientNormMinimize, 1_000)
        let before = try gradientNorm2(model, samples, .crossEntropy)
        let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
        XCTAssertTrue(report.accepted)
        let phi = try gradientNorm2(model, samples, .crossEntropy)
        XCTAssertLessThan(phi, before)
        XCTAssertEqual(report.gradientNorm2Before / before, 1, accuracy: 1e-6)
        XCTAssertEqual(report.gradientNorm2After / phi, 1, accuracy: 1e-4)
        let objective = try ScalingObjective(
            model.graph, gradient: try model.gradient(samples, .crossEntropy))
        var slope = [Double](repeating: 1, count: 15)
        _ = objective.value([Double](repeating: 0, count: 15), gradient: &slope)
        for i in 0..<15 { XCTAssertEqual(slope[i], 0, accuracy: 1e-5 * phi) }
    }
}

import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// The scaling group on a net whose layers do not follow each other in a row: what two layers add
/// up is one class.
final class ResidualScalingTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// 5 - 8 - (8, added to what it reads) - 6 - 3; the layer within the residual stream reads and
    /// makes one class.
    private func residual(seed: UInt64) throws -> Model {
        let leaky = Activation(.leakyReLU, negativeSlope: 0.1)
        let stream = try Shape(channels: 8)
        var words = LayerArguments("add", after: "add")
        let nodes = try NodeList()
        try nodes.append(dense(5, 8, leaky), reading: -1)
        try nodes.append(dense(8, 8, leaky), reading: 0)
        try nodes.append(
            Add(&words, inputs: [stream, stream], activation: Activation(.identity)),
            reading: 1, 0)
        try nodes.append(dense(8, 6, leaky), reading: 2)
        try nodes.append(dense(6, 3, Activation(.identity)), reading: 3)
        let graph = try Graph(input: try Shape(channels: 5), nodes)
        let model = try Model(graph, options: ModelConfig())
        var generator = RandomGenerator(seed: seed)
        for i in 0..<model.parameters.count {
            model.parameters.pointer[i] = Float(0.5 * generator.nextNormal())
        }
        return model
    }

    private func dense(_ inputs: Int, _ outputs: Int, _ activation: Activation) throws -> Dense {
        try Dense(
            inputs: try Shape(channels: inputs), outputs: outputs, hasBias: true,
            activation: activation)
    }

    private func logFactors(_ graph: Graph, seed: UInt64) throws -> [Double] {
        var generator = RandomGenerator(seed: seed)
        return try zeros(graph).map { _ in generator.nextDouble(from: -1, to: 1) }
    }

    private func zeros(_ graph: Graph) throws -> [Double] {
        [Double](repeating: 0, count: try Scaling(graph).factors.count)
    }

    func testAResidualStreamIsOneClass() throws {
        let graph = try residual(seed: 1).graph
        XCTAssertEqual(try ScalingSymmetry().layerCount(graph), 2)
        XCTAssertEqual(try Scaling(graph).factors.count, 8 + 6)
    }

    func testPathConditioningNeedsLayersInARow() throws {
        let model = try residual(seed: 1)
        let samples = try Samples.random(9, width: 5, outputs: 3, seed: 2)
        var options = TeleportConfig.plain(.scaling, .ascent)
        options.objective = .pathConditioning
        let bits = model.bits
        let error = failure {
            _ = try Teleport(model, samples.batch, .crossEntropy, options).run()
        }
        XCTAssertEqual(error?.status, .unsupported)
        XCTAssert(error?.message.contains("in a row") ?? false, error?.message ?? "")
        XCTAssertEqual(model.bits, bits)
    }

    func testPowersOfTwoChangeNoBitOfAnyOutput() throws {
        let model = try residual(seed: 1)
        let unseen = try Samples.random(50, width: 5, outputs: 3, seed: 2)
        let before = try model.outputs(unseen).map { $0.bitPattern }
        let weights = model.bits
        let element = try Scaling(model.graph)
        element.setLogFactors(try logFactors(model.graph, seed: 3).map { 3 * $0 }, exact: true)
        XCTAssertTrue(element.apply(to: model))
        XCTAssertNotEqual(model.bits, weights)
        XCTAssertEqual(try model.outputs(unseen).map { $0.bitPattern }, before)
    }

    /// The closed form at s against a gradient measured at the moved weights: 1e-4, the float
    /// gradients' own error.
    func testPhiIsTheGradientNormAtTheMovedWeights() throws {
        for seed in UInt64(1)...5 {
            let model = try residual(seed: seed)
            let samples = try Samples.random(30, width: 5, outputs: 3, seed: seed)
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(samples, .crossEntropy))
            let s = try logFactors(model.graph, seed: seed)
            let element = try Scaling(model.graph)
            element.setLogFactors(s, exact: false)
            let (before, predicted) = (
                objective.value(try zeros(model.graph)), objective.value(s)
            )
            XCTAssertTrue(element.apply(to: model))
            XCTAssertEqual(
                predicted / (try gradientNorm2(model, samples, .crossEntropy)), 1, accuracy: 1e-4)
            XCTAssertGreaterThan(abs(predicted / before - 1), 0.01)
        }
    }

    func testTheDerivativeAgreesWithFiniteDifferencesOfPhi() throws {
        let model = try residual(seed: 3)
        let samples = try Samples.random(30, width: 5, outputs: 3, seed: 4)
        let objective = try ScalingObjective(
            model.graph, gradient: try model.gradient(samples, .crossEntropy))
        var s = try logFactors(model.graph, seed: 5)
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

    /// Channels of one class share terms here, so its minimum is found one channel at a time.
    func testMinimizingEndsWherePhiFallsNoFurther() throws {
        let model = try residual(seed: 6)
        let samples = try Samples.random(40, width: 5, outputs: 3, seed: 7)
        let objective = try ScalingObjective(
            model.graph, gradient: try model.gradient(samples, .crossEntropy))
        var s = try zeros(model.graph)
        let start = objective.value(s)
        XCTAssertLessThan(
            try objective.minimize(&s, radius: 5, layer: nil, steps: 10_000), 10_000)
        var slope = try zeros(model.graph)
        let least = objective.value(s, gradient: &slope)
        XCTAssertLessThan(least, start)
        for i in s.indices { XCTAssertEqual(slope[i], 0, accuracy: 1e-9 * least) }
        _ = try objective.maximize(&s, radius: 0.7, layer: nil, steps: 50)
        XCTAssertGreaterThan(objective.value(s), start)
        for value in s { XCTAssertEqual(abs(value), 0.7, accuracy: 1e-15) }
    }

    /// The direction from the weights' derivative of phi, 2 H grad L, is that of the closed form:
    /// 1e-4.
    func testTheDirectionOfTheGradientNormIsThatOfTheClosedForm() throws {
        let model = try residual(seed: 8)
        let samples = try Samples.random(30, width: 5, outputs: 3, seed: 9)
        let covector = try Buffer<Float>(count: model.parameters.count)
        _ = try GradientNorm(model, samples.batch, .crossEntropy).derivative(
            model, into: covector.pointer)
        let moves = try ScalingMoves(model.graph, layers: [0, 1], exact: false)
        let direction = try XCTUnwrap(try moves.direction(at: model, covector.pointer))
        var slope = try zeros(model.graph)
        _ = try ScalingObjective(
            model.graph, gradient: try model.gradient(samples, .crossEntropy)
        ).value(try zeros(model.graph), gradient: &slope)
        let largest = slope.reduce(0) { max($0, abs($1)) }
        XCTAssertLessThan(
            relativeError(direction.array, slope.map { $0 / largest }), 1e-4)
    }

    func testATeleportMovesItAndKeepsItsOutputs() throws {
        for search in [Search.ascent, .random, .lookahead] {
            for objective in [Objective.gradientNormMaximize, .sharpnessMinimize] {
                let model = try residual(seed: 10)
                let samples = try Samples.random(64, width: 5, outputs: 3, seed: 11)
                var options = TeleportConfig.plain(.scaling, search, radius: 0.3)
                options.objective = objective
                let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
                XCTAssertTrue(report.accepted || search == .lookahead, "\(search) \(objective)")
                XCTAssertLessThan(report.outputChange, 1e-5)
            }
        }
    }

    /// What is added to the input is an input's: nothing is left to scale.
    func testAStreamThatBeginsAtTheInputCannotBeScaled() throws {
        let leaky = Activation(.leakyReLU, negativeSlope: 0.1)
        let stream = try Shape(channels: 8)
        var words = LayerArguments("add", after: "add")
        let nodes = try NodeList()
        try nodes.append(dense(8, 8, leaky), reading: -1)
        try nodes.append(
            Add(&words, inputs: [stream, stream], activation: Activation(.identity)),
            reading: 0, -1)
        try nodes.append(dense(8, 3, Activation(.identity)), reading: 1)
        let graph = try Graph(input: stream, nodes)
        let error = failure {
            try TeleportConfig.plain(.scaling, .ascent).validate(for: graph)
        }
        XCTAssertEqual(error?.status, .unsupported)
        XCTAssertEqual(error?.message.hasPrefix("every channel of the model is tied"), true)
    }
}

import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// Teleports of convolutional nets.
final class NetTeleportTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private static let lenet = """
        input 2x8x8
        conv 4 3x3 pad same; leaky_relu 0.1; max_pool 2
        conv 6 3x3 pad same; leaky_relu 0.1
        dense 9; leaky_relu 0.1
        dense 8; leaky_relu 0.1
        dense 3
        """
    private static let normed = """
        input 2x8x8
        conv 6 3x3 pad same; batch_norm; s = relu
        conv 6 3x3 pad same; r = batch_norm
        add of r s; relu; dropout 0.3; max_pool 2
        conv 8 3x3 pad same; batch_norm; leaky_relu 0.1; global_avg_pool
        dense 7; leaky_relu 0.1; dropout 0.2
        dense 3
        """

    private func model(_ text: String, seed: UInt64 = 1) throws -> Model {
        var options = ModelConfig()
        options.seed = seed
        return try Model(drawing: Graph(text: text), options: options)
    }

    private func images(_ count: Int = 70, seed: UInt64 = 2) throws -> Samples {
        try Samples.random(count, width: 128, outputs: 3, seed: seed)
    }

    private func statistics(_ model: Model) -> [UInt32] {
        model.weights.statistics.elements.map { $0.bitPattern }
    }

    func testEverySearchOfTheScalingGroupKeepsTheOutputsAndTheStatistics() throws {
        for text in [Self.lenet, Self.normed] {
            for search in [Search.ascent, .random, .lookahead] {
                for exact in [false, true] {
                    let (model, images) = (try model(text), try images())
                    let unseen = try self.images(40, seed: 3)
                    var options = TeleportConfig.plain(.scaling, search, radius: 1)
                    options.exact = exact
                    let kept = statistics(model)
                    let before = try [PassMode.running, .batch].map {
                        try model.outputs(unseen, $0)
                    }
                    let report = try Teleport(model, images.batch, .crossEntropy, options).run()
                    XCTAssertTrue(report.accepted || search == .lookahead, "\(search) \(exact)")
                    XCTAssertEqual(statistics(model), kept)
                    let after = try [PassMode.running, .batch].map {
                        try model.outputs(unseen, $0)
                    }
                    for (before, after) in zip(before, after) {
                        XCTAssertLessThan(outputChange(before, after), 1e-5)
                        if exact { XCTAssertEqual(before, after) }
                    }
                    guard report.accepted, search != .lookahead else { continue }
                    XCTAssertGreaterThan(report.gradientNorm2After, report.gradientNorm2Before)
                    XCTAssertEqual(
                        try gradientNorm2(model, images, .crossEntropy)
                            / report.gradientNorm2After, 1, accuracy: 1e-4)
                }
            }
        }
    }

    func testObjectivesThatAreMeasuredMoveChannels() throws {
        for objective in [
            Objective.sharpnessMinimize, .curvatureMinimize, .equalNorms, .lookahead,
        ] {
            let (model, images) = (try model(Self.normed), try images())
            let kept = statistics(model)
            var options = TeleportConfig.plain(
                .scaling,
                objective == .curvatureMinimize || objective == .lookahead
                    ? .random : .ascent, radius: objective == .equalNorms ? nil : 0.3)
            options.objective = objective
            options.candidates = 64
            let report = try Teleport(model, images.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted || objective == .lookahead, "\(objective)")
            XCTAssertLessThan(report.outputChange, 1e-5)
            XCTAssertEqual(statistics(model), kept)
        }
    }

    /// The minimum of the squared parameters: what feeds a channel has the norm of what reads it,
    /// where it has both.
    func testEqualNormsOfChannels() throws {
        for text in [Self.lenet, Self.normed] {
            let (model, images) = (try model(text), try images())
            var options = TeleportConfig.plain(.scaling, .ascent)
            options.objective = .equalNorms
            let before = squaredNorm(model.parameters.pointer, count: model.parameters.count)
            let report = try Teleport(model, images.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted)
            XCTAssertEqual(report.objectiveBefore / before, 1, accuracy: 1e-12)
            XCTAssertLessThan(report.objectiveAfter, before)
            let after = squaredNorm(model.parameters.pointer, count: model.parameters.count)
            XCTAssertEqual(report.objectiveAfter / after, 1, accuracy: 1e-6)
            let classes = try ChannelClasses(model.graph)
            var balance = [Double](repeating: 0, count: classes.channelCount)
            for block in classes.blocks {
                for i in 0..<block.rows {
                    block.forEachChannel(ofRow: i) { channel, first in
                        for place in first..<first + block.columnsPerChannel {
                            let square =
                                Double(model.parameters.pointer[place])
                                * Double(model.parameters.pointer[place])
                            balance.withUnsafeMutableBufferPointer { balance in
                                guard let all = balance.baseAddress else { return }
                                classes.rows(all, block)?[i] += square
                                classes.columns(all, block)?[channel] -= square
                            }
                        }
                    }
                }
            }
            for value in balance { XCTAssertEqual(value, 0, accuracy: 1e-5 * after) }
        }
    }

    func testMovesAlongTheLevelSet() throws {
        for search in [Search.ascent, .lookahead] {
            let (model, images) = (try model(Self.normed), try images())
            let kept = statistics(model)
            let options = TeleportConfig.plain(.levelSet, search)
            let report = try Teleport(model, images.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted || search == .lookahead)
            XCTAssertEqual(
                report.lossAfter / report.lossBefore, 1, accuracy: 2 * options.lossTolerance)
            XCTAssertEqual(statistics(model), kept)
            guard search == .ascent else { continue }
            XCTAssertGreaterThan(report.gradientNorm2After, report.gradientNorm2Before)
        }
    }

    /// Parameters of layers that may not move stay to the bit.
    private func requireMoved(_ model: Model, from before: [UInt32], layers: Set<Int>) {
        let after = model.bits
        for layer in 0..<model.graph.layerCount {
            let node = model.graph.weighted.pointer[layer]
            let first = model.graph.parameterOffset(node)
            let range = first..<first + model.graph.nodes[node].facts.parameterCount
            XCTAssertEqual(before[range] != after[range], layers.contains(layer), "\(layer)")
        }
    }

    /// Hidden layers 2 and 3 are dense, with 96 and 9 inputs; the first follows 60 samples exactly.
    func testTheLinearGroupMovesTheDenseLayersOfAConvolutionalNet() throws {
        for (search, layer) in [
            (Search.ascent, nil), (.random, nil), (.lookahead, nil), (.ascent, 2), (.ascent, 3),
        ] {
            let (model, images) = (try model(Self.lenet), try images())
            var options = TeleportConfig.plain(.linear, search, radius: 0.1)
            if let layer { options.layers = .one(layer) }
            options.lossTolerance = layer == 3 ? 0.1 : 1e-5
            let before = model.bits
            let report = try Teleport(model, images.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted || search == .lookahead, "\(search)")
            guard report.accepted else { continue }
            requireMoved(model, from: before, layers: layer == 3 ? [3, 4] : [2, 3])
            XCTAssertEqual(report.layer, layer ?? 2)
            XCTAssertEqual(
                report.lossAfter / report.lossBefore, 1, accuracy: 2 * options.lossTolerance)
            guard search != .lookahead else { continue }
            XCTAssertGreaterThan(report.gradientNorm2After, report.gradientNorm2Before)
        }
    }

    func testAGivenElementMovesADenseLayerBehindConvolutions() throws {
        let (model, images) = (try model(Self.normed), try images(7))
        let (before, bits) = (try model.outputs(images, .batch), model.bits)
        var g = [Float](repeating: 0.05, count: 49)
        for i in 0..<7 { g[i * 8] = 1.1 }
        // 6 layers: three convolutions with their norms come before it.
        try model.applyLinear(hiddenLayer: 6, g: g, count: 49, batch: images.batch)
        requireMoved(model, from: bits, layers: [6, 7])
        XCTAssertLessThan(outputChange(before, try model.outputs(images, .batch)), 1e-4)
    }

    func testNullSpaceMovesOfTheDenseLayers() throws {
        for search in [Search.ascent, .lookahead] {
            let (model, images) = (try model(Self.lenet), try images())
            var options = TeleportConfig.plain(.nullSpace, search)
            options.objective = .gradientNormMinimize
            let (before, outputs) = (model.bits, try model.outputs(images, .batch))
            let report = try Teleport(model, images.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted || search == .lookahead)
            XCTAssertLessThan(outputChange(outputs, try model.outputs(images, .batch)), 1e-5)
            // Of 9 and 8 inputs 70 samples leave nothing.
            if report.accepted { requireMoved(model, from: before, layers: [2]) }
        }
    }

    private func message(_ text: String, _ options: TeleportConfig) throws -> String {
        let graph = try Graph(text: text)
        let error = failure { try options.validate(for: graph) }
        XCTAssertEqual(error?.status, .unsupported)
        return error?.message ?? ""
    }

    func testWhatIsRefusedSaysWhy() throws {
        var linear = TeleportConfig.plain(.linear, .ascent)
        linear.layers = .one(0)
        XCTAssertEqual(
            try message(Self.lenet, linear),
            "the general linear group needs dense layers in a row; layer 'conv1' sees 64 positions a sample and has 18 inputs"
        )
        linear.layers = .one(1)
        XCTAssertEqual(
            try message(Self.normed, linear),
            "the general linear group needs dense layers in a row; layer 'bn1' is batch_norm")
        linear.layers = .all
        let convolutions = "input 3x32x32; conv 4 3x3 pad same; leaky_relu; global_avg_pool"
        for group in [Group.linear, .nullSpace] {
            linear.group = group
            XCTAssertTrue(
                try message(convolutions + "; conv 4 1x1", linear).hasSuffix(
                    "layer 'conv1' sees 1024 positions a sample and has 27 inputs"))
        }
        linear.group = .linear
        // One dense layer has no hidden one among them.
        XCTAssertTrue(
            try message(convolutions + "; dense 5", linear).hasSuffix(
                "layer 'conv1' sees 1024 positions a sample and has 27 inputs"))
        linear.group = .nullSpace
        XCTAssertNoThrow(
            try linear.validate(for: Graph(text: convolutions + "; dense 5")))
        var path = TeleportConfig.plain(.scaling, .ascent)
        path.objective = .pathConditioning
        XCTAssertTrue(try message(Self.lenet, path).contains("hidden layers in a row"))
        var scaling = TeleportConfig.plain(.scaling, .ascent)
        scaling.layers = .one(0)
        XCTAssertEqual(
            try message(Self.normed, scaling),
            "layer 'conv1' feeds 'bn1', which takes its scale away; scale 'bn1'")
    }

    /// A flattened image of 4 channels and 16 units added up: two counts of channels for one value,
    /// so neither is scaled.
    func testASumOfAFlattenedImageAndUnitsKeepsItsChannels() throws {
        let text = """
            input 2x4x4
            image = conv 4 3x3 stride 2 pad 1
            stem = leaky_relu 0.1
            flat = flatten of stem
            dense 16; leaky_relu 0.1
            units = dense 16
            add of units flat; leaky_relu 0.1
            dense 5; leaky_relu 0.1
            dense 3
            """
        let model = try model(text)
        let images = try Samples.random(20, width: 32, outputs: 3, seed: 3)
        XCTAssertEqual(try Scaling.channelCount(model.graph), 16 + 5)
        let before = try model.outputs(images)
        let report = try Teleport(
            model, images.batch, .crossEntropy, .plain(.scaling, .ascent, radius: 1)
        ).run()
        XCTAssertTrue(report.accepted)
        XCTAssertLessThan(outputChange(before, try model.outputs(images)), 1e-5)
    }

    /// The averages move as the gradients do.
    func testAnOptimizersStateMovesAlong() throws {
        let (model, images) = (try model(Self.normed), try images())
        var config = OptimizerConfig()
        config.kind = .adam
        config.learningRate = 0.01
        let optimizer = try config.makeOptimizer(parameterCount: model.parameters.count)
        let step = try TrainingStep(
            model: model, loss: .crossEntropy, optimizer: optimizer, batchSize: images.count)
        for _ in 0..<3 { _ = try step.take(images.batch) }
        let weights = model.parameters.array
        let first = try XCTUnwrap(optimizer.state.firstMoments).array
        let second = try XCTUnwrap(optimizer.state.secondMoments).array
        var options = TeleportConfig.plain(.scaling, .ascent, radius: 1)
        options.state = .transform
        options.exact = true
        let report = try Teleport(
            model, images.batch, .crossEntropy, options, optimizer: optimizer
        ).run()
        XCTAssertTrue(report.accepted)
        for i in weights.indices where weights[i] != 0 {
            let factor = model.parameters.pointer[i] / weights[i]
            XCTAssertEqual(optimizer.state.firstMoments?.pointer[i], first[i] / factor)
            XCTAssertEqual(optimizer.state.secondMoments?.pointer[i], second[i] / (factor * factor))
        }
    }

    /// Rollouts drop the units that a trainer's next steps would.
    func testRolloutsBeginAtTheTrainersStep() throws {
        let (model, images) = (try model(Self.normed), try images())
        let options = TeleportConfig.plain(.scaling, .lookahead, radius: 1)
        let scores = try [0, 0, 7].map { step in
            try Teleport(
                try Model(copying: model), images.batch, .crossEntropy, options, step: step
            ).run().scoreBefore
        }
        XCTAssertEqual(scores[0], scores[1])
        XCTAssertNotEqual(scores[0], scores[2])
    }
}

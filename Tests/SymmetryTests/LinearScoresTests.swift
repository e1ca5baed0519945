import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class LinearScoresTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// The score of an element is |grad L|^2 of the whole model that it moved, to 1e-4, for every
    /// layer, activation and loss, with the inverse given or solved for.
    func testScoresAreTheGradientNormsOfMovedModels() throws {
        for kind in [ActivationKind.leakyReLU, .tanh, .sigmoid] {
            for (loss, bias) in [(Loss.crossEntropy, true), (.meanSquaredError, false)] {
                let model = try Model.random([40, 9, 12, 11, 3], kind, bias: bias, seed: 3)
                // Away from the ends of the bounded activations' range.
                for i in 0..<model.parameters.count { model.parameters.pointer[i] *= 0.3 }
                let samples = try Samples.random(8, width: 40, outputs: 3, loss: loss, seed: 4)
                let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
                let layers = [0, 1, 2]
                let scores = try XCTUnwrap(try space.scores(loss, moving: layers))
                let before = try GradientNorm(model, samples.batch, loss).value(model)
                var generator = RandomGenerator(seed: 5)
                for m in layers {
                    let t = try XCTUnwrap(
                        try LinearGroup.randomAlgebra(
                            model.graph, layers: [m], norm: 0.2, &generator)[m])
                    let (g, inverse) = try t.exponentials()
                    let moved = try Model(copying: model)
                    var fit = LinearAction.Fit()
                    let group = try LinearGroup(model.graph, samples.batch, layers: [m])
                    XCTAssertTrue(
                        try group.act(on: moved, fit: &fit) { _, _ in
                            LinearElement(g: g, inverse: inverse)
                        })
                    let expected = try GradientNorm(moved, samples.batch, loss).value(moved)
                    // The bounded ones are nearly linear where they are safe from their ends.
                    if kind == .leakyReLU {
                        XCTAssertGreaterThan(abs(expected / before - 1), 1e-3)
                    }
                    for element in [
                        LinearElement(g: g, inverse: inverse), LinearElement(g: g),
                    ] {
                        let score = try XCTUnwrap(try scores.value(m, element))
                        XCTAssertEqual(
                            score / expected, 1, accuracy: 1e-4, "\(kind) \(loss) layer \(m)")
                    }
                    let identity = LinearElement(g: try Matrix(identity: g.rows))
                    let stayed = try XCTUnwrap(try scores.value(m, identity))
                    XCTAssertEqual(stayed / before, 1, accuracy: 1e-5)
                }
            }
        }
    }

    /// Units that are saturated on a sample stay; samples of weight 0 bound what a layer may do,
    /// but have no gradient.
    func testSaturatedUnitsAndSamplesWithoutWeightCount() throws {
        for kind in [ActivationKind.tanh, .sigmoid] {
            let model = try Model.random([40, 12, 11, 3], kind, seed: 3)
            for i in 0..<model.parameters.count { model.parameters.pointer[i] *= 0.3 }
            // Two units of each layer that moves are far out on every sample.
            for layer in model.graph.layers.elements.prefix(2) {
                for i in 0..<2 { model.parameters.pointer[layer.biasOffset + i] = 40 }
            }
            let samples = try Samples.random(8, width: 40, outputs: 3, weighted: true, seed: 4)
            for i in [0, 5] { samples.weights?.pointer[i] = 0 }
            let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
            let scores = try XCTUnwrap(try space.scores(.crossEntropy, moving: [0, 1]))
            var generator = RandomGenerator(seed: 5)
            for m in [0, 1] {
                let t = try XCTUnwrap(
                    try LinearGroup.randomAlgebra(
                        model.graph, layers: [m], norm: 0.2, &generator)[m])
                let group = try LinearGroup(model.graph, samples.batch, layers: [m])
                func element(_ z: Matrix) throws -> LinearElement {
                    try group.element(t, 1, z, layer: m) {
                        let (g, inverse) = try $0.exponentials()
                        return LinearElement(g: g, inverse: inverse)
                    }
                }
                let moved = try Model(copying: model)
                var fit = LinearAction.Fit()
                XCTAssertTrue(try group.act(on: moved, fit: &fit) { _, z in try element(z) })
                let expected = try GradientNorm(moved, samples.batch, .crossEntropy).value(moved)
                let drawn = try element(scores.preactivations(of: m))
                XCTAssertEqual(drawn.unitsLeftAlone.count { $0 }, 2)
                let score = try XCTUnwrap(try scores.value(m, drawn))
                XCTAssertEqual(score / expected, 1, accuracy: 1e-4, "\(kind) layer \(m)")
            }
        }
    }

    func testThereIsNoScoreOutsideTheRangeOrWithoutAnInverse() throws {
        let samples = try Samples.random(5, width: 20, outputs: 3, seed: 4)
        for kind in [ActivationKind.tanh, .leakyReLU] {
            let model = try Model.random([20, 6, 3], kind, seed: 3)
            let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
            let scores = try XCTUnwrap(try space.scores(.crossEntropy, moving: [0]))
            let large = try Matrix(identity: 6)
            large.scale(by: 1e3)
            let value = try scores.value(0, LinearElement(g: large))
            XCTAssertEqual(value == nil, kind == .tanh)
            let singular = try Matrix(zeros: 6, 6)
            XCTAssertNil(try scores.value(0, LinearElement(g: singular)))
        }
    }

    /// Outputs of 10^-65 are zero in floats, but not out of the range: the model moves, and there
    /// is a score.
    func testOutputsUnderTheSmallestFloatAreInTheRange() throws {
        let model = try Model.random([40, 3, 4], .sigmoid, seed: 3)
        let samples = try Samples.random(11, width: 40, outputs: 4, seed: 4)
        let layer = model.graph.layers.pointer[0]
        for i in 0..<3 { model.parameters.pointer[layer.biasOffset + i] = -150 }
        let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
        let scores = try XCTUnwrap(try space.scores(.crossEntropy, moving: [0]))
        let group = try LinearGroup(model.graph, samples.batch, layers: [0])
        var generator = RandomGenerator(seed: 5)
        for _ in 0..<20 {
            let g = try LinearGroup.diagonallyDominant(3, &generator)
            let moved = try Model(copying: model)
            var fit = LinearAction.Fit()
            XCTAssertTrue(try group.act(on: moved, fit: &fit) { _, _ in LinearElement(g: g) })
            XCTAssertNotNil(try scores.value(0, LinearElement(g: g)))
        }
    }

    /// H H^T of a hidden layer leaves the range of floats where the model does not: then candidates
    /// are moved by, not ranked.
    func testLayersTooLargeForScoresAreSearchedWithoutThem() throws {
        let model = try Model.random([40, 12, 11, 3], seed: 3)
        let layers = model.graph.layers.elements
        for i in 0..<layers[0].parameterCount { model.parameters.pointer[i] *= 1e19 }
        for i in 0..<layers[1].weightCount {
            model.parameters.pointer[layers[1].weightOffset + i] *= 1e-19
        }
        let samples = try Samples.random(8, width: 40, outputs: 3, seed: 4)
        let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
        XCTAssertNil(try space.scores(.crossEntropy, moving: [1]))
        XCTAssertNotNil(try space.scores(.crossEntropy, moving: [0]))
        var options = TeleportConfig.plain(.linear, .random, radius: 0.3)
        options.layers = .one(1)
        options.candidates = 50
        let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
        XCTAssertTrue(report.accepted, "\(report.outcome)")
    }

    /// What does not move may be wide: no square of it is ever needed.
    func testALayerThatStaysMayBeWide() throws {
        let samples = try Samples.random(8, width: 40, outputs: 3, seed: 4)
        let model = try Model.random([40, 9, 100_000, 3], seed: 3)
        let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
        let scores = try XCTUnwrap(try space.scores(.crossEntropy, moving: [0]))
        let before = try space.gradientNorm(.crossEntropy).value(space.model)
        let identity = LinearElement(g: try Matrix(identity: 9))
        XCTAssertEqual(try XCTUnwrap(try scores.value(0, identity)) / before, 1, accuracy: 1e-4)
    }

    func testThereAreNoneWhereALayerCannotFollow() throws {
        let samples = try Samples.random(8, width: 40, outputs: 3, seed: 4)
        let model = try Model.random([40, 7, 12, 3], seed: 3)
        let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
        XCTAssertNil(try space.scores(.crossEntropy, moving: [0, 1]))
        XCTAssertNotNil(try space.scores(.crossEntropy, moving: [0]))
    }

    /// The parameters in the row space where a search that moves the model by each candidate ends,
    /// and one that ranks them first; nil where it stays.
    private func ends(
        _ model: Model, _ samples: Samples, _ options: TeleportConfig
    ) throws -> ([[Float]?], [TeleportReport]) {
        let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
        var ends: [[Float]?] = []
        var reports: [TeleportReport] = []
        for rows in [nil, space] {
            var report = TeleportReport()
            let task = SearchTask(
                space.model, space.batch, .crossEntropy, options,
                radius: options.resolvedRadius, steps: options.resolvedSteps)
            let group = try LinearGroup(
                space.model.graph, space.batch, layers: [0, 1], inverse: space.inverse)
            let search = RandomSearch(
                sampler: LinearSampler(task: task, group: group, layers: [0, 1], rows: rows),
                task: task)
            let move = try search.findMove(try space.gradientNorm(.crossEntropy), &report)
            let moved = try Model(copying: space.model)
            XCTAssertTrue(move?.apply(to: moved) ?? true)
            XCTAssertEqual(move == nil, moved.parameters.array == space.model.parameters.array)
            ends.append(move == nil ? nil : moved.parameters.array)
            reports.append(report)
        }
        return (ends, reports)
    }

    /// The first in rank that does not keep the loss is refused and the next one asked, as by a
    /// search that asks all.
    func testWhereTheBestDoesNotKeepTheLossTheNextIsTaken() throws {
        var refused = 0
        var stayed = 0
        for seed in UInt64(1)...40 {
            let model = try Model.random([40, 9, 12, 3], seed: seed)
            let samples = try Samples.random(8, width: 40, outputs: 3, seed: seed)
            var options = TeleportConfig.plain(.linear, .random, radius: 3)
            options.layers = .random
            options.candidates = 10
            options.seed = seed
            // Of the size of the rounding in moves as large as these.
            options.lossTolerance = 5e-8
            let (ends, reports) = try ends(model, samples, options)
            XCTAssertEqual(ends[0], ends[1], "\(seed)")
            stayed += ends[1] == nil ? 1 : 0
            if ends[1] != nil { refused += reports[1].refused }
        }
        XCTAssertGreaterThan(refused, 5)
        XCTAssertLessThan(stayed, 20)
    }

    /// A search that ranks candidates first ends at the one that a search which moves the model by
    /// each ends at.
    func testARankedSearchEndsWhereOneThatMovesEachEnds() throws {
        for (sampler, objective) in [
            (Sampler.exponential, Objective.gradientNormMaximize),
            (.exponential, .gradientNormMinimize), (.diagonallyDominant, .gradientNormMaximize),
        ] {
            let model = try Model.random([40, 9, 12, 3], seed: 3)
            let samples = try Samples.random(8, width: 40, outputs: 3, seed: 4)
            var options = TeleportConfig.plain(.linear, .random, radius: 0.3)
            options.objective = objective
            options.sampler = sampler
            options.layers = .random
            options.candidates = 40
            options.seed = 11
            let (ends, reports) = try ends(model, samples, options)
            XCTAssertEqual(ends[0], ends[1], "\(sampler) \(objective)")
            XCTAssertNotNil(ends[0])
            XCTAssertEqual(reports[0].layer, reports[1].layer)
            XCTAssertEqual(reports[0].condition, reports[1].condition)
            XCTAssertEqual(reports[0].candidates, 41)
            XCTAssertEqual(reports[1].candidates, 41)
        }
    }
}

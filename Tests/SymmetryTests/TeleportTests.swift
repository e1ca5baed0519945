import Foundation
import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class TeleportTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private let groups: [Group] = [.scaling, .linear, .nullSpace, .levelSet]
    private let searches: [Search] = [.lookahead, .ascent, .random]
    private let objectives: [Objective] = [
        .gradientNormMaximize, .gradientNormMinimize, .sharpnessMaximize, .sharpnessMinimize,
        .curvatureMaximize, .curvatureMinimize, .lookahead,
    ]

    /// What the header says of a combination: it works, or a sentence says why not.
    private func isRefused(
        _ group: Group, _ search: Search, _ objective: Objective, _ kind: ActivationKind
    ) -> Bool {
        let isBounded = kind == .sigmoid || kind == .tanh
        if group == .scaling && isBounded || group == .linear && kind == .reLU { return true }
        if search == .random { return group == .nullSpace || group == .levelSet }
        return objective.isCurvature || objective == .lookahead
    }

    func testEveryCombinationWorksOrIsRefusedWithASentence() throws {
        // Fewer samples than hidden units, or the null space is empty: a derivative by the first
        // layer's weights lies in the span of the samples that it is taken on.
        let samples = try Samples.random(12, width: 14, outputs: 3, seed: 2)
        var outcomes: [TeleportOutcome: Int] = [:]
        for kind in [ActivationKind.identity, .leakyReLU, .reLU, .sigmoid, .tanh] {
            for group in groups {
                for search in searches {
                    for objective in objectives {
                        let name = "\(kind) \(group) \(search) \(objective)"
                        let model = try Model.random([14, 16, 15, 3], kind, seed: 1)
                        let before = model.bits
                        let outputs = try model.outputs(samples)
                        var options = TeleportConfig.plain(group, search)
                        (options.objective, options.steps) = (objective, 3)
                        (options.perturbations, options.curves, options.rolloutSteps) = (1, 2, 6)
                        if isRefused(group, search, objective, kind) {
                            let error = failure {
                                _ = try Teleport(model, samples.batch, .crossEntropy, options)
                            }
                            XCTAssertEqual(error?.status, .unsupported, name)
                            XCTAssertGreaterThan(error?.message.count ?? 0, 30, name)
                            continue
                        }
                        let report = try Teleport(model, samples.batch, .crossEntropy, options)
                            .run()
                        outcomes[report.outcome, default: 0] += 1
                        XCTAssertLessThan(report.refused, report.candidates, name)
                        guard report.accepted else {
                            XCTAssertEqual(model.bits, before, name)
                            continue
                        }
                        XCTAssertNotEqual(model.bits, before, name)
                        XCTAssertEqual(
                            report.lossBefore, report.lossAfter, accuracy: 2e-5 * report.lossBefore,
                            name)
                        XCTAssertEqual(
                            try model.value(samples, .crossEntropy), report.lossAfter,
                            accuracy: 1e-7, name)
                        XCTAssertEqual(
                            outputChange(outputs, try model.outputs(samples)), report.outputChange,
                            accuracy: 1e-6, name)
                        XCTAssertGreaterThan(abs(report.radius), 0, name)
                        XCTAssertTrue(
                            report.objectiveBefore.isFinite && report.objectiveAfter.isFinite, name)
                        // What the search promises of its own measure.
                        if search == .lookahead || objective == .lookahead {
                            XCTAssertLessThan(report.scoreAfter, report.scoreBefore, name)
                        } else {
                            let gain = report.objectiveAfter - report.objectiveBefore
                            XCTAssertGreaterThan(objective.isMaximized ? gain : -gain, 0, name)
                        }
                    }
                }
            }
        }
        // Most of them move.
        let all = outcomes.values.reduce(0, +)
        XCTAssertGreaterThan(outcomes[.accepted, default: 0], all * 3 / 4, "\(outcomes)")
        XCTAssertEqual(outcomes[.none, default: 0] + outcomes[.undone, default: 0], 0)
    }

    func testWhatDoesNotFitTogetherIsRefused() throws {
        let model = try Model.random([4, 5, 3], seed: 1)
        func status(_ model: Model, _ change: (inout TeleportConfig) -> Void) -> Status? {
            var options = TeleportConfig()
            change(&options)
            return failure {
                try options.validate()
                try options.validate(for: model.graph)
            }?.status
        }
        XCTAssertNil(status(model) { _ in })
        XCTAssertEqual(status(try Model.random([4, 3], seed: 1)) { _ in }, .unsupported)
        for layer in [1, -1, .max] {
            XCTAssertEqual(status(model) { $0.layers = .one(layer) }, .invalidArgument)
        }
        XCTAssertEqual(status(model) { $0.layers = .random }, .unsupported)
        XCTAssertNil(status(model) { ($0.layers, $0.search) = (.random, .random) })
        XCTAssertEqual(status(model) { ($0.layers, $0.group) = (.one(0), .levelSet) }, .unsupported)
        for group in [Group.linear, .nullSpace, .levelSet] {
            XCTAssertEqual(status(model) { ($0.group, $0.exact) = (group, true) }, .unsupported)
            XCTAssertEqual(
                status(model) { ($0.group, $0.state) = (group, .transform) }, .unsupported)
        }
        XCTAssertEqual(
            status(model) { ($0.search, $0.objective, $0.candidates) = (.random, .lookahead, 257) },
            .invalidArgument)
        for radius in [0, -1, 16.1, Double.nan] {
            XCTAssertEqual(
                status(model) { $0.radius = radius }, radius.isNaN ? .notFinite : .invalidArgument)
        }
        XCTAssertEqual(status(model) { $0.nullTolerance = 1 }, .invalidArgument)
        XCTAssertEqual(status(model) { $0.lossTolerance = .nan }, .notFinite)
        let norms = try Buffer(copying: [0.1, 0], count: 2)
        XCTAssertEqual(status(model) { $0.perturbationNorms = norms }, .invalidArgument)
        // Without a trainer a lookahead needs a rate; and data-dependent moves a quarter to hold
        // out.
        let three = try Samples.random(3, width: 4, outputs: 3, seed: 1)
        var options = TeleportConfig()
        XCTAssertEqual(
            failure { _ = try Teleport(model, three.batch, .crossEntropy, options) }?.status,
            .invalidArgument)
        (options.group, options.search) = (.linear, .ascent)
        XCTAssertEqual(
            failure { _ = try Teleport(model, three.batch, .crossEntropy, options) }?.status,
            .invalidArgument)
    }

    /// More samples than inputs and a large radius: the fit is off, the guard sees it on the batch.
    func testALossThatMovesIsPutBackToTheBit() throws {
        let model = try Model.random([5, 8, 6, 3], seed: 1)
        let samples = try Samples.random(40, width: 5, outputs: 3, seed: 2)
        let before = try Weights(copying: model.weights)
        let g = try LinearGroup(model.graph, samples.batch, layers: [0, 1])
        var generator = RandomGenerator(seed: 3)
        let t = try LinearGroup.randomAlgebra(
            model.graph, layers: [0, 1], norm: 2, &generator)
        var fit = LinearAction.Fit()
        let broken = try Model(copying: model)
        XCTAssertTrue(try g.move(broken, along: t, by: 1, fit: &fit))
        XCTAssertGreaterThan(fit.residual, 0.01)
        XCTAssertGreaterThan(
            abs(try broken.value(samples, .crossEntropy) - model.value(samples, .crossEntropy)),
            1e-3)
        // The search refuses such candidates; the last check does too, of a group that would offer
        // one.
        var check = try Guard(
            model, samples.batch, .crossEntropy, workspace: try model.measuringWorkspace(count: 40))
        model.weights.copy(from: broken.weights)
        try check.measureAfter()
        XCTAssertFalse(check.keepsLoss(tolerance: 1e-5))
        model.weights.copy(from: before)
        for search in searches {
            let report = try Teleport(
                model, samples.batch, .crossEntropy, .plain(.linear, search, radius: 16)
            ).run()
            XCTAssertFalse(report.accepted && abs(report.lossAfter / report.lossBefore - 1) > 2e-5)
            if !report.accepted { XCTAssertTrue(model.weights.isIdentical(to: before)) }
            model.weights.copy(from: before)
        }
    }

    func testALossOutsideTheToleranceIsPutBackToTheBit() throws {
        // The scaling group at radius 16 on a deep net: rounding alone passes a tolerance of zero.
        let model = try Model.random([30, 40, 40, 40, 3], seed: 1)
        let samples = try Samples.random(
            64, width: 30, outputs: 3, loss: .halfSquaredError, seed: 2)
        var options = TeleportConfig.plain(.scaling, .ascent, radius: 16)
        options.lossTolerance = 0
        let outputs = try model.outputs(samples)
        let before = model.bits
        let report = try Teleport(model, samples.batch, .halfSquaredError, options).run()
        if report.outcome == .accepted {
            XCTAssertLessThan(outputChange(outputs, try model.outputs(samples)), 1e-5)
        } else {
            XCTAssertEqual(report.outcome, .lossChanged)
            XCTAssertEqual(model.bits, before)
        }
    }

    /// A move that keeps its own samples and not others: weights and optimizer are as before to the
    /// bit.
    func testHeldOutSamplesPutAMoveBackToTheBit() throws {
        let model = try Model.random([32, 24, 16, 4], slope: 0.01, seed: 4)
        let samples = try Samples.random(16, width: 32, outputs: 4, seed: 5)
        let others = try Samples.random(200, width: 32, outputs: 4, seed: 6)
        var adam = OptimizerConfig()
        adam.kind = .adam
        let optimizer = try adam.makeOptimizer(parameterCount: model.parameters.count)
        optimizer.step(
            model.parameters.pointer, gradient: try model.gradient(samples, .crossEntropy))
        let before = (
            model.bits, optimizer.state.firstMoments?.array, optimizer.state.secondMoments?.array
        )
        for own in [true, false] {
            var options = TeleportConfig.plain(.linear, .ascent, radius: 2)
            options.state = .reset
            options.heldOutTolerance = 1e-4
            if own { options.heldOut = others.batch }
            let report = try Teleport(
                model, samples.batch, .crossEntropy, options, optimizer: optimizer
            ).run()
            XCTAssertEqual(report.outcome, .heldOutChanged)
            XCTAssertGreaterThan(abs(report.heldOutAfter / report.heldOutBefore - 1), 1e-4)
            XCTAssertEqual(report.lossAfter, report.lossBefore, accuracy: 2e-5 * report.lossBefore)
            XCTAssertEqual(model.bits, before.0)
            XCTAssertEqual(optimizer.state.firstMoments?.array, before.1)
            XCTAssertEqual(optimizer.state.secondMoments?.array, before.2)
            XCTAssertEqual(optimizer.state.steps, 1)
        }
        var options = TeleportConfig.plain(.linear, .ascent, radius: 2)
        options.state = .reset
        XCTAssertTrue(
            try Teleport(model, samples.batch, .crossEntropy, options, optimizer: optimizer).run()
                .accepted)
        XCTAssertEqual(optimizer.state.steps, 0)
    }

    func testExactTeleportsChangeNoBitOfAnyOutput() throws {
        for search in searches {
            let model = try Model.random([12, 20, 16, 4], seed: 4)
            let samples = try Samples.random(100, width: 12, outputs: 4, seed: 5)
            let unseen = try Samples.random(300, width: 12, outputs: 4, seed: 6)
            let before = try model.outputs(unseen).map { $0.bitPattern }
            var options = TeleportConfig.plain(.scaling, search, radius: 2)
            options.exact = true
            let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted, "\(search)")
            XCTAssertEqual(report.outputChange, 0)
            XCTAssertEqual(report.lossAfter, report.lossBefore)
            XCTAssertEqual(try model.outputs(unseen).map { $0.bitPattern }, before)
        }
        // A weight that leaves the normal floats: refused, and put back.
        let model = try Model.random([12, 20, 4], seed: 4)
        for i in 260..<340 { model.parameters.pointer[i] = 0x1p-125 }
        let samples = try Samples.random(100, width: 12, outputs: 4, seed: 5)
        let before = model.bits
        var options = TeleportConfig.plain(.scaling, .ascent, radius: 10)
        options.exact = true
        let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
        XCTAssertEqual(report.outcome, .inexact)
        XCTAssertEqual(model.bits, before)
    }

    func testABatchThatIsNotFiniteMovesNothing() throws {
        for group in groups {
            for search in [Search.ascent, .lookahead] {
                let model = try Model.random([12, 10, 8, 4], seed: 4)
                let samples = try Samples.random(10, width: 12, outputs: 4, seed: 5)
                samples.x.pointer[5] = .nan
                let before = model.bits
                let report = try Teleport(
                    model, samples.batch, .crossEntropy, .plain(group, search)
                ).run()
                XCTAssertEqual(report.outcome, .notFinite)
                XCTAssertEqual(model.bits, before)
            }
        }
    }

    /// Zero gradients: nothing can be better than staying.
    func testWhereNothingCanMoveItStays() throws {
        for group in groups {
            let model = try Model.random([12, 10, 4], seed: 4)
            let samples = try Samples.random(
                10, width: 12, outputs: 4, loss: .halfSquaredError, seed: 5)
            let outputs = try model.outputs(samples)
            for (i, value) in outputs.enumerated() { samples.targets?.pointer[i] = value }
            let before = model.bits
            let report = try Teleport(
                model, samples.batch, .halfSquaredError, .plain(group, .ascent)
            ).run()
            XCTAssertFalse(report.accepted)
            XCTAssertEqual(report.outcome, .stayed, "\(group)")
            XCTAssertEqual(model.bits, before)
        }
    }

    func testTheLayerThatMovesIsReported() throws {
        for group in [Group.scaling, .linear] {
            let samples = try Samples.random(6, width: 14, outputs: 3, seed: 2)
            for layers in [TeleportConfig.Layers.one(1), .random] {
                let model = try Model.random([14, 12, 10, 3], seed: 1)
                let before = model.parameters.array
                var options = TeleportConfig.plain(group, .random)
                options.layers = layers
                let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
                XCTAssertTrue(report.accepted)
                let layer = try XCTUnwrap(report.layer, "\(group)")
                for m in 0..<3 {
                    let shape = model.graph.layers.pointer[m]
                    let range = shape.weightOffset..<shape.weightOffset + shape.weightCount
                    let isMoved = Array(before[range]) != Array(model.parameters.array[range])
                    XCTAssertEqual(isMoved, m == layer || m == layer + 1, "\(group) \(layers) \(m)")
                }
            }
        }
    }

    func testEqualSeedsGiveEqualTeleportsToTheBit() throws {
        for group in groups {
            for search in searches where search != .random || group == .scaling || group == .linear
            {
                let samples = try Samples.random(40, width: 64, outputs: 3, seed: 2)
                var results: [[UInt32]] = []
                for _ in 0..<2 {
                    let model = try Model.random([64, 9, 8, 7, 3], seed: 1)
                    _ = try Teleport(model, samples.batch, .crossEntropy, .plain(group, search))
                        .run()
                    results.append(model.bits)
                }
                XCTAssertEqual(results[0], results[1])
            }
        }
    }

    /// Every allocation that a teleport makes, failing in turn: out of memory, and nothing has
    /// moved.
    func testALackOfMemoryMovesNothing() throws {
        let samples = try Samples.random(12, width: 14, outputs: 3, seed: 2)
        for group in groups {
            for search in searches where search != .random || group == .scaling || group == .linear
            {
                let model = try Model.random([14, 6, 5, 3], seed: 1)
                var adam = OptimizerConfig()
                adam.kind = .adam
                let optimizer = try adam.makeOptimizer(parameterCount: model.parameters.count)
                optimizer.step(
                    model.parameters.pointer, gradient: try model.gradient(samples, .crossEntropy))
                var options = TeleportConfig.plain(group, search)
                (options.steps, options.candidates, options.rolloutSteps) = (2, 3, 3)
                options.state = group == .scaling ? .transform : .reset
                let before = (model.bits, optimizer.state.firstMoments?.array)
                var count = 0
                while count < 5_000 {
                    Memory.failAllocation(after: count)
                    let error = failure {
                        _ = try Teleport(
                            model, samples.batch, .crossEntropy, options, optimizer: optimizer
                        ).run()
                    }
                    guard Memory.endAllocationFailure() else {
                        XCTAssertNil(error)
                        break
                    }
                    XCTAssertEqual(error?.status, .outOfMemory, "\(group) \(search) \(count)")
                    XCTAssertEqual(model.bits, before.0, "\(group) \(search) \(count)")
                    XCTAssertEqual(optimizer.state.firstMoments?.array, before.1)
                    count += 1 + count / 20
                }
                XCTAssertTrue((10..<5_000).contains(count), "\(group) \(search) \(count)")
            }
        }
    }
}

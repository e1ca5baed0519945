import Datasets
import Networks
import Optimization
import Runtime
import Symmetry
import TestSupport
import XCTest

@testable import Training

/// What can be known before the first step of a run, and where the teleports of its schedule begin
/// and end.
final class RunCheckTests: XCTestCase {
    /// The error of a run that would teleport in its third epoch, and the steps it took until then.
    private func fails(
        _ loss: Loss = .crossEntropy, _ change: (inout RunConfig) throws -> Void
    ) throws -> (error: TeleportError?, steps: Int) {
        let data =
            try loss == .crossEntropy
            ? Dataset.learnable(40, width: 6, classes: 3, seed: 1)
            : Dataset.fromTargets(
                x: (0..<240).map { Float($0 % 17) / 17 }, width: 6,
                targets: (0..<120).map { Float($0 % 5) / 5 }, targetWidth: 3, count: 40)
        var optimizer = OptimizerConfig()
        optimizer.learningRate = 0.01
        let trainer = try Trainer(
            try Model.random([6, 10, 8, 3], seed: 1), loss: loss, options: optimizer)
        let before = trainer.stateBits
        var options = runOptions(epochs: 4, teleports: true)
        options.teleportEpochs = try Buffer(copying: [2], count: 1)
        try change(&options)
        let error = failure { try trainer.runAll(data, options) }
        if trainer.stepCount == 0 { XCTAssertEqual(trainer.stateBits, before) }
        return (error, trainer.stepCount)
    }

    private func check(
        _ status: Status, _ part: String, _ loss: Loss = .crossEntropy,
        _ change: (inout RunConfig) throws -> Void
    ) throws {
        let (error, steps) = try fails(loss, change)
        XCTAssertEqual(error?.status, status, part)
        XCTAssert(error?.message.contains(part) ?? false, error?.message ?? "no error: \(part)")
        XCTAssertEqual(steps, 0, part)
    }

    func testHeldOutSamplesAreCheckedBeforeTheFirstStep() throws {
        let good = try Samples.random(10, width: 6, outputs: 3, seed: 2)
        XCTAssertNil(try fails { $0.teleport?.heldOut = good.batch }.error)

        let wide = try Samples.random(10, width: 7, outputs: 3, seed: 2)
        try check(.shapeMismatch, "held_out: the batch has 7 values") {
            $0.teleport?.heldOut = wide.batch
        }
        let many = try Samples.random(10, width: 6, outputs: 3, seed: 2)
        many.labels?.pointer[4] = 3
        try check(.invalidArgument, "held_out: ") { $0.teleport?.heldOut = many.batch }
        let targets = try Samples.random(
            10, width: 6, outputs: 3, loss: .meanSquaredError, seed: 2)
        try check(.invalidArgument, "held_out: ") { $0.teleport?.heldOut = targets.batch }
        let weightless = try Samples.random(10, width: 6, outputs: 3, weighted: true, seed: 2)
        for i in 0..<10 { weightless.weights?.pointer[i] = 0 }
        try check(.invalidArgument, "held_out: all 10 weights are 0") {
            $0.teleport?.heldOut = weightless.batch
        }
        let infinite = try Samples.random(10, width: 6, outputs: 3, seed: 2)
        infinite.x.pointer[8 * 6 + 5] = -.infinity
        try check(.notFinite, "held_out: value 5 of sample 8 is -inf") {
            $0.teleport?.heldOut = infinite.batch
        }
        targets.targets?.pointer[9 * 3] = .nan
        try check(.notFinite, "held_out: target 0 of sample 9 is nan", .meanSquaredError) {
            $0.teleport?.heldOut = targets.batch
        }
    }

    func testSamplesThatAreTooFewToHoldAQuarterOutAreNoticedBeforeTheFirstStep() throws {
        for group in [Group.linear, .nullSpace, .levelSet] {
            try check(.invalidArgument, "teleport_samples is 3") {
                $0.teleport?.group = group
                $0.teleportSamples = 3
            }
        }
        XCTAssertNil(try fails { $0.teleportSamples = 3 }.error)
        XCTAssertNil(
            try fails {
                $0.teleport?.group = .linear
                $0.teleport?.heldOutTolerance = -1
                $0.teleportSamples = 3
            }.error)
        XCTAssertNil(
            try fails {
                $0.teleport?.group = .linear
                $0.teleportSamples = 4
            }.error)
    }

    /// A folder that is not there, when nothing has been lost yet.
    func testAPlaceForCheckpointsIsLookedForBeforeTheFirstStep() throws {
        try check(.notFound, "nowhere/checkpoint") {
            $0.checkpoints = try CheckpointConfig(path: "nowhere/checkpoint")
        }
    }

    /// A search by steps finds weights and no element; the averages move along all the same.
    func testEveryScalingTeleportCanTransformTheState() throws {
        let data = try Dataset.learnable(40, width: 6, classes: 3, seed: 1)
        for search in [Search.ascent, .lookahead, .random] {
            let trainer = try makeTrainer(.adam)
            var options = runOptions(epochs: 2, teleports: true)
            options.teleportEpochs = try Buffer(copying: [1], count: 1)
            options.teleport?.search = search
            options.teleport?.objective = .sharpnessMinimize
            options.teleport?.state = .transform
            options.teleport?.candidates = 20
            var reports: [TeleportReport] = []
            let error = failure {
                reports = try trainer.runAll(data, options).compactMap(\.report)
            }
            XCTAssertNil(error, "\(search) \(error?.message ?? "")")
            XCTAssertEqual(reports.count, 1, "\(search)")
        }
    }

    /// A weight that is multiplied divides its gradient, so the product of it and its average
    /// stays.
    func testATransformedStateMovesAsGradientsDo() throws {
        let samples = try Samples.random(80, width: 6, outputs: 3, seed: 5)
        for search in [Search.ascent, .lookahead, .random] {
            for objective in [Objective.sharpnessMinimize, .gradientNormMaximize] {
                let trainer = try makeTrainer(.adam, rate: 0.001)
                _ = try trainer.takeStep(samples.batch)
                let state = trainer.optimizer.state
                func products() throws -> [Double] {
                    let moments = try XCTUnwrap(state.firstMoments)
                    return zip(trainer.model.parameters.elements, moments.elements).map {
                        Double($0) * Double($1)
                    }
                }
                let before = try products()
                var teleport = TeleportConfig()
                (teleport.search, teleport.objective) = (search, objective)
                (teleport.state, teleport.candidates) = (.transform, 20)
                let report = try trainer.teleport(samples.batch, teleport)
                XCTAssertTrue(report.accepted, "\(search) \(objective) \(report.outcome)")
                XCTAssertLessThan(relativeError(try products(), before), 1e-5)
                XCTAssertGreaterThan(report.condition, 1.01)
            }
        }
    }

    /// "within watch_steps of a teleport": the step at fault counts from 1.
    func testAWatchEndsWithItsLastStep() throws {
        let data = try Dataset.learnable(160, width: 6, classes: 3, seed: 1)
        // The rate goes up in the event of the second step, and the error says which loss is not
        // finite after that.
        func run(watch: Int) throws -> (undone: Int, error: TeleportError?) {
            let trainer = try makeTrainer()
            var options = runOptions(epochs: 1, teleports: true)
            (options.watchSteps, options.progressInterval) = (watch, 1)
            var undone = 0
            func change(_ event: TrainingEvent) {
                if event.kind == .step, event.step == 2, undone == 0 {
                    XCTAssertNoThrow(try trainer.setLearningRate(1e30))
                }
                guard event.report?.outcome == .undone else { return }
                undone += 1
                XCTAssertNoThrow(try trainer.setLearningRate(0.05))
            }
            let error = failure { try trainer.runAll(data, options, each: change) }
            return (undone, error)
        }
        let (undone, error) = try run(watch: 0)
        XCTAssertEqual(undone, 0)
        let message = try XCTUnwrap(error?.message)
        let words = message.split(separator: " ")
        let place = try XCTUnwrap(words.firstIndex(of: "step"))
        // Steps count from 0, and the teleport came before the first.
        let fault = try XCTUnwrap(Int(words[place + 1])) + 1
        XCTAssertGreaterThan(fault, 2)
        XCTAssertLessThan(fault, 10)
        for (watch, expected) in [(fault - 1, 0), (fault, 1), (fault + 1, 1)] {
            let (undone, error) = try run(watch: watch)
            XCTAssertEqual(undone, expected, "\(watch) of \(fault)")
            XCTAssertEqual(error == nil, expected == 1, "\(watch) of \(fault)")
        }
    }

    /// Scaling keeps every output and a rate of 0 every weight, so the loss tells the samples.
    func testEachTeleportOfARunDrawsSamplesOfItsOwn() throws {
        let data = try Dataset.learnable(96, width: 6, classes: 3, seed: 1)
        func losses(seed: UInt64) throws -> [Double] {
            var options = runOptions(epochs: 2, teleports: true)
            options.teleportEpochs = try Buffer(copying: [0, 1], count: 2)
            options.teleportsPerEpoch = 3
            (options.teleportSamples, options.seed) = (16, seed)
            return try makeTrainer(rate: 0).runAll(data, options).compactMap(\.report).map(
                \.lossBefore)
        }
        let all = try losses(seed: 3) + losses(seed: 4)
        XCTAssertEqual(all.count, 12)
        for i in all.indices {
            for j in 0..<i { XCTAssertGreaterThan(abs(all[i] - all[j]), 1e-4, "\(i) \(j)") }
        }
    }

    /// The rollout from where the weights are is what the trainer would do: with its bound on
    /// gradients.
    func testRolloutsClipGradientsAsTheTrainerDoes() throws {
        for kind in [OptimizerKind.sgd, .momentum, .adam] {
            let samples = try Samples.random(40, width: 6, outputs: 3, seed: 5)
            var teleport = TeleportConfig()
            (teleport.rolloutSteps, teleport.rolloutBatch) = (6, 40)
            let report = try makeTrainer(kind, rate: 0.1, clip: 0.1).teleport(
                samples.batch, teleport)
            var ends: [Double] = []
            for clip in [0.1, 0] {
                let trainer = try makeTrainer(kind, rate: 0.1, clip: clip)
                for _ in 0..<6 { _ = try trainer.takeStep(samples.batch) }
                ends.append(try trainer.model.value(samples, .crossEntropy))
            }
            XCTAssertEqual(report.scoreBefore, ends[0], accuracy: 1e-12, "\(kind)")
            XCTAssertGreaterThan(abs(ends[1] / ends[0] - 1), 1e-6, "\(kind)")
        }
    }
}

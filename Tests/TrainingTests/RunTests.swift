import Datasets
import Networks
import Optimization
import Runtime
import Symmetry
import TestSupport
import XCTest

@testable import Training

final class RunTests: XCTestCase {
    func testRunsLearnAndReportWhatTheyDid() throws {
        let data = try Dataset.learnable(300, width: 6, classes: 3, seed: 1)
        let trainer = try makeTrainer(rate: 0.2)
        let events = try trainer.runAll(data, runOptions(epochs: 30), validation: data)
        let epochs = events.filter { $0.kind == .epoch }
        XCTAssertEqual(epochs.map(\.epoch), Array(0..<30))
        XCTAssertEqual(epochs.last?.step, 30 * 19)
        XCTAssertEqual(epochs.last?.stepsPerEpoch, 19)
        XCTAssertGreaterThan(epochs.last?.validation?.accuracy ?? 0, 0.9)
        XCTAssertLessThan(epochs.last?.loss ?? .nan, 0.5 * (epochs.first?.loss ?? .nan))
        let metrics = try Evaluation(trainer.model, on: data).metrics(data, .crossEntropy)
        XCTAssertEqual(metrics.loss, epochs.last?.validation?.loss)
        XCTAssertEqual(metrics.correct, Int((metrics.accuracy * 300).rounded()))
    }

    /// The loss of an epoch is the mean before each step, weighted by samples; the last batch is
    /// smaller.
    func testTheLossOfAnEpochIsThatOfItsMiniBatches() throws {
        let data = try Dataset.learnable(50, width: 6, classes: 3, seed: 1)
        let trainer = try makeTrainer(rate: 0)
        let events = try trainer.runAll(data, runOptions(epochs: 1), validation: data)
        let epoch = try XCTUnwrap(events.last)
        XCTAssertEqual(epoch.loss, try XCTUnwrap(epoch.validation).loss, accuracy: 1e-6)
    }

    func testEqualSeedsGiveEqualRunsAndOthersDiffer() throws {
        let data = try Dataset.learnable(100, width: 6, classes: 3, seed: 1)
        var results: [[UInt32]] = []
        for seed in [3, 3, 4] as [UInt64] {
            let trainer = try makeTrainer(.adam)
            var options = runOptions(epochs: 3, teleports: true)
            options.seed = seed
            try trainer.runAll(data, options)
            results.append(trainer.stateBits)
        }
        XCTAssertEqual(results[0], results[1])
        XCTAssertNotEqual(results[0], results[2])
    }

    /// Stopped after every number of steps, also within an epoch and beside a teleport, and taken
    /// up again.
    func testAStoppedRunGoesOnAsIfItHadNotStopped() throws {
        let data = try Dataset.learnable(70, width: 6, classes: 3, seed: 1)
        for kind in [OptimizerKind.sgd, .adam] {
            var options = runOptions(epochs: 3, teleports: true)
            options.teleportEpochs = try Buffer(copying: [0, 1], count: 2)
            options.teleportsPerEpoch = 2
            options.progressInterval = 1
            let whole = try makeTrainer(kind)
            let events = try whole.runAll(data, options)
            XCTAssertEqual(events.count { $0.kind == .teleport }, 4)
            let wholeEpochs = events.filter { $0.kind == .epoch }.map(\.loss)
            for stop in 0..<events.count {
                let trainer = try makeTrainer(kind)
                var seen = 0
                var teleports = 0
                var epochs: [Double] = []
                let isDone = try trainer.run(
                    data, validation: nil, options: options,
                    notify: {
                        teleports += $0.kind == .teleport ? 1 : 0
                        if $0.kind == .epoch { epochs.append($0.loss) }
                        seen += 1
                        return seen == stop + 1
                    })
                XCTAssertFalse(isDone)
                options.epochs = 3 - trainer.epoch
                if options.epochs > 0 {
                    let rest = try trainer.runAll(data, options)
                    teleports += rest.count { $0.kind == .teleport }
                    epochs += rest.filter { $0.kind == .epoch }.map(\.loss)
                }
                options.epochs = 3
                XCTAssertEqual(epochs, wholeEpochs)
                XCTAssertEqual(trainer.stateBits, whole.stateBits, "stopped after event \(stop)")
                XCTAssertEqual([trainer.epoch, trainer.stepCount, teleports], [3, 15, 4])
            }
        }
    }

    func testTheStopFlagStopsBeforeTheNextStep() throws {
        let data = try Dataset.learnable(70, width: 6, classes: 3, seed: 1)
        let trainer = try makeTrainer()
        let before = trainer.stateBits
        trainer.requestStop()
        func run() throws -> Bool {
            try Stop.scope {
                try trainer.run(
                    data, validation: nil, options: runOptions(epochs: 3), notify: { _ in false })
            }
        }
        XCTAssertFalse(try run())
        XCTAssertEqual(trainer.stateBits, before)
        // The request is answered.
        XCTAssertTrue(try run())
    }

    /// Stopped at any of the questions that a teleport asks, model and optimizer are as before, and
    /// the run that goes on teleports then, to the same weights.
    func testRunStoppedWithinATeleportTeleportsWhenItGoesOn() throws {
        let data = try Dataset.learnable(256, width: 6, classes: 3, seed: 1)
        var options = runOptions(epochs: 2)
        var teleport = TeleportConfig()
        teleport.group = .scaling
        teleport.search = .lookahead
        options.teleport = teleport
        options.teleportSamples = 128
        let whole = try makeTrainer()
        try whole.runAll(data, options)

        for questions in [2, 3, 7, 20, 60] {
            let trainer = try makeTrainer()
            let before = trainer.stateBits
            try Stop.atQuestion(questions) {
                XCTAssertFalse(
                    try trainer.run(
                        data, validation: nil, options: options, notify: { _ in false }))
            }
            XCTAssertEqual(trainer.stepCount, 0, "\(questions) questions")
            XCTAssertEqual(trainer.stateBits, before)
            try trainer.runAll(data, options)
            XCTAssertEqual(trainer.stateBits, whole.stateBits)
        }
    }

    /// With a rate of 0 the first losses of the steps show the order of the samples.
    func testTeleportsDoNotChangeTheShuffles() throws {
        let data = try Dataset.learnable(96, width: 6, classes: 3, seed: 1)
        func losses(_ options: RunConfig) throws -> [Double] {
            var options = options
            options.progressInterval = 1
            return try makeTrainer(rate: 0).runAll(data, options).filter { $0.kind == .step }.map(
                \.loss)
        }
        let plain = try losses(runOptions(epochs: 3))
        var options = runOptions(epochs: 3, teleports: true)
        options.teleportEpochs = try Buffer(copying: [0, 2], count: 2)
        options.teleportsPerEpoch = 3
        let teleported = try losses(options)
        XCTAssertEqual(plain.count, 18)
        XCTAssertLessThan(relativeError(teleported, plain), 1e-5)
        // Each epoch in an order of its own.
        XCTAssertGreaterThan(relativeError(Array(plain[0..<6]), Array(plain[6..<12])), 1e-3)
    }

    /// A rate raised in the teleport's own event: training diverges and goes back to before it,
    /// reports it, goes on.
    func testATeleportThatEndsInDivergenceIsUndone() throws {
        let data = try Dataset.learnable(96, width: 6, classes: 3, seed: 1)
        for kind in [OptimizerKind.sgd, .momentum] {
            for pausing in [false, true] {
                let trainer = try makeTrainer(kind)
                var options = runOptions(epochs: 2, teleports: true)
                options.teleportEpochs = try Buffer(copying: [1], count: 1)
                options.teleportsPerEpoch = pausing ? 1 : 2
                options.progressInterval = 1
                var before: [UInt32] = []
                var after: [UInt32] = []
                var outcomes: [TeleportOutcome] = []
                func watch(_ event: TrainingEvent) {
                    if event.kind == .epoch, event.epoch == 0 { before = trainer.stateBits }
                    guard let report = event.report else { return }
                    outcomes.append(report.outcome)
                    XCTAssertNoThrow(
                        try trainer.setLearningRate(report.outcome == .undone ? 0.05 : 1e30))
                    if report.outcome == .undone { after = trainer.stateBits }
                }
                if pausing {
                    // Stopped by the teleport's event: the run that goes on still watches.
                    XCTAssertFalse(
                        try trainer.run(
                            data, validation: nil, options: options
                        ) {
                            watch($0)
                            return $0.kind == .teleport
                        })
                    options.epochs = 1
                }
                try trainer.runAll(data, options, each: watch)
                XCTAssertEqual(outcomes.last, .undone)
                XCTAssertEqual(outcomes.count { $0 == .undone }, 1)
                XCTAssertEqual(after, before, "\(kind)")
                XCTAssertEqual(trainer.epoch, 2)
                XCTAssertTrue(trainer.model.weights.areFinite)
            }
        }
    }

    func testDivergenceWithoutATeleportIsAnErrorWithFiniteWeights() throws {
        let data = try Dataset.learnable(96, width: 6, classes: 3, seed: 1)
        for watch in [nil, 0, 1] as [Int?] {
            let trainer = try makeTrainer()
            var options = runOptions(epochs: 4, teleports: watch != nil)
            options.watchSteps = watch ?? 200
            func raise(_ event: TrainingEvent) {
                guard event.kind == .epoch else { return }
                XCTAssertNoThrow(try trainer.setLearningRate(1e30))
            }
            let error = failure { try trainer.runAll(data, options, each: raise) }
            XCTAssertEqual(error?.status, .notFinite)
            XCTAssert(error?.message.contains("epoch 1") ?? false, error?.message ?? "")
            XCTAssertTrue(trainer.model.weights.areFinite)
        }
    }

    func testInsideACallbackOnlyReadingIsAllowed() throws {
        let data = try Dataset.learnable(40, width: 6, classes: 3, seed: 1)
        let samples = try Samples.random(8, width: 6, outputs: 3, seed: 2)
        let trainer = try makeTrainer()
        var statuses: [Status?] = []
        let gradient = [Float](repeating: 0, count: trainer.model.parameters.count)
        let calls: [() throws -> Void] = [
            { _ = try trainer.takeStep(samples.batch) },
            { _ = try trainer.teleport(samples.batch, TeleportConfig()) },
            { try trainer.undoTeleport() },
            { try trainer.apply(gradient: gradient, count: gradient.count) },
            { try trainer.setSchedule(LearningRateSchedule()) },
            {
                _ = try trainer.run(
                    data, validation: nil, options: RunConfig(),
                    notify: { _ in false })
            },
        ]
        try trainer.runAll(data, runOptions(epochs: 1)) { event in
            if event.kind == .epoch { statuses += calls.map { failure($0)?.status } }
        }
        XCTAssertEqual(statuses, [Status?](repeating: .badState, count: 6))
        _ = try trainer.takeStep(samples.batch)
    }

    func testOptionsAndDataThatDoNotFitAreRefusedBeforeAnyStep() throws {
        let data = try Dataset.learnable(40, width: 6, classes: 3, seed: 1)
        let wide = try Dataset.learnable(40, width: 7, classes: 3, seed: 1)
        let many = try Dataset.learnable(40, width: 6, classes: 4, seed: 1)
        let trainer = try makeTrainer()
        let before = trainer.stateBits
        func status(
            _ data: Dataset, validation: Dataset? = nil,
            _ change: (inout RunConfig) -> Void = { _ in }
        ) -> Status? {
            var options = runOptions(epochs: 1, teleports: true)
            change(&options)
            return failure { try trainer.runAll(data, options, validation: validation) }?.status
        }
        XCTAssertEqual(status(wide), .shapeMismatch)
        XCTAssertEqual(status(many), .shapeMismatch)
        XCTAssertEqual(status(data, validation: wide), .shapeMismatch)
        XCTAssertEqual(status(data) { $0.epochs = 0 }, .invalidArgument)
        XCTAssertEqual(status(data) { $0.batchSize = 0 }, .invalidArgument)
        XCTAssertEqual(status(data) { ($0.batchSize, $0.dropLast) = (41, true) }, .invalidArgument)
        XCTAssertEqual(status(data) { $0.teleportSamples = 0 }, .invalidArgument)
        XCTAssertEqual(status(data) { $0.teleportsPerEpoch = 65_537 }, .invalidArgument)
        let epochs = try Buffer<Int32>(copying: [-1], count: 1)
        XCTAssertEqual(status(data) { $0.teleportEpochs = epochs }, .invalidArgument)
        XCTAssertEqual(status(data) { $0.watchSteps = -1 }, .invalidArgument)
        XCTAssertEqual(status(data) { $0.progressInterval = -2 }, .invalidArgument)
        XCTAssertEqual(status(data) { $0.teleport?.layers = .one(9) }, .invalidArgument)
        XCTAssertEqual(trainer.stateBits, before)
        XCTAssertNil(status(data))
    }

    /// Every allocation of a run with teleports and validation, failing in turn. What fails before
    /// the first step, and while a teleport is tried, leaves the weights as they were.
    func testALackOfMemoryIsAnErrorAndNoHarm() throws {
        let data = try Dataset.learnable(40, width: 6, classes: 3, seed: 1)
        for kind in [OptimizerKind.sgd, .adam] {
            var options = runOptions(epochs: 1, teleports: true)
            options.teleport?.search = .lookahead
            options.teleport?.rolloutSteps = 3
            options.progressInterval = 1
            let whole = try makeTrainer(kind)
            let expected = whole.stateBits
            var count = 0
            while count < 5_000 {
                let trainer = try makeTrainer(kind)
                var steps = 0
                Memory.failAllocation(after: count)
                let error = failure {
                    try trainer.runAll(data, options, validation: data) {
                        steps += $0.kind == .step ? 1 : 0
                    }
                }
                guard Memory.endAllocationFailure() else {
                    XCTAssertNil(error)
                    break
                }
                XCTAssertEqual(error?.status, .outOfMemory, "allocation \(count)")
                // All memory is taken before the first step: what follows a teleport cannot fail.
                XCTAssertEqual(steps, 0)
                XCTAssertEqual(trainer.stateBits, expected, "allocation \(count)")
                // The trainer is as good as new.
                if count % 16 == 0 {
                    let fresh = try makeTrainer(kind)
                    try fresh.runAll(data, options)
                    try trainer.runAll(data, options)
                    XCTAssertEqual(trainer.stateBits, fresh.stateBits)
                }
                count += 1
            }
            XCTAssertTrue((20..<5_000).contains(count))
        }
    }
}

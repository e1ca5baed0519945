import Datasets
import Layers
import Networks
import Optimization
import Runtime
import Symmetry
import TestSupport
import XCTest

@testable import Training

final class TrainerTests: XCTestCase {
    private let kinds: [OptimizerKind] = [
        .sgd, .momentum, .nesterov, .adaGrad, .rmsProp, .adam, .adamW,
    ]

    /// The same batches by hand and by a run: not one bit of difference.
    func testStepsOfAHostEqualThoseOfARun() throws {
        let data = try Dataset.learnable(70, width: 6, classes: 3, seed: 1)
        for kind in kinds {
            for clip in [0, 0.1] {
                let run = try makeTrainer(kind, clip: clip)
                let host = try makeTrainer(kind, clip: clip)
                var options = runOptions(epochs: 2)
                options.shuffle = false
                try run.runAll(data, options)
                let samples = try SampleBuffer(for: data, capacity: 16)
                for _ in 0..<2 {
                    for first in stride(from: 0, to: 70, by: 16) {
                        _ = try host.takeStep(
                            try samples.copy(first: first, count: min(16, 70 - first)))
                    }
                }
                XCTAssertEqual(run.stateBits, host.stateBits, "\(kind)")
                XCTAssertEqual(run.stepCount, 10)
                XCTAssertEqual([run.epoch, host.epoch], [2, 0])
            }
        }
    }

    func testStepsTakeNoMemoryOnceTheirSizeIsKnown() throws {
        for kind in kinds {
            let trainer = try makeTrainer(kind, clip: 1)
            let samples = try Samples.random(32, width: 6, outputs: 3, seed: 2)
            Memory.failAllocation(after: 0)
            XCTAssertEqual(
                failure { _ = try trainer.takeStep(samples.batch) }?.status, .outOfMemory)
            XCTAssertTrue(Memory.endAllocationFailure())
            XCTAssertEqual(trainer.stepCount, 0)
            _ = try trainer.takeStep(samples.batch)
            Memory.failAllocation(after: 0)
            for count in [32, 1, 17] { _ = try trainer.takeStep(samples.batch.slice(0, count)) }
            XCTAssertFalse(Memory.endAllocationFailure())
        }
    }

    func testABatchThatIsNotFiniteLeavesWeightsAlone() throws {
        for activation in [ActivationKind.leakyReLU, .reLU, .identity, .tanh, .sigmoid] {
            for bad in [Float.nan, .infinity, -.infinity] {
                for weighted in [false, true] {
                    let trainer = try makeTrainer(.adam, activation: activation)
                    let samples = try Samples.random(
                        8, width: 6, outputs: 3, weighted: weighted, seed: 2)
                    _ = try trainer.takeStep(samples.batch)
                    let before = trainer.stateBits
                    samples.x.pointer[13] = bad
                    // A sample of weight 0 has no part in the loss, but its activations have one in
                    // the products.
                    if weighted { samples.weights?.pointer[2] = 0 }
                    let error = failure { _ = try trainer.takeStep(samples.batch) }
                    XCTAssertEqual(error?.status, .notFinite, "\(activation) \(bad)")
                    XCTAssertEqual(trainer.stateBits, before, "\(activation) \(bad)")
                    XCTAssertEqual(trainer.stepCount, 1)
                    samples.x.pointer[13] = 0
                    _ = try trainer.takeStep(samples.batch)
                }
            }
        }
    }

    func testGradientsOfAHostStepOrAreRefused() throws {
        let trainer = try makeTrainer(.adam)
        let twin = try makeTrainer(.adam)
        let samples = try Samples.random(8, width: 6, outputs: 3, seed: 2)
        let gradient = try trainer.model.gradient(samples, .crossEntropy)
        _ = try twin.takeStep(samples.batch)
        try trainer.apply(gradient: gradient, count: gradient.count)
        XCTAssertLessThan(
            relativeError(trainer.model.parameters.array, twin.model.parameters.array), 1e-6)
        let before = trainer.stateBits
        XCTAssertEqual(
            failure { try trainer.apply(gradient: gradient, count: 5) }?.status, .shapeMismatch)
        var bad = gradient
        bad[7] = .nan
        XCTAssertEqual(
            failure { try trainer.apply(gradient: bad, count: bad.count) }?.message,
            "gradient[7] is nan")
        XCTAssertEqual(trainer.stateBits, before)
        XCTAssertEqual(trainer.stepCount, 1)
    }

    func testRatesFollowTheScheduleAndTheCallerAndBadOnesStopTheStep() throws {
        let trainer = try makeTrainer(rate: 0.5)
        let samples = try Samples.random(8, width: 6, outputs: 3, seed: 2)
        var schedule = LearningRateSchedule()
        (schedule.kind, schedule.interval, schedule.factor) = (.step, 2, 0.1)
        try trainer.setSchedule(schedule)
        for expected in [0.5, 0.5, 0.05, 0.05] {
            XCTAssertEqual(trainer.learningRate, expected, accuracy: 1e-15)
            _ = try trainer.takeStep(samples.batch)
        }
        try trainer.setLearningRate(2)
        XCTAssertEqual(trainer.learningRate, 0.02, accuracy: 1e-15)
        XCTAssertEqual(failure { try trainer.setLearningRate(-1) }?.status, .invalidArgument)
        schedule.kind = .callback
        var rate = 0.0
        schedule.callback = { _, _ in rate }
        try trainer.setSchedule(schedule)
        let before = try Weights(copying: trainer.model.weights)
        _ = try trainer.takeStep(samples.batch)
        XCTAssertTrue(trainer.model.weights.isIdentical(to: before))
        for bad in [-1, Double.nan, .infinity, 1e300] {
            rate = bad
            XCTAssertEqual(
                failure { _ = try trainer.takeStep(samples.batch) }?.status,
                bad.isFinite ? .invalidArgument : .notFinite)
            XCTAssertTrue(trainer.model.weights.isIdentical(to: before))
        }
    }

    func testUndoGoesBackToTheBit() throws {
        let samples = try Samples.random(64, width: 6, outputs: 3, seed: 2)
        for state in [StatePolicy.keep, .reset, .transform] {
            let trainer = try makeTrainer(.adam)
            XCTAssertEqual(failure { try trainer.undoTeleport() }?.status, .badState)
            var options = TeleportConfig()
            (options.search, options.state) = (.ascent, state)
            for _ in 0..<2 {
                for _ in 0..<3 { _ = try trainer.takeStep(samples.batch) }
                let before = trainer.stateBits
                XCTAssertTrue(try trainer.teleport(samples.batch, options).accepted)
                XCTAssertNotEqual(trainer.stateBits, before)
                for _ in 0..<2 { _ = try trainer.takeStep(samples.batch) }
                let steps = trainer.stepCount
                try trainer.undoTeleport()
                XCTAssertEqual(trainer.stateBits, before)
                XCTAssertEqual(trainer.stepCount, steps)
                XCTAssertEqual(failure { try trainer.undoTeleport() }?.status, .badState)
            }
        }
    }

    /// A refused teleport does not take away the way back from the one before it.
    func testARefusedTeleportLeavesTheEarlierOneToUndo() throws {
        let samples = try Samples.random(64, width: 6, outputs: 3, seed: 2)
        let trainer = try makeTrainer(.momentum)
        _ = try trainer.takeStep(samples.batch)
        let before = trainer.stateBits
        var options = TeleportConfig()
        options.search = .ascent
        XCTAssertTrue(try trainer.teleport(samples.batch, options).accepted)
        let between = trainer.stateBits
        samples.x.pointer[0] = .nan
        XCTAssertFalse(try trainer.teleport(samples.batch, options).accepted)
        XCTAssertEqual(trainer.stateBits, between)
        try trainer.undoTeleport()
        XCTAssertEqual(trainer.stateBits, before)
    }
}

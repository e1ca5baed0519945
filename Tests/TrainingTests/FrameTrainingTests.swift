import Datasets
import Foundation
import Layers
import Networks
import Optimization
import Runtime
import Symmetry
import TestSupport
import XCTest

@testable import Training

final class FrameTrainingTests: XCTestCase {
    /// What can be trained in frames: an optimizer, its average, and a kind of frame.
    struct Way {
        let kind: OptimizerKind
        var average = Average.standard
        var frame = FrameKind.whiten
        var input = FrameInput.centre
        var clip = 0.0
        var decay: Double?
        var outputs = false
    }

    let ways: [Way] = [
        Way(kind: .sgd), Way(kind: .sgd, clip: 0.1), Way(kind: .sgd, average: .scheduleFree),
        Way(kind: .sgd, average: .polynomial, frame: .centre), Way(kind: .momentum),
        Way(kind: .nesterov, decay: 0.1), Way(kind: .adaGrad), Way(kind: .rmsProp, decay: 0.1),
        Way(kind: .adam), Way(kind: .adam, frame: .rotate), Way(kind: .adamW),
        Way(kind: .adamW, average: .scheduleFree, frame: .rotate), Way(kind: .dog),
        Way(kind: .sgd, input: .rank), Way(kind: .adam, input: .rank),
        Way(kind: .dog, input: .rank),
        Way(kind: .sgd, outputs: true), Way(kind: .sgd, average: .polynomial, outputs: true),
        Way(kind: .nesterov, clip: 0.1, decay: 0.1, outputs: true),
        Way(kind: .rmsProp, decay: 0.1, outputs: true), Way(kind: .dog, outputs: true),
        Way(kind: .adamW, average: .scheduleFree, frame: .rotate, outputs: true),
    ]

    func trainer(_ way: Way, seed: UInt64 = 1) throws -> Trainer {
        var options = OptimizerConfig()
        (options.kind, options.average, options.clipNorm) = (way.kind, way.average, way.clip)
        (options.learningRate, options.weightDecay) = (0.02, way.decay)
        return try Trainer(
            try Model.random([6, 10, 8, 3], seed: seed), loss: .crossEntropy, options: options)
    }

    func frames(_ way: Way, every: Int = 7) -> FrameConfig {
        var options = FrameConfig()
        (options.kind, options.every, options.earlyEvery) = (way.frame, every, 3)
        (options.earlySteps, options.samples, options.warmupSteps) = (9, 40, 10)
        (options.input, options.inputRank) = (way.input, 3)
        options.outputs = way.outputs
        return options
    }

    func bits(_ trainer: Trainer) -> [UInt32] {
        trainer.stateBits
            + (trainer.optimizer.state.average?.elements.map { $0.bitPattern } ?? [])
            + (trainer.optimizer.state.fast?.elements.map { $0.bitPattern } ?? [])
            + (trainer.frames?.numbers.elements.map { $0.bitPattern } ?? [])
    }

    private var frameTeleport: TeleportConfig {
        var options = TeleportConfig()
        options.group = .frame
        return options
    }

    func testATeleportOfFramesChangesNoBitOfLossAndOutputsInAThousandNets() throws {
        var generator = RandomGenerator(seed: 5)
        for seed in 0..<1_000 {
            let widths = (0..<2 + generator.nextIndex(below: 4)).map { _ in
                1 + generator.nextIndex(below: 12)
            }
            let bias = seed % 4 > 0
            let model = try Model.random(
                widths, ActivationKind.allCases[seed % 5], bias: bias, seed: UInt64(seed))
            let way = ways[seed % ways.count]
            var options = OptimizerConfig()
            (options.kind, options.average) = (way.kind, way.average)
            let loss: Loss = seed % 2 == 0 ? .crossEntropy : .meanSquaredError
            let outputs = widths[widths.count - 1]
            let samples = try Samples.random(
                1 + generator.nextIndex(below: 30), width: widths[0], outputs: outputs, loss: loss,
                seed: UInt64(seed))
            let trainer = try Trainer(model, loss: loss, options: options)
            let (before, value) = (model.bits, try model.value(samples, loss))
            guard bias || widths.count > 2 else {
                XCTAssertEqual(
                    failure { _ = try trainer.teleport(samples.batch, frameTeleport) }?.status,
                    .unsupported)
                continue
            }
            let report = try trainer.teleport(samples.batch, frameTeleport)
            XCTAssertEqual(report.outcome, .accepted, "\(widths)")
            XCTAssertEqual(report.outputChange, 0)
            XCTAssertEqual(report.lossBefore, report.lossAfter)
            XCTAssertEqual(report.lossBefore, value)
            XCTAssertEqual(model.bits, before)
        }
    }

    /// With V = W_bar A^-T and u = A^T h_bar the same net: a step of SGD on V, by finite
    /// differences of the loss in double, is the step in the frame.
    func testAStepInAFrameIsAStepOfTheExplicitNet() throws {
        for (activation, hidden, input) in [
            (ActivationKind.leakyReLU, 5, FrameInput.centre), (.tanh, 5, .centre),
            (.sigmoid, 5, .rank), (.leakyReLU, 260, .rank),
        ] {
            let model = try Model.random([4, hidden, 3], activation, seed: 3)
            let samples = try Samples.random(30, width: 4, outputs: 3, seed: 4)
            var options = OptimizerConfig()
            options.learningRate = 0.1
            let trainer = try Trainer(model, loss: .crossEntropy, options: options)
            var config = FrameConfig()
            (config.every, config.input, config.inputRank) = (-1, input, 2)
            try trainer.setFrames(config)
            let report = try trainer.teleport(samples.batch, frameTeleport)
            XCTAssertEqual(report.refused, 0)
            trainer.frames?.age = 1_000  // past the warm-up
            let frames = try XCTUnwrap(trainer.frames)
            let reference = ReferenceNetwork(model)
            let count = model.parameters.count
            // dL/dW, then times P by the rows of P that unit gradients give.
            let gradient = (0..<count).map { i in
                var (up, down) = (reference, reference)
                up.parameters[i] += 1e-5
                down.parameters[i] -= 1e-5
                return (up.loss(samples, .crossEntropy) - down.loss(samples, .crossEntropy)) / 2e-5
            }
            var expected = reference.parameters
            for i in 0..<count {
                let unit = try Buffer<Float>(repeating: 0, count: count)
                unit.pointer[i] = 1
                frames.enter(unit.pointer)
                for j in 0..<count { expected[j] -= 0.1 * gradient[i] * Double(unit.pointer[j]) }
            }
            _ = try trainer.takeStep(samples.batch)
            let moved = zip(model.parameters.array, reference.parameters).map { Double($0) - $1 }
            let wanted = zip(expected, reference.parameters).map { $0 - $1 }
            XCTAssertLessThan(relativeError(moved, wanted), 1e-4, "\(activation)")
        }
    }

    func testAnUndoneTeleportLeavesNoTrace() throws {
        let samples = try Samples.random(30, width: 6, outputs: 3, seed: 2)
        for way in ways where way.frame == .whiten {
            for framed in [false, true] {
                let trainer = try trainer(way)
                if framed { try trainer.setFrames(frames(way)) }
                for _ in 0..<5 { _ = try trainer.takeStep(samples.batch) }
                let before = bits(trainer)
                _ = try trainer.teleport(samples.batch.slice(0, 20), frameTeleport)
                _ = try trainer.takeStep(samples.batch)
                XCTAssertNotEqual(bits(trainer), before)
                try trainer.undoTeleport()
                XCTAssertEqual(bits(trainer), before, "\(way)")
                XCTAssertEqual(trainer.frames == nil, !framed)
                _ = try trainer.takeStep(samples.batch)
            }
        }
    }

    /// Stopped at 20 places, saved, loaded and continued.
    func testARunInFramesGoesOnToTheBit() throws {
        let data = try Dataset.learnable(90, width: 6, classes: 3, seed: 1)
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("frames-\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        for way in ways {
            var options = runOptions(epochs: 4)
            (options.frames, options.finish, options.progressInterval) = (frames(way), .last, 1)
            let whole = try trainer(way)
            try whole.runAll(data, options)
            for stop in 1...20 {
                let first = try trainer(way)
                var seen = 0
                _ = try first.run(data, validation: nil, options: options) { _ in
                    seen += 1
                    return seen == stop
                }
                try first.save(to: path)
                let second = try Trainer.load(from: path)
                XCTAssertEqual(bits(second), bits(first))
                var rest = options
                rest.epochs = 4 - second.epoch
                try second.runAll(data, rest)
                XCTAssertEqual(bits(second), bits(whole), "\(way) stopped at event \(stop)")
            }
        }
    }

    /// The same for a host's own steps, whose frames come from the samples they have seen.
    func testAHostsStepsInFramesGoOnToTheBit() throws {
        let samples = try Samples.random(64, width: 6, outputs: 3, seed: 2)
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("host-\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        for way in ways {
            var trainer = try trainer(way)
            try trainer.setFrames(frames(way))
            var saved = try self.trainer(way)
            try saved.setFrames(frames(way))
            for t in 0..<20 {
                _ = try trainer.takeStep(samples.batch.slice(t % 4 * 16, 16))
                _ = try saved.takeStep(samples.batch.slice(t % 4 * 16, 16))
                try saved.save(to: path)
                saved = try Trainer.load(from: path)
                XCTAssertEqual(bits(saved), bits(trainer), "\(way) \(t)")
            }
            trainer = saved
        }
    }

    func testFramesLeftAndEnteredAgainKeepAveragesOfGradients() throws {
        let samples = try Samples.random(40, width: 6, outputs: 3, seed: 2)
        let trainer = try makeTrainer(.momentum)
        for _ in 0..<4 { _ = try trainer.takeStep(samples.batch) }
        let before = try XCTUnwrap(trainer.optimizer.state.firstMoments).array
        _ = try trainer.teleport(samples.batch, frameTeleport)
        XCTAssertGreaterThan(
            relativeError(try XCTUnwrap(trainer.optimizer.state.firstMoments).array, before), 1e-2)
        try trainer.setFrames(nil)
        XCTAssertLessThan(
            relativeError(try XCTUnwrap(trainer.optimizer.state.firstMoments).array, before), 1e-5)
    }

    func testStepsInFramesTakeNoMemoryBetweenRefreshes() throws {
        let samples = try Samples.random(32, width: 6, outputs: 3, seed: 2)
        for way in ways {
            let trainer = try trainer(way)
            try trainer.setFrames(frames(way, every: 1_000))
            for _ in 0..<10 { _ = try trainer.takeStep(samples.batch) }
            Memory.failAllocation(after: 0)
            for count in [32, 1, 17] { _ = try trainer.takeStep(samples.batch.slice(0, count)) }
            XCTAssertFalse(Memory.endAllocationFailure())
        }
    }

    /// A gradient from the host is taken into the frames as the trainer's own is.
    func testAppliedGradientsStepAsOwnOnes() throws {
        let samples = try Samples.random(32, width: 6, outputs: 3, seed: 2)
        for way in ways {
            let (own, host) = (try trainer(way), try trainer(way))
            for trainer in [own, host] {
                try trainer.setFrames(frames(way, every: 1_000))
                for _ in 0..<10 { _ = try trainer.takeStep(samples.batch) }
            }
            let gradient = try host.model.gradient(samples, .crossEntropy)
            _ = try own.takeStep(samples.batch)
            try host.apply(gradient: gradient, count: gradient.count)
            XCTAssertLessThan(
                relativeError(host.model.parameters.array, own.model.parameters.array), 1e-5,
                "\(way)")
        }
    }

    func testTrainingThatGoesWrongGoesBackWithHalfTheRate() throws {
        let data = try Dataset.learnable(200, width: 6, classes: 3, seed: 1)
        let trainer = try makeTrainer(.sgd, rate: 8)
        var options = runOptions(epochs: 30)
        options.frames = frames(Way(kind: .sgd))
        let events = try trainer.runAll(data, options)
        let undone = events.filter { $0.report?.outcome == .undone }
        XCTAssertFalse(undone.isEmpty)
        XCTAssertEqual(
            try XCTUnwrap(trainer.frames).scale, pow(0.5, Double(undone.count)), accuracy: 0)
        XCTAssertTrue(undone.allSatisfy { $0.report?.group == .frame })
        let losses = events.filter { $0.kind == .epoch }.map { $0.loss }
        XCTAssertLessThan(try XCTUnwrap(losses.last), 1.1)
    }

    /// Losses that are higher because the host begins something else are no divergence.
    func testOtherDataOrOtherWeightsAreNotTakenBack() throws {
        let data = try Dataset.learnable(200, width: 6, classes: 3, seed: 1)
        let other = try Dataset.learnable(200, width: 6, classes: 3, seed: 2)
        for changesData in [false, true] {
            let trainer = try makeTrainer(.adam, rate: 0.02)
            var options = runOptions(epochs: 40)
            options.frames = frames(Way(kind: .adam))
            try trainer.runAll(data, options)
            for i in 0..<trainer.model.parameters.count {
                trainer.model.parameters.pointer[i] *= changesData ? -1 : -3
            }
            let events = try trainer.runAll(changesData ? other : data, options)
            XCTAssertFalse(events.contains { $0.report?.outcome == .undone })
        }
    }

    /// What cannot be inverted, or is not finite, makes no frame: the old ones stay.
    func testInputsThatAreNotFiniteKeepTheOldFrames() throws {
        let samples = try Samples.random(30, width: 6, outputs: 3, seed: 2)
        let trainer = try makeTrainer(.adam)
        _ = try trainer.teleport(samples.batch, frameTeleport)
        let before = bits(trainer)
        samples.x.pointer[7] = .infinity
        let refresh = try trainer.refreshFrames(x: samples.x.pointer, count: 30)
        XCTAssertEqual(refresh.renewed, 0)
        XCTAssertEqual(refresh.kept, 3)
        XCTAssertEqual(bits(trainer), before)
    }

    func testWhatFramesDoNotFollowIsRefused() throws {
        let samples = try Samples.random(80, width: 6, outputs: 3, seed: 2)
        let trainer = try makeTrainer()
        XCTAssertEqual(
            failure { _ = try trainer.averagedModel() }?.status, .unsupported)
        try trainer.setFrames(FrameConfig())
        let refused = failure { _ = try trainer.teleport(samples.batch, TeleportConfig()) }
        XCTAssertEqual(refused?.status, .unsupported)
        XCTAssertTrue(try XCTUnwrap(refused).message.contains("tp_trainer_set_frames"))
        XCTAssertEqual(
            failure {
                _ = try Teleport(trainer.model, samples.batch, .crossEntropy, frameTeleport)
            }?.status, .unsupported)
        var rotate = FrameConfig()
        rotate.kind = .rotate
        XCTAssertEqual(failure { try trainer.setFrames(rotate) }?.status, .unsupported)
        let averaging = try self.trainer(Way(kind: .dog))
        XCTAssertEqual(
            failure { _ = try averaging.teleport(samples.batch, TeleportConfig()) }?.status,
            .unsupported)
        var bad = FrameConfig()
        bad.damping = 0
        XCTAssertEqual(failure { try trainer.setFrames(bad) }?.status, .invalidArgument)
        var options = OptimizerConfig()
        (options.kind, options.average) = (.momentum, .scheduleFree)
        XCTAssertEqual(
            failure { _ = try options.makeOptimizer(parameterCount: 1) }?.status, .unsupported)
    }
}

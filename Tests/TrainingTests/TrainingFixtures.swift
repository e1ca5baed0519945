import Datasets
import Layers
import Networks
import Optimization
import Runtime
import Symmetry
import TestSupport
import XCTest

@testable import Training

func failure(_ body: () throws -> Void) -> TeleportError? {
    do { try body() } catch { return error as? TeleportError }
    return nil
}

extension Dataset {
    /// Normal samples whose class the first inputs decide, so that there is something to learn.
    static func learnable(_ count: Int, width: Int, classes: Int, seed: UInt64) throws -> Dataset {
        var generator = RandomGenerator(seed: seed, stream: 77)
        var x = [Float](repeating: 0, count: count * width)
        var labels = [Int32](repeating: 0, count: count)
        for i in 0..<count {
            for j in 0..<width { x[i * width + j] = Float(generator.nextNormal()) }
            labels[i] = Int32((0..<classes).max { x[i * width + $0] < x[i * width + $1] } ?? 0)
        }
        return try Dataset.fromLabels(
            x: x, width: width, labels: labels, count: count, classCount: classes)
    }
}

extension Trainer {
    /// All that a step depends on: weights, averages, steps.
    var stateBits: [UInt32] {
        model.bits + (optimizer.state.firstMoments?.elements.map { $0.bitPattern } ?? [])
            + (optimizer.state.secondMoments?.elements.map { $0.bitPattern } ?? [])
            + [UInt32(optimizer.state.steps)]
    }

    /// Runs without stopping; gives the events.
    @discardableResult
    func runAll(
        _ train: Dataset, _ options: RunConfig, validation: Dataset? = nil,
        each: (TrainingEvent) -> Void = { _ in }
    ) throws -> [TrainingEvent] {
        var events: [TrainingEvent] = []
        let isDone = try withoutActuallyEscaping(each) { each in
            try run(
                train, validation: validation, options: options,
                notify: {
                    events.append($0)
                    each($0)
                    return false
                })
        }
        XCTAssertTrue(isDone)
        return events
    }
}

func makeTrainer(
    _ kind: OptimizerKind = .sgd, rate: Double = 0.05, clip: Double = 0,
    widths: [Int] = [6, 10, 8, 3],
    activation: ActivationKind = .leakyReLU
) throws -> Trainer {
    var options = OptimizerConfig()
    (options.kind, options.learningRate, options.clipNorm) = (kind, rate, clip)
    return try Trainer(
        try Model.random(widths, activation, seed: 1), loss: .crossEntropy, options: options)
}

func runOptions(epochs: Int, teleports: Bool = false) -> RunConfig {
    var options = RunConfig()
    (options.epochs, options.batchSize, options.seed) = (epochs, 16, 3)
    if teleports {
        var teleport = TeleportConfig()
        (teleport.search, teleport.radius) = (.ascent, 0.5)
        options.teleport = teleport
        options.teleportSamples = 64
    }
    return options
}

import Foundation
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Optimization

final class OptimizerTests: XCTestCase {
    private let kinds: [OptimizerKind] = [
        .sgd, .momentum, .nesterov, .adaGrad, .rmsProp, .adam, .adamW,
    ]

    private func options(_ name: String) -> OptimizerConfig {
        var options = OptimizerConfig()
        switch name {
        case "sgd": (options.kind, options.learningRate) = (.sgd, 0.1)
        case "sgd_weight_decay":
            (options.kind, options.learningRate, options.weightDecay) = (.sgd, 0.1, 0.01)
        case "momentum": (options.kind, options.learningRate) = (.momentum, 0.05)
        case "nesterov": (options.kind, options.learningRate) = (.nesterov, 0.05)
        case "adagrad": (options.kind, options.learningRate) = (.adaGrad, 0.1)
        case "rmsprop": (options.kind, options.learningRate) = (.rmsProp, 0.01)
        case "adam": (options.kind, options.learningRate) = (.adam, 0.01)
        case "adamw": (options.kind, options.learningRate) = (.adamW, 0.01)
        default: XCTFail("no optimizer \(name)")
        }
        return options
    }

    /// 25 steps in float32 against PyTorch's in float64. Losses to 1e-5; weights to 1e-5, to 1e-4
    /// where the step divides by the root of small averages, which magnifies a gradient's rounding.
    func testGoldenRunsOfAllOptimizers() throws {
        let golden = try Golden.file("optimizers")
        let runs = golden["runs"].list
        XCTAssertEqual(runs.count, 8)
        for run in runs {
            let name = run["optimizer"].text
            let model = try golden.model()
            let samples = try golden.samples()
            let options = options(name)
            let step = try TrainingStep(
                model: model, loss: .crossEntropy,
                optimizer: try options.makeOptimizer(parameterCount: model.parameters.count),
                batchSize: samples.count)
            for loss in run["losses"].numbers {
                XCTAssertEqual(
                    try XCTUnwrap(try step.take(samples.batch)) / loss, 1, accuracy: 1e-5, name)
            }
            let divides = ["adagrad", "rmsprop", "adam", "adamw"].contains(name)
            XCTAssertLessThan(
                relativeError(model.parameters.array, run.parameters("W_final", "b_final")),
                divides ? 1e-4 : 1e-5, name)
        }
    }

    /// One step each from known weights and a known gradient, with weight decay, in double.
    func testTwoStepsByTheFormulasWithDecay() throws {
        let count = 37
        let start = try Samples.random(1, width: count, outputs: 1, seed: 1).x.array
        let slopes = try (2...3).map {
            try Samples.random(1, width: count, outputs: 1, seed: $0).x.array
        }
        for kind in kinds {
            var options = OptimizerConfig()
            options.kind = kind
            options.learningRate = 0.03
            options.weightDecay = 0.1
            options.epsilon = 1e-3
            let optimizer = try options.makeOptimizer(parameterCount: count)
            let weights = try Buffer(start)
            for slope in slopes { optimizer.step(weights.pointer, gradient: slope) }
            for i in 0..<count {
                var (w, m, s) = (Double(start[i]), 0.0, 0.0)
                for (t, slope) in slopes.enumerated() {
                    var g = Double(slope[i])
                    if kind != .adamW { g += 0.1 * w }
                    switch kind {
                    case .sgd: w -= 0.03 * g
                    case .dog: break
                    case .momentum:
                        m = 0.9 * m + g
                        w -= 0.03 * m
                    case .nesterov:
                        m = 0.9 * m + g
                        w -= 0.03 * (g + 0.9 * m)
                    case .adaGrad:
                        s += g * g
                        w -= 0.03 * g / (s.squareRoot() + 1e-3)
                    case .rmsProp:
                        s = 0.99 * s + 0.01 * g * g
                        w -= 0.03 * g / (s.squareRoot() + 1e-3)
                    case .adam, .adamW:
                        if kind == .adamW { w -= 0.03 * 0.1 * w }
                        m = 0.9 * m + 0.1 * g
                        s = 0.999 * s + 0.001 * g * g
                        let (bias1, bias2) = (
                            1 - pow(0.9, Double(t + 1)), 1 - pow(0.999, Double(t + 1))
                        )
                        w -= 0.03 * (m / bias1) / ((s / bias2).squareRoot() + 1e-3)
                    }
                }
                XCTAssertEqual(Double(weights.pointer[i]), w, accuracy: 2e-6, "\(kind)")
            }
        }
    }

    func testCopiesGoOnAsTheOriginalAndLeaveItAlone() throws {
        let count = 21
        let slope = try Samples.random(1, width: count, outputs: 1, seed: 4).x.array
        for kind in kinds {
            var options = OptimizerConfig()
            options.kind = kind
            let original = try options.makeOptimizer(parameterCount: count)
            let weights = try Buffer(repeating: Float(1), count: count)
            original.step(weights.pointer, gradient: slope)
            original.learningRate = 0.07
            let copy = try original.copy()
            XCTAssertEqual(copy.learningRate, 0.07)
            XCTAssertEqual(copy.state.steps, original.state.steps)
            let aside = try Buffer(copying: weights)
            for _ in 0..<3 { copy.step(aside.pointer, gradient: slope) }
            let firsts = original.state.firstMoments?.array
            for _ in 0..<3 { original.step(weights.pointer, gradient: slope) }
            XCTAssertEqual(aside.array, weights.array, "\(kind)")
            XCTAssertEqual(copy.state.firstMoments?.array, original.state.firstMoments?.array)
            XCTAssertEqual(copy.state.secondMoments?.array, original.state.secondMoments?.array)
            if let firsts { XCTAssertNotEqual(firsts, original.state.firstMoments?.array) }
            // Back in time, and forward again.
            let fresh = try options.makeOptimizer(parameterCount: count)
            XCTAssertEqual(fresh.learningRate, 0.01)
            original.restore(from: fresh)
            XCTAssertEqual(original.state.steps, 0)
            XCTAssertNil(original.state.firstMoments?.array.first { $0 != 0 })
            copy.state.reset()
            XCTAssertEqual(copy.state.secondMoments?.array, original.state.secondMoments?.array)
        }
    }

    /// Every thread takes weights of its own, and what a weight does depends on no other.
    func testStepsSharedByThreadsAreEqualToTheBit() throws {
        let threads = ThreadPool.shared.threadCount
        defer { XCTAssertNoThrow(try ThreadPool.shared.setThreadCount(threads)) }
        let count = 3 * AdaptiveStep.smallestShare + 5
        var generator = RandomGenerator(seed: 3)
        let start = (0..<count).map { _ in Float(generator.nextDouble() - 0.5) }
        let gradient = (0..<count).map { _ in Float(generator.nextDouble() - 0.5) }
        for kind in kinds {
            var options = OptimizerConfig()
            (options.kind, options.learningRate, options.weightDecay) = (kind, 0.01, 0.1)
            var ends: [[Float]] = []
            for threads in 1...4 {
                try ThreadPool.shared.setThreadCount(threads)
                let optimizer = try options.makeOptimizer(parameterCount: count)
                var parameters = start
                for _ in 0..<2 { optimizer.step(&parameters, gradient: gradient) }
                ends.append(parameters)
            }
            // A step may round to nothing, but hardly ever.
            let still = zip(ends[0], start).count { $0 == $1 }
            XCTAssertLessThan(still, count / 1000, "\(kind)")
            for end in ends.dropFirst() { XCTAssertEqual(end, ends[0], "\(kind)") }
        }
    }

    func testOptionsOutOfRangeAreRefused() {
        func refusal(_ change: (inout OptimizerConfig) -> Void) -> String? {
            var options = OptimizerConfig()
            change(&options)
            do { try options.validate() } catch { return (error as? TeleportError)?.message }
            return nil
        }
        XCTAssertNil(refusal { _ in })
        for bad in [-0.1, Double.nan, .infinity, 1e300] {
            XCTAssert(refusal { $0.learningRate = bad }?.hasPrefix("learning_rate is") ?? false)
            XCTAssertNotNil(refusal { $0.epsilon = bad })
            XCTAssertNotNil(refusal { $0.weightDecay = bad })
        }
        for bad in [-0.1, 1, Double.nan, .infinity] {
            XCTAssertNotNil(refusal { $0.momentum = bad })
            XCTAssertNotNil(refusal { $0.beta1 = bad })
            XCTAssertNotNil(refusal { $0.beta2 = bad })
            XCTAssertNotNil(refusal { $0.alpha = bad })
        }
        for bad in [-1, Double.nan, .infinity] { XCTAssertNotNil(refusal { $0.clipNorm = bad }) }
        XCTAssertEqual(OptimizerConfig().resolvedEpsilon, 1e-8)
        var adaGrad = OptimizerConfig()
        adaGrad.kind = .adaGrad
        XCTAssertEqual(adaGrad.resolvedEpsilon, 1e-10)
        var adamW = OptimizerConfig()
        adamW.kind = .adamW
        XCTAssertEqual(adamW.resolvedWeightDecay, 0.01)
    }
}

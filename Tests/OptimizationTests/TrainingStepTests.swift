import Foundation
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Optimization

final class TrainingStepTests: XCTestCase {
    private func step(
        _ model: Model, _ options: OptimizerConfig, batchSize: Int, loss: Loss = .crossEntropy
    ) throws -> TrainingStep {
        try TrainingStep(
            model: model, loss: loss,
            optimizer: try options.makeOptimizer(parameterCount: model.parameters.count),
            clipNorm: options.clipNorm, batchSize: batchSize)
    }

    /// One product a layer, or a gradient and then a step: the same weights but for the order of
    /// two roundings.
    func testTheFusedStepEqualsTheExplicitOne() throws {
        for (count, decay) in [(1, 0.0), (32, 0), (32, 0.1), (500, 0)] {
            var options = OptimizerConfig()
            options.learningRate = 0.3
            options.weightDecay = decay
            let fused = try Model.random([12, 30, 17, 5], seed: 1)
            let explicit = try Model(copying: fused)
            let samples = try Samples.random(count, width: 12, outputs: 5, seed: 2)
            let first = try step(fused, options, batchSize: count)
            options.clipNorm = 1e9  // never reached: takes the way through the gradient
            let second = try step(explicit, options, batchSize: count)
            for _ in 0..<5 {
                let loss = try XCTUnwrap(try first.take(samples.batch))
                XCTAssertEqual(try XCTUnwrap(try second.take(samples.batch)), loss, accuracy: 1e-6)
            }
            XCTAssertLessThan(
                relativeError(fused.parameters.array, explicit.parameters.array), 5e-7)
        }
    }

    /// Row by row as the gradient comes, or all at once: equal for the adaptive rules, and for
    /// momentum, whose gradient is summed into the average, but for the order of two roundings.
    func testStepsByRowsEqualThoseWithTheWholeGradient() throws {
        for kind in [OptimizerKind.momentum, .nesterov, .adaGrad, .rmsProp, .adam, .adamW] {
            for decay in [0, 0.1] {
                var options = OptimizerConfig()
                (options.kind, options.learningRate, options.weightDecay) = (kind, 0.01, decay)
                let byRows = try Model.random([12, 30, 17, 5], seed: 1)
                let whole = try Model(copying: byRows)
                let samples = try Samples.random(40, width: 12, outputs: 5, seed: 2)
                let first = try step(byRows, options, batchSize: 40)
                options.clipNorm = 1e9  // never reached: takes the way through the gradient
                let second = try step(whole, options, batchSize: 40)
                for _ in 0..<5 {
                    XCTAssertNotNil(try first.take(samples.batch))
                    XCTAssertNotNil(try second.take(samples.batch))
                }
                let bound = kind == .momentum ? 5e-7 : 0
                XCTAssertLessThanOrEqual(
                    relativeError(byRows.parameters.array, whole.parameters.array), bound,
                    "\(kind) \(decay)")
                XCTAssertEqual(first.optimizer.state.steps, second.optimizer.state.steps)
            }
        }
    }

    /// A batch larger than a piece takes one step, by the gradient of all its samples, in no more
    /// memory than the largest piece.
    func testALargeBatchIsOneStepInPieces() throws {
        let count = 1_300
        for (kind, weighted) in [(OptimizerKind.sgd, false), (.sgd, true), (.adam, false)] {
            let samples = try Samples.random(
                count, width: 12, outputs: 5, weighted: weighted, seed: 2)
            let model = try Model.random([12, 30, 17, 5], seed: 1)
            let expected = try Model(copying: model)
            var options = OptimizerConfig()
            (options.kind, options.learningRate, options.weightDecay) = (kind, 0.1, 0.01)
            let step = try step(model, options, batchSize: count)
            XCTAssertLessThanOrEqual(step.workspace.capacity, 512)
            let optimizer = try options.makeOptimizer(parameterCount: model.parameters.count)
            for number in 1...2 {
                let gradient = try expected.gradient(samples, .crossEntropy)
                let loss = try expected.value(samples, .crossEntropy)
                optimizer.step(expected.parameters.pointer, gradient: gradient)
                XCTAssertEqual(try XCTUnwrap(try step.take(samples.batch)), loss, accuracy: 1e-6)
                XCTAssertEqual(step.number, number)
            }
            XCTAssertLessThan(
                relativeError(model.parameters.array, expected.parameters.array), 2e-6, "\(kind)")
        }
    }

    func testClippingShortensLongGradientsOnly() throws {
        let samples = try Samples.random(16, width: 4, outputs: 3, seed: 3)
        let start = try Model.random([4, 6, 3], seed: 4)
        let gradient = try start.gradient(samples, .crossEntropy)
        let norm = squaredNorm(gradient, count: gradient.count).squareRoot()
        for share in [0.25, 0.999, 2] {
            let model = try Model(copying: start)
            var options = OptimizerConfig()
            options.learningRate = 1
            options.clipNorm = share * norm
            _ = try step(model, options, batchSize: 16).take(samples.batch)
            let moved = zip(start.parameters.array, model.parameters.array).map {
                Double($0) - Double($1)
            }
            let factor = min(options.clipNorm / (norm + 1e-6), 1)
            XCTAssertLessThan(relativeError(moved, gradient.map { Double($0) * factor }), 1e-5)
        }
    }

    func testAppliedGradientsStepAsOwnOnesAndStayAsTheyAre() throws {
        let samples = try Samples.random(16, width: 4, outputs: 3, seed: 3)
        for (kind, clip) in [(OptimizerKind.sgd, 0.0), (.sgd, 0.01), (.adam, 0), (.momentum, 0.01)]
        {
            let own = try Model.random([4, 6, 3], seed: 4)
            let applied = try Model(copying: own)
            var options = OptimizerConfig()
            (options.kind, options.clipNorm) = (kind, clip)
            let gradient = try own.gradient(samples, .crossEntropy)
            let given = gradient
            _ = try step(own, options, batchSize: 16).take(samples.batch)
            XCTAssertTrue(try step(applied, options, batchSize: 1).apply(gradient: given))
            XCTAssertEqual(given, gradient)
            XCTAssertLessThan(relativeError(applied.parameters.array, own.parameters.array), 1e-6)
        }
    }

    func testABatchThatIsNotFiniteTouchesNothing() throws {
        for kind in [OptimizerKind.sgd, .adam] {
            for bad in [Float.nan, .infinity] {
                let model = try Model.random([4, 6, 3], seed: 4)
                var options = OptimizerConfig()
                options.kind = kind
                let samples = try Samples.random(16, width: 4, outputs: 3, seed: 3)
                let step = try step(model, options, batchSize: 16)
                _ = try step.take(samples.batch)
                let before = (
                    try Weights(copying: model.weights), step.optimizer.state.firstMoments?.array
                )
                samples.x.pointer[17] = bad
                XCTAssertNil(try step.take(samples.batch))
                XCTAssertTrue(model.weights.isIdentical(to: before.0))
                XCTAssertEqual(step.optimizer.state.firstMoments?.array, before.1)
                XCTAssertEqual(step.optimizer.state.steps, kind == .adam ? 1 : 0)
            }
        }
    }

    func testStepsTakeNoMemory() throws {
        for kind in [OptimizerKind.sgd, .adamW] {
            let model = try Model.random([4, 6, 3], seed: 4)
            var options = OptimizerConfig()
            options.kind = kind
            let samples = try Samples.random(16, width: 4, outputs: 3, seed: 3)
            let step = try step(model, options, batchSize: 16)
            Memory.failAllocation(after: 0)
            for _ in 0..<3 { XCTAssertNotNil(try step.take(samples.batch)) }
            XCTAssertFalse(Memory.endAllocationFailure())
        }
    }
}

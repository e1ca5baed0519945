import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Optimization

/// Running statistics are training's as weights are.
final class StatisticsTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// A norm hides the size of what it reads from the loss: the variance of 1e30 is no float.
    func testAStepThatMakesThemInfiniteIsNone() throws {
        for kind in [OptimizerKind.sgd, .adam] {
            let graph = try Graph(text: "input 4; dense 5; batch_norm; leaky_relu; dense 3")
            let model = try Model(drawing: graph, options: ModelConfig())
            var options = OptimizerConfig()
            options.kind = kind
            options.learningRate = 0.01
            let step = try TrainingStep(
                model: model, loss: .crossEntropy,
                optimizer: try options.makeOptimizer(parameterCount: graph.parameterCount),
                batchSize: 8)
            let samples = try Samples.random(8, width: 4, outputs: 3, seed: 1)
            XCTAssertNotNil(try step.take(samples.batch))
            let before = try Weights(copying: model.weights)
            samples.x.pointer[5] = 1e30
            XCTAssertNil(try step.take(samples.batch))
            XCTAssertTrue(model.weights.isIdentical(to: before))
            XCTAssertEqual(step.number, 1)
            samples.x.pointer[5] = 1
            XCTAssertNotNil(try step.take(samples.batch))
        }
    }
}

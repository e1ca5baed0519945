import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Optimization

/// Steps of convolutional nets in float32 against PyTorch's in float64. Errors of the
/// weights are up to 2e-7.
final class GoldenNetStepTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    func testTenStepsOfSGDAndMomentum() throws {
        let nets = try Golden.file("conv")["cases"].list
        let runs = try Golden.file("conv_steps")["cases"].list
        XCTAssertEqual(runs.count, 10)
        for run in runs {
            let golden = try XCTUnwrap(nets.first { $0["name"].text == run["net"].text })
            let name = "\(run["net"].text) \(run["optimizer"].text)"
            let (model, images) = (try golden.net(), try golden.images())
            var options = OptimizerConfig()
            options.kind = run["optimizer"].text == "sgd" ? .sgd : .momentum
            options.learningRate = run["learning_rate"].number
            if options.kind == .momentum { options.momentum = run["momentum"].number }
            let step = try TrainingStep(
                model: model, loss: golden.loss,
                optimizer: try options.makeOptimizer(parameterCount: model.parameters.count),
                batchSize: images.count)
            for loss in run["losses"].numbers {
                XCTAssertEqual(
                    try XCTUnwrap(try step.take(images.batch)) / loss, 1, accuracy: 1e-4, name)
            }
            let expected = run["parameters"].flat(model.graph)
            XCTAssertLessThan(relativeError(model.parameters.array, expected), 1e-4, name)
            model.forEachTensor(of: run["buffers"]) { tensor, own, expected in
                XCTAssertLessThan(relativeError(own, expected), 1e-4, "\(name) \(tensor)")
            }
        }
    }
}

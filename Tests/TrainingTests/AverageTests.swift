import Datasets
import Foundation
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Training

final class AverageTests: XCTestCase {
    private func trainer(
        _ kind: OptimizerKind, _ average: Average = .standard, decay: Double? = nil
    ) throws -> Trainer {
        var options = OptimizerConfig()
        (options.kind, options.average, options.weightDecay) = (kind, average, decay)
        options.learningRate = 0.02
        return try Trainer(
            try Model.random([6, 10, 8, 3], seed: 1), loss: .crossEntropy, options: options)
    }

    /// z, x and y by the formulas of arXiv 2405.15682, in double.
    func testScheduleFreeStepsByItsFormulas() throws {
        let samples = try Samples.random(32, width: 6, outputs: 3, seed: 2)
        for kind in [OptimizerKind.sgd, .adamW] {
            let trainer = try trainer(kind, .scheduleFree, decay: 0.1)
            let model = trainer.model
            var y = model.parameters.array.map { Double($0) }
            var (z, x, v) = (y, y, y.map { _ in 0.0 })
            for t in 1...10 {
                model.assign(y)
                let g = try model.gradient(samples, .crossEntropy).map { Double($0) }
                let c = 1 / Double(t)
                for i in y.indices {
                    v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i]
                    let size = (v[i] / (1 - pow(0.999, Double(t)))).squareRoot() + 1e-8
                    let step = kind == .sgd ? g[i] : g[i] / size
                    z[i] -= 0.02 * (step + 0.1 * y[i])
                    x[i] += c * (z[i] - x[i])
                }
                _ = try trainer.takeStep(samples.batch)
                for i in y.indices { y[i] = 0.1 * z[i] + 0.9 * x[i] }
                XCTAssertLessThan(relativeError(model.parameters.array, y), 1e-4, "\(kind) \(t)")
                XCTAssertLessThan(
                    relativeError(try trainer.averagedModel().parameters.array, x), 1e-4)
            }
        }
    }

    func testARunEndsWithTheBetterOfLastAndAveragedWeights() throws {
        let data = try Dataset.learnable(200, width: 6, classes: 3, seed: 1)
        for finish in [Finish.last, .average, .best, .standard] {
            let trainer = try trainer(.dog)
            var options = runOptions(epochs: 6)
            options.finish = finish
            try trainer.runAll(data, options)
            let last = try self.trainer(.dog)
            options.finish = .last
            try last.runAll(data, options)
            let average = try last.averagedModel()
            func loss(_ model: Model) throws -> Double {
                try Evaluation(model, on: data).metrics(data, .crossEntropy).loss
            }
            let better = try loss(average) < loss(last.model) ? average.bits : last.model.bits
            switch finish {
            case .last: XCTAssertEqual(trainer.model.bits, last.model.bits)
            case .average: XCTAssertEqual(trainer.model.bits, average.bits)
            case .best, .standard: XCTAssertEqual(trainer.model.bits, better)
            }
        }
    }
}

import Foundation
import Layers
import LinearAlgebra
import Runtime
import TestSupport
import XCTest

@testable import Networks

final class GradientTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }
    override func tearDown() { XCTAssertNoThrow(try ThreadPool.shared.setThreadCount(0)) }

    /// Float32 against automatic differentiation in float64: 1e-6 for losses and outputs, 1e-5 for
    /// derivatives.
    func testGoldenLossesGradientsAndHessianVectorProducts() throws {
        let cases = try Golden.file("gradients")["cases"].list
        XCTAssertEqual(cases.count, 6)
        for golden in cases {
            let model = try golden.model()
            let samples = try golden.samples()
            let loss = golden.loss
            XCTAssertEqual(
                try model.value(samples, loss) / golden["loss_value"].number, 1, accuracy: 1e-6)
            let outputs = try model.outputs(samples).map { Double($0) }
            XCTAssertLessThan(
                relativeError(
                    transposed(outputs, rows: samples.count), golden["output_columns"].numbers),
                1e-6)
            let gradient = try model.gradient(samples, loss)
            XCTAssertLessThan(
                relativeError(gradient, golden.parameters("grad_W", "grad_b")), 1e-5)
            XCTAssertEqual(
                squaredNorm(gradient, count: gradient.count)
                    / golden["gradient_norm_squared"].number, 1,
                accuracy: 1e-5)
            let v = golden.parameters("hvp_v_W", "hvp_v_b").map { Float($0) }
            XCTAssertLessThan(
                relativeError(
                    try product(model, samples, loss, v), golden.parameters("hvp_W", "hvp_b")),
                1e-5)
        }
    }

    private func product(
        _ model: Model, _ samples: Samples, _ loss: Loss, _ v: [Float]
    ) throws -> [Float] {
        var result = [Float](repeating: .nan, count: v.count)
        let hessian = try HessianVectorProduct(model, count: samples.count)
        let value = try hessian.product(samples.batch, loss, v: v, into: &result)
        XCTAssertEqual(value, try model.value(samples, loss), accuracy: 1e-6 * abs(value))
        return result
    }

    /// Every activation, loss and weighting against central differences in double: 1e-4.
    func testGradientsAndProductsAgreeWithFiniteDifferences() throws {
        for kind in [ActivationKind.identity, .leakyReLU, .reLU, .sigmoid, .tanh] {
            for loss in [Loss.crossEntropy, .meanSquaredError, .halfSquaredError] {
                let model = try Model.random([4, 5, 6, 3], kind, seed: 11)
                let samples = try Samples.random(
                    8, width: 4, outputs: 3, loss: loss, weighted: true, seed: 12)
                let reference = ReferenceNetwork(model)
                let slope = reference.gradient(samples, loss)
                XCTAssertLessThan(relativeError(try model.gradient(samples, loss), slope), 1e-5)
                let v = try Samples.random(1, width: slope.count, outputs: 1, seed: 13).x.array
                var (above, below) = (reference, reference)
                let step = 1e-4
                for i in v.indices {
                    above.parameters[i] += step * Double(v[i])
                    below.parameters[i] -= step * Double(v[i])
                }
                let expected = zip(above.gradient(samples, loss), below.gradient(samples, loss))
                    .map { ($0 - $1) / (2 * step) }
                XCTAssertLessThan(
                    relativeError(try product(model, samples, loss, v), expected), 1e-4,
                    "\(kind) \(loss)")
            }
        }
    }

    /// 1,024 samples are one piece; a piece more and a rest must give the same sums.
    func testBatchesOfSeveralPiecesEqualTheSumOfTheirParts() throws {
        let count = 2 * 1_024 + 17
        for loss in [Loss.crossEntropy, .meanSquaredError] {
            let model = try Model.random([6, 9, 5], .tanh, seed: 1)
            let samples = try Samples.random(
                count, width: 6, outputs: 5, loss: loss, weighted: true, seed: 2)
            XCTAssertEqual(Workspace.measuringRows(model.graph), 1_024)
            let gradient = try Buffer<Float>(count: model.parameters.count)
            let whole = try Workspace(model.graph, capacity: count, backward: true)
            let value = try model.gradient(
                samples.batch, loss, into: gradient.pointer, workspace: whole)
            XCTAssertEqual(try model.value(samples, loss) / value, 1, accuracy: 1e-9)
            XCTAssertLessThan(
                relativeError(try model.gradient(samples, loss), gradient.array), 1e-5)
            // H v of all against the sum over samples in double.
            let v = try Samples.random(1, width: gradient.count, outputs: 1, seed: 3).x.array
            let expected = try HessianVectorProduct(model, count: count)
            var pieces = [Float](repeating: 0, count: v.count)
            try expected.product(samples.batch, loss, v: v, into: &pieces)
            var sum = [Double](repeating: 0, count: v.count)
            let total = samples.batch.totalWeight
            var first = 0
            while first < count {
                let size = min(500, count - first)
                let batch = samples.batch.slice(first, size)
                var part = [Float](repeating: 0, count: v.count)
                try HessianVectorProduct(model, count: size).product(batch, loss, v: v, into: &part)
                for i in v.indices { sum[i] += Double(part[i]) * batch.totalWeight / total }
                first += size
            }
            XCTAssertLessThan(relativeError(pieces, sum), 1e-5)
        }
    }

    /// Large enough for the pool: the same numbers to rounding, and to the bit for the same thread
    /// count. The second net's first layer is wide enough to be shared by outputs.
    func testThreadsChangeRoundingOnlyAndRepeatToTheBit() throws {
        for (widths, count) in [([128, 200, 200, 10], 515), ([700, 530, 60, 10], 300)] {
            let model = try Model.random(widths, seed: 4)
            let samples = try Samples.random(count, width: widths[0], outputs: 10, seed: 5)
            try ThreadPool.shared.setThreadCount(1)
            let single = try model.gradient(samples, .crossEntropy)
            let outputs = try model.outputs(samples)
            let value = try model.value(samples, .crossEntropy)
            for threads in [2, 3, 8] {
                try ThreadPool.shared.setThreadCount(threads)
                let first = try model.gradient(samples, .crossEntropy)
                XCTAssertLessThan(relativeError(first, single), 1e-6)
                XCTAssertLessThan(
                    relativeError(try model.outputs(samples), outputs.map(Double.init)), 1e-6)
                // Logits are rounded to 6e-8.
                XCTAssertEqual(try model.value(samples, .crossEntropy) / value, 1, accuracy: 6e-8)
                for _ in 0..<3 {
                    XCTAssertEqual(try model.gradient(samples, .crossEntropy), first)
                }
            }
        }
    }

    /// alpha, beta and a target of its own: what the fused step of plain SGD rests on.
    func testGradientsAccumulateIntoATarget() throws {
        let model = try Model.random([5, 7, 3], seed: 6)
        let samples = try Samples.random(20, width: 5, outputs: 3, seed: 7)
        let gradient = try model.gradient(samples, .crossEntropy)
        let workspace = try Workspace(model.graph, capacity: 20, backward: true)
        _ = workspace.lossAndDeltas(
            model.weights, batch: samples.batch, loss: .crossEntropy, scale: 1 / 20, .batch)
        let target = try Buffer(repeating: Float(2), count: gradient.count)
        workspace.accumulateGradient(
            model.weights, of: samples.batch, into: target.pointer, alpha: -0.5, beta: 0.25, .batch)
        XCTAssertLessThan(relativeError(target.array, gradient.map { 0.5 - 0.5 * $0 }), 1e-6)
    }

    /// A bias far larger than each sample's share: the shares are summed before they meet it.
    func testBiasesDoNotSwallowTheSharesOfSingleSamples() throws {
        let count = 1_024
        let model = try Model.random([3, 17, 2], .identity, seed: 8)
        let samples = try Samples.random(
            count, width: 3, outputs: 2, loss: .meanSquaredError, seed: 9)
        let layer = model.graph.layers.pointer[0]
        for i in 0..<layer.outputs { model.parameters.pointer[layer.biasOffset + i] = 100 }
        let gradient = try model.gradient(samples, .meanSquaredError)
        let workspace = try Workspace(model.graph, capacity: count, backward: true)
        _ = workspace.lossAndDeltas(
            model.weights, batch: samples.batch, loss: .meanSquaredError,
            scale: 1 / Double(2 * count), .batch)
        let target = try Buffer(copying: model.parameters)
        let rate: Float = 1e-6
        workspace.accumulateGradient(
            model.weights, of: samples.batch, into: target.pointer, alpha: -rate, beta: 1, .batch)
        for i in 0..<gradient.count {
            let start = model.parameters.pointer[i]
            // Half an ulp of the weight, and the rounding of the step itself.
            XCTAssertEqual(
                target.pointer[i], start - rate * gradient[i],
                accuracy: start.ulp + 1e-5 * abs(rate * gradient[i]))
        }
    }
}

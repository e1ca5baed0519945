import Layers
import LinearAlgebra
import Runtime
import TestSupport
import XCTest

@testable import Networks

/// Convolutional nets in float32 against automatic differentiation in float64. Errors are up to
/// 2e-7 of outputs, losses and gradients and 4e-7 of Hessian-vector products.
final class GoldenNetTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }
    override func tearDown() { XCTAssertNoThrow(try ThreadPool.shared.setThreadCount(0)) }

    /// The dropout net's numbers in training mode are of given masks, and the library draws its
    /// own: of that net there is the mode without them.
    private func nets(dropout: Bool = false) throws -> [Golden] {
        let cases = try Golden.file("conv")["cases"].list
        XCTAssertEqual(cases.count, 8)
        return cases.filter { dropout || $0["name"].text != "dropout" }
    }

    func testOutputsAndLossWithTheBatchsStatistics() throws {
        for golden in try nets() {
            let (model, images) = (try golden.net(), try golden.images())
            let outputs = try model.outputs(images, .batch)
            XCTAssertLessThan(
                relativeError(outputs, golden["output"].numbers), 1e-5, golden["name"].text)
            XCTAssertEqual(
                try model.value(images, golden.loss) / golden["loss_value"].number, 1,
                accuracy: 1e-5, golden["name"].text)
        }
    }

    /// Of a bias before a norm, whose gradient is 0, nothing but rounding is left: arrays are
    /// compared to 1e-4 of their own norm and 1e-6 of the whole gradient's.
    func testGradients() throws {
        for golden in try nets() {
            let (model, images) = (try golden.net(), try golden.images())
            let gradient = try model.gradient(images, golden.loss)
            let expected = golden["gradient"].flat(model.graph)
            XCTAssertLessThan(relativeError(gradient, expected), 1e-5, golden["name"].text)
            XCTAssertEqual(
                squaredNorm(gradient, count: gradient.count)
                    / golden["gradient_norm_squared"].number, 1, accuracy: 1e-5)
            let whole = norm(expected)
            model.graph.forEachTensor {
                guard $0.tensor.role == .parameter else { return true }
                let range = $0.offset..<$0.offset + $0.tensor.count
                let own = norm(zip(gradient[range], expected[range]).map { Double($0) - $1 })
                XCTAssertLessThan(
                    own, 1e-4 * norm(Array(expected[range])) + 1e-6 * whole,
                    "\(golden["name"].text) \($0.name)")
                return true
            }
        }
    }

    private func norm(_ numbers: [Double]) -> Double {
        numbers.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    func testHessianVectorProducts() throws {
        for golden in try nets() {
            let (model, images) = (try golden.net(), try golden.images())
            let v = golden["hvp_v"].flat(model.graph).map { Float($0) }
            var product = [Float](repeating: .nan, count: v.count)
            let hessian = try HessianVectorProduct(model, count: images.count)
            _ = try hessian.product(images.batch, golden.loss, v: v, into: &product)
            XCTAssertLessThan(
                relativeError(product, golden["hvp"].flat(model.graph)), 1e-4,
                golden["name"].text)
        }
    }

    func testRunningStatisticsAfterAPassAndTheOutputsWithThem() throws {
        for golden in try nets(dropout: true) {
            let (model, images) = (try golden.net(), try golden.images())
            let name = golden["name"].text
            if name != "dropout" {
                let workspace = try Workspace(
                    model.graph, capacity: images.count, backward: true)
                _ = workspace.lossAndDeltas(
                    model.weights, batch: images.batch, loss: golden.loss, scale: 1, .training)
                workspace.updateStatistics(of: model.weights, images.batch)
            }
            var seen = 0
            model.forEachTensor(of: golden["buffers_after"]) { name, own, expected in
                XCTAssertLessThan(relativeError(own, expected), 1e-6, name)
                seen += 1
            }
            XCTAssertEqual(seen > 0, name == "batch_norm" || name == "residual", name)
            XCTAssertLessThan(
                relativeError(
                    try model.outputs(images, .running), golden["output_evaluation"].numbers),
                1e-5, name)
        }
    }
}

import Layers
import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// The scaling group of convolutional nets against float64.
final class GoldenNetScalingTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private func nets() throws -> [Golden] {
        let cases = try Golden.file("conv_scaling")["cases"].list
        XCTAssertEqual(cases.count, 8)
        return cases
    }

    /// Every layer's channels have the numbers that the golden file gives them.
    func testTheVariableOfEveryChannel() throws {
        for golden in try nets() {
            let model = try golden.net()
            XCTAssertEqual(
                try Scaling.channelCount(model.graph), Int(golden["variable_count"].number))
            for layer in 0..<model.graph.layerCount {
                let name = model.graph.name(of: model.graph.weighted.pointer[layer])
                let expected = golden["channel_variables"][name].numbers.map { Int64($0) }
                var variables = [Int64](repeating: -2, count: expected.count)
                try model.scalingVariables(ofLayer: layer, into: &variables)
                XCTAssertEqual(variables, expected, "\(golden["name"].text) \(name)")
            }
        }
    }

    func testMovedParametersAndOutputs() throws {
        for golden in try nets() {
            let (model, images) = (try golden.net(), try golden.images())
            let before = try model.outputs(images, .batch)
            let element = try Scaling(model.graph)
            element.setLogFactors(golden["log_scale"].numbers, exact: false)
            XCTAssertTrue(element.apply(to: model))
            model.forEachTensor(of: golden["moved"]) { name, own, expected in
                XCTAssertLessThan(relativeError(own, expected), 1e-6, name)
            }
            XCTAssertLessThan(outputChange(before, try model.outputs(images, .batch)), 1e-6)
        }
    }

    /// The dropout net's are of given masks.
    func testPhiAndItsDerivative() throws {
        for golden in try nets() where golden["name"].text != "dropout" {
            let (model, images) = (try golden.net(), try golden.images())
            let objective = try ScalingObjective(
                model.graph, gradient: try model.gradient(images, golden.loss))
            let s = golden["log_scale"].numbers
            for (s, phi, slope) in [
                (s.map { _ in 0 }, "phi_at_identity", "dphi_at_identity"),
                (s, "phi_at_scale", "dphi_at_scale"),
            ] {
                var derivative = s
                let value = objective.value(s, gradient: &derivative)
                XCTAssertEqual(value / golden[phi].number, 1, accuracy: 1e-5)
                XCTAssertLessThan(
                    relativeError(derivative, golden[slope].numbers), 1e-5, golden["name"].text)
            }
        }
    }
}

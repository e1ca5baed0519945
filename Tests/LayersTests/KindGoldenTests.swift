import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Layers

/// Layers by themselves against values of golden nets; images with borders.
final class KindGoldenTests: XCTestCase {
    private static let leaky = Activation(.leakyReLU, negativeSlope: 0.1)

    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private static func net(_ name: String) throws -> Golden {
        try XCTUnwrap(try Golden.file("conv")["cases"].list.first { $0["name"].text == name })
    }

    private static func shape(_ net: Golden, _ layer: String, border: Int) throws -> Shape {
        let sizes = net["shapes"][layer].numbers.map { Int($0) }
        guard sizes.count == 3 else { return try Shape(channels: sizes[0]) }
        return try Shape(
            channels: sizes[0], height: sizes[1], width: sizes[2], border: border)
    }

    /// The layer of a line on the values of one layer of a net, in a training pass.
    private func bench(
        _ line: String, _ net: Golden, from source: String,
        activation: Activation = Activation(.identity)
    ) throws -> LayerBench {
        let values = net["activations"][source].numbers
        let input = try Self.shape(net, source, border: 1)
        let layer = try LayerKinds.layer(
            line, inputs: [input], activation: activation, border: line == "flatten" ? 0 : 2)
        let bench = try LayerBench(
            layer, rows: values.count / input.count, mode: .training, seed: 1)
        bench.inputs = [input.stored(values)]
        return bench
    }

    private func check(
        _ line: String, _ net: Golden, from source: String, to target: String,
        activation: Activation = Activation(.identity)
    ) throws {
        let bench = try bench(line, net, from: source, activation: activation)
        XCTAssertLessThan(
            relativeError(
                bench.layer.output.numbers(bench.run().output),
                net["activations"][target].numbers), 1e-6, "\(line) of \(source)")
    }

    func testLayersWithoutWeightsGiveTheGoldenValues() throws {
        let lenet = try Self.net("lenet")
        try check("activate", lenet, from: "conv1", to: "act1", activation: Self.leaky)
        try check("max_pool 2", lenet, from: "act1", to: "pool1")
        try check("max_pool 2", lenet, from: "conv1", to: "pool1", activation: Self.leaky)
        try check("flatten", lenet, from: "act2", to: "flatten")
        let norm = try Self.net("batch_norm")
        try check("max_pool 2", norm, from: "act1", to: "pool1")
        try check("flatten", norm, from: "act2", to: "flatten")
    }

    /// The golden layers' values are those of a prediction with the statistics after one pass.
    func testBatchNormGivesTheGoldenValues() throws {
        let net = try Self.net("batch_norm")
        for (source, name, activated) in [("conv1", "bn1", "act1"), ("conv2", "bn2", "act2")] {
            func numbers(_ object: String, _ tensors: [String]) -> [Float] {
                tensors.flatMap { net[object]["\(name).\($0)"].numbers.map { Float($0) } }
            }
            let running = ["running_mean", "running_var"]
            for (activation, target) in [
                (Activation(.identity), name), (Self.leaky, activated),
            ] {
                let bench = try bench("batch_norm", net, from: source, activation: activation)
                bench.parameters = numbers("parameters", ["weight", "bias"])
                bench.statistics = numbers("buffers_after", running) + [5]
                bench.mode = .running
                let result = bench.run()
                XCTAssertEqual(result.statistics, bench.statistics)
                XCTAssertLessThan(
                    relativeError(
                        bench.layer.output.numbers(result.output),
                        net["activations"][target].numbers), 1e-6, target)
                // What the first norm reads does not depend on the mode.
                guard name == "bn1" else { continue }
                bench.mode = .training
                bench.statistics = numbers("buffers", running) + [4]
                let trained = bench.run().statistics
                for (value, expected) in zip(trained, numbers("buffers_after", running) + [5]) {
                    XCTAssertEqual(value, expected, accuracy: 1e-6)
                }
            }
        }
    }

    /// Far from zero, where a mean of squares has lost the variance: against double, as well as the
    /// mean can be rounded.
    func testBatchNormIsPreciseFarFromZero() throws {
        let shape = try Shape(channels: 3, height: 5, width: 4, border: 1)
        let layer = try LayerKinds.layer("batch_norm", inputs: [shape])
        let bench = try LayerBench(layer, rows: 9, seed: 3)
        bench.inputs = [
            zip(bench.inputs[0], shape.stored(9) { _ in 1_000 }).map { $0 + $1 }
        ]
        let x = shape.numbers(bench.inputs[0]).map { Double($0) }
        func channel(_ i: Int) -> Int { i / 20 % 3 }
        let expected = x.indices.map { i in
            let others = x.indices.filter { channel($0) == channel(i) }.map { x[$0] }
            let mean = others.reduce(0, +) / Double(others.count)
            let variance =
                others.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(others.count)
            return Double(bench.parameters[channel(i)]) * (x[i] - mean)
                / (variance + 1e-5).squareRoot() + Double(bench.parameters[3 + channel(i)])
        }
        XCTAssertLessThan(
            relativeError(layer.output.numbers(bench.run().output), expected), 1e-4)
    }

    /// A net with masks between its layers: outputs and loss to 1e-5, gradients to 1e-4,
    /// Hessian-vector products to 1e-3.
    func testANetWithGivenMasksGivesTheGoldenNumbers() throws {
        let net = try Self.net("dropout")
        func line(_ line: String, _ input: Shape, _ activation: Activation) throws -> any Layer {
            try LayerKinds.layer(line, inputs: [input], activation: activation)
        }
        let plain = Activation(.identity)
        func mask(_ name: String, _ shape: Shape) -> any Layer {
            GivenMask(shape.stored(net["masks"][name].numbers), of: shape)
        }
        let input = try Shape(channels: 1, height: 6, width: 6)
        let image = try LayerKinds.layer("input 1x6x6", inputs: [input], border: 1)
        var words = LayerArguments("conv 3 3x3 pad 1", after: "conv")
        words.border = 2
        let conv = try Conv2D(&words, inputs: [image.output], activation: Self.leaky)
        let pool = try line("avg_pool 2", conv.output, plain)
        let flatten = try line("flatten", pool.output, plain)
        let dense = try line("dense 6", flatten.output, Self.leaky)
        let layers: [any Layer] = [
            image, conv, mask("drop1", conv.output), pool, flatten, dense,
            mask("drop2", dense.output), try line("dense 3", dense.output, plain),
        ]
        let nodes = layers.enumerated().map { (layer: $1, inputs: [$0 - 1]) }
        let model = try Model(drawing: Graph(input: input, nodes), options: ModelConfig())
        func numbers(_ object: String) -> [Double] {
            ["conv1", "fc1", "fc2"].flatMap {
                net[object]["\($0).weight"].numbers + net[object]["\($0).bias"].numbers
            }
        }
        model.assign(numbers("parameters"))
        let samples = try Samples(
            x: net["x"].numbers, count: 4, labels: net["y"].numbers.map { Int32($0) })
        XCTAssertLessThan(
            relativeError(try model.outputs(samples), net["output"].numbers), 1e-5)
        XCTAssertEqual(
            try model.value(samples, .crossEntropy), net["loss_value"].number, accuracy: 1e-5)
        XCTAssertLessThan(
            relativeError(try model.gradient(samples, .crossEntropy), numbers("gradient")), 1e-4)
        let v = try Buffer(numbers("hvp_v").map { Float($0) })
        let product = try Buffer<Float>(count: v.count)
        try HessianVectorProduct(model, count: 4).product(
            samples.batch, .crossEntropy, v: v.pointer, into: product.pointer)
        XCTAssertLessThan(relativeError(product.array, numbers("hvp")), 1e-3)
    }
}

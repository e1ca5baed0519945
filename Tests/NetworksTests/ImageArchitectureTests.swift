import Layers
import LinearAlgebra
import Runtime
import TestSupport
import XCTest

@testable import Networks

/// Nets of images from texts: borders, flattening, biases before norms, known nets.
final class ImageArchitectureTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private func lines(_ graph: Graph) -> [String] {
        (0..<graph.nodes.count).map { graph.nodes[$0].facts.line }
    }

    private func text(_ buffer: Buffer<UInt8>) -> String {
        String(decoding: buffer.elements, as: UTF8.self)
    }

    func testImagesGetTheBordersThatTheirReadersNeed() throws {
        let graph = try Graph(
            text: """
                input 3x8x8
                conv 4 5x5 pad same
                relu
                conv 6 3x3 pad 1
                max_pool 2
                dense 5
                """)
        XCTAssertEqual(
            lines(graph),
            [
                "input 3x8x8", "conv 4 5x5 pad same", "conv 6 3x3 pad 1", "max_pool 2",
                "flatten",
                "dense 5",
            ])
        XCTAssertGreaterThanOrEqual(graph.nodes[0].facts.output.border, 2)
        XCTAssertGreaterThanOrEqual(graph.nodes[1].facts.output.border, 1)
        XCTAssertEqual(graph.nodes[1].facts.activation.kind, .reLU)
        XCTAssertEqual(graph.nodes[4].facts.output.count, 6 * 4 * 4)
        XCTAssertEqual(graph.inputWidth, 3 * 64)
        XCTAssertEqual(graph.layerCount, 3)
        XCTAssertEqual(graph.widths, [192, 4, 6, 5])
        XCTAssertEqual(try graph.tensor(named: "conv2.weight").tensor.dimensions, [6, 4, 3, 3])
    }

    func testAConvolutionLeavesItsBiasToTheNormAfterIt() throws {
        let graph = try Graph(
            text: """
                input 1x6x6
                conv 2 3x3
                batch_norm
                tanh
                conv 2 3x3 bias
                batch_norm
                conv 2 1x1
                relu
                a = conv 3 1x1
                b = batch_norm of a
                add of a b
                dense 2
                """)
        let names = (0..<graph.tensorCount).compactMap { try? graph.tensor($0).name }
        XCTAssertFalse(names.contains("conv1.bias"))
        XCTAssertTrue(names.contains("conv2.bias"))
        XCTAssertTrue(names.contains("conv3.bias"))
        XCTAssertTrue(names.contains("a.bias"), "its value goes elsewhere too")
        XCTAssertEqual(
            names.filter { $0.hasPrefix("bn1.") },
            ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map {
                "bn1." + $0
            })
        XCTAssertEqual(graph.nodes[2].facts.activation.kind, .tanh)
        XCTAssertEqual(graph.statisticCount, (2 + 2 + 1) * 2 + 3 + 3 + 1)
    }

    func testActivationsThatCannotJoinStandAlone() throws {
        let graph = try Graph(
            text: "input 4; relu; a = dense 4; tanh; sigmoid of a; add of tanh1 sigmoid1; dense 2")
        XCTAssertEqual(graph.nodes.count, 6)
        XCTAssertEqual(
            (0..<6).map { graph.nodes[$0].facts.activation.kind },
            [.reLU, .identity, .tanh, .sigmoid, .identity, .identity])
        let again = try Graph(text: text(try Graph(input: graph.input, graph.nodes).architecture()))
        XCTAssertEqual(again.nodes.count, 6)
        XCTAssertEqual(
            (0..<6).map { again.nodes[$0].facts.activation.kind },
            (0..<6).map { graph.nodes[$0].facts.activation.kind })
    }

    func testEveryKnownNetIsOne() throws {
        let image = try Shape(channels: 3, height: 32, width: 32)
        for (name, parameters) in [
            ("lenet", 6 * 75 + 6 + 16 * 150 + 16 + 576 * 120 + 120 + 120 * 84 + 84 + 850),
            (
                "vgg-small",
                9 * (32 * 3 + 32 * 32 + 64 * 32 + 64 * 64 + 128 * 64 + 128 * 128) + 896 + 1_290
            ),
            ("resnet-8", nil), ("resnet-14", nil), ("resnet-20", 272_474),
        ] as [(String, Int?)] {
            let made = try Architectures.text(name, input: image, classes: 10)
            let graph = try Graph(text: UnsafeBufferPointer(made.elements))
            XCTAssertEqual(graph.outputWidth, 10)
            if let parameters { XCTAssertEqual(graph.parameterCount, parameters, name) }
            // A net without a text tells one that makes the same net.
            let told = try Graph(input: graph.input, graph.nodes).architecture()
            let again = try Graph(text: UnsafeBufferPointer(told.elements))
            XCTAssertEqual(lines(again), lines(graph), name)
            XCTAssertEqual(again.parameterCount, graph.parameterCount)
            XCTAssertFalse(try again.isPlainPerceptron)
            XCTAssertNotNil(again.otherThanRow)
        }
        for size in [12, 28, 33, 64] {
            for name in Architectures.names {
                let shape = try Shape(channels: 1, height: size, width: size)
                let made = try Architectures.text(name, input: shape, classes: 7)
                XCTAssertEqual(try Graph(text: UnsafeBufferPointer(made.elements)).outputWidth, 7)
            }
        }
    }
}

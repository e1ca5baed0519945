import Layers
import LinearAlgebra
import Runtime
import TestSupport
import XCTest

@testable import Networks

/// Nets from texts.
final class ArchitectureTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private func tensorNames(_ graph: Graph) -> [String] {
        var names: [String] = []
        graph.forEachTensor {
            names.append($0.name)
            return true
        }
        return names
    }

    private func text(_ buffer: Buffer<UInt8>) -> String {
        String(decoding: buffer.elements, as: UTF8.self)
    }

    func testAPerceptronIsTheTextOfItsWidths() throws {
        let options = ModelConfig()
        let made = try Model(widths: [7, 5, 4, 3], options: options)
        let text = try made.graph.architecture()
        XCTAssertEqual(
            self.text(text),
            "input 7\ndense 5\nleaky_relu 0.01\ndense 4\nleaky_relu 0.01\ndense 3\n")
        let again = try Model(text: UnsafeBufferPointer(text.elements), options: options)
        XCTAssertTrue(again.weights.isIdentical(to: made.weights))
        XCTAssertEqual(tensorNames(again.graph), tensorNames(made.graph))
        XCTAssertEqual(
            tensorNames(made.graph),
            ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"])
        XCTAssertTrue(try again.graph.isPlainPerceptron)
        XCTAssertTrue(try made.graph.isPlainPerceptron)
        XCTAssertEqual(again.options.activation, .leakyReLU)
        XCTAssertEqual(again.graph.nodes.count, 3)
    }

    func testEveryPerceptronIsPlainInItsTextToo() throws {
        for kind in ActivationKind.allCases {
            for hasBias in [true, false] {
                let graph = try Graph(
                    widths: [3, 4, 2], activation: Activation(kind, negativeSlope: 0.125),
                    hasBias: hasBias)
                let again = try Graph(text: text(try graph.architecture()))
                XCTAssertTrue(try again.isPlainPerceptron, "\(kind) \(hasBias)")
                XCTAssertEqual(again.nodes.count, 2)
                XCTAssertEqual(again.hiddenActivation, graph.hiddenActivation)
            }
        }
        // As deep as perceptrons may be.
        let deep = try Graph(
            widths: Array(repeating: 2, count: 1_024), activation: Activation(.leakyReLU),
            hasBias: true)
        XCTAssertTrue(try Graph(text: text(try deep.architecture())).isPlainPerceptron)
    }

    func testCommentsBlanksAndSemicolonsDoNotMatter() throws {
        let graph = try Graph(
            text: """
                # a net; of no use
                input 6 ;dense 5 # five; dense 9

                \tleaky_relu   0.5\r
                out=dense 2 nobias;
                """)
        XCTAssertEqual(tensorNames(graph), ["fc1.weight", "fc1.bias", "out.weight"])
        XCTAssertEqual(graph.nodes.count, 2)
        XCTAssertEqual(graph.nodes[0].facts.activation, Activation(.leakyReLU, negativeSlope: 0.5))
        XCTAssertFalse(try graph.isPlainPerceptron)
        XCTAssertTrue(text(try graph.architecture()).hasPrefix("# a net; of no use\ninput 6 ;"))
    }

    /// A residual stream, whose names are read later; the activation between is joined.
    func testLayersReadTheOnesThatTheyName() throws {
        let graph = try Graph(
            text: """
                input 4
                dense 8
                skip = relu
                dense 8
                tanh
                dense 8
                add of fc3 skip
                dense 3
                """)
        XCTAssertEqual(graph.nodes.count, 5)
        XCTAssertEqual(graph.nodes[0].facts.activation.kind, .reLU)
        XCTAssertEqual(graph.nodes[1].facts.activation.kind, .tanh)
        XCTAssertEqual(graph.nodes[3].first, 2)
        XCTAssertEqual(graph.nodes[3].second, 0)
        XCTAssertEqual(graph.name(of: 3), "add1")
        XCTAssertEqual(graph.name(of: 4), "fc4")
        let again = try Graph(text: text(try Graph(input: graph.input, graph.nodes).architecture()))
        XCTAssertEqual(again.nodes.count, 5)
        XCTAssertEqual(again.nodes[3].second, 0)
    }

    func testNamesOfTheLibraryMakeRoomForThoseOfTheHost() throws {
        let graph = try Graph(
            text: "input 2; fc1 = dense 3; dense 4; fc2.x = dense 5; dense 6; in = dense 2")
        XCTAssertEqual(
            (0..<5).map { graph.name(of: $0) }, ["fc1", "fc2", "fc2.x", "fc3", "in"])
        XCTAssertEqual(try graph.tensor(named: "fc2.x.weight").tensor.dimensions, [5, 4])
        XCTAssertEqual(try graph.tensor(named: "fc2.weight").tensor.dimensions, [4, 3])
        XCTAssertThrowsError(try graph.tensor(named: "fc9.weight"))
        XCTAssertThrowsError(try graph.tensor(named: ""))
        for index in 0..<graph.tensorCount {
            let tensor = try graph.tensor(index)
            XCTAssertEqual(try graph.tensor(named: tensor.name).offset, tensor.offset)
        }
        XCTAssertThrowsError(try graph.tensor(-1))
        XCTAssertThrowsError(try graph.tensor(graph.tensorCount))
    }

    func testDenseLayersReadAnImageAsItLies() throws {
        let graph = try Graph(text: "input 2x3x4; dense 5; relu; dense 2")
        XCTAssertEqual(graph.inputWidth, 24)
        XCTAssertEqual(graph.layers.pointer[0].inputs, 24)
        XCTAssertEqual(graph.nodes.count, 2)
    }

    func testWidthsEndWithTheOutputs() throws {
        let graph = try Graph(text: "input 4; dense 8; s = relu; dense 8; add of fc2 s")
        XCTAssertEqual(graph.widths, [4, 8, 8])
        XCTAssertEqual(graph.layerCount, 2)
    }

    func testSummariesHaveALineALayer() throws {
        let graph = try Graph(text: "input 4; dense 8; s = relu; dense 8; add of fc2 s; dense 3")
        let lines = text(try graph.summary()).split(separator: "\n")
        XCTAssertEqual(lines.count, 1 + 1 + 4 + 1)
        XCTAssertTrue(lines[2].contains("dense 8, relu"), String(lines[2]))
        XCTAssertTrue(lines[4].contains("fc2 fc1"), String(lines[4]))
        XCTAssertTrue(lines[6].hasPrefix("139 parameters"), String(lines[6]))
    }

    func testAPerceptronOfAnArchitectureIsPlain() throws {
        let made = try Architectures.text(
            "mlp", input: try Shape(channels: 1, height: 28, width: 28), classes: 10)
        let graph = try Graph(text: UnsafeBufferPointer(made.elements))
        XCTAssertEqual(graph.widths, [784, 64, 64, 10])
        XCTAssertTrue(try graph.isPlainPerceptron)
    }
}

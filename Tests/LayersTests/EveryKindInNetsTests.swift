import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Layers

/// Nets around every kind, as graphs and plans run them.
final class EveryKindInNetsTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// A net around the layer: its classes scaled by e^s keep the outputs, and |grad L|^2 is what
    /// the blocks say.
    func testChannelsScaleAsDescribed() throws {
        for layer in try KindCases.layers() {
            guard layer.activation.isPositivelyHomogeneous, layer.linearMap?.readsTable != true
            else {
                continue
            }
            let model = try Self.net(around: layer)
            let samples = try Samples.random(
                12, width: model.graph.inputWidth, outputs: 3, seed: 5)
            let before = try model.outputs(samples)
            let gradient = try model.gradient(samples, .crossEntropy)
            let (blocks, sizes) = try model.graph.channels().numbered()
            XCTAssertGreaterThan(sizes.count, 0, layer.line)
            var generator = RandomGenerator(seed: 6)
            let s = sizes.elements.map {
                (0..<$0).map { _ in generator.nextDouble(from: -1, to: 1) }
            }
            var expected = 0.0
            for block in blocks.elements {
                for i in 0..<block.rows {
                    for j in 0..<block.columns {
                        let row =
                            block.rowClass < 0 ? 0 : s[block.rowClass][block.firstRow + i]
                        let column =
                            block.columnClass < 0
                            ? 0
                            : s[block.columnClass][
                                block.firstColumn + j / block.columnsPerChannel]
                        let place = block.offset + i * block.columns + j
                        let g = Double(gradient[place])
                        expected += g * g * exp(2 * (column - row))
                        model.parameters.pointer[place] *= Float(exp(row - column))
                    }
                }
            }
            XCTAssertLessThan(relativeError(try model.outputs(samples), before), 1e-5, layer.line)
            let moved = try model.gradient(samples, .crossEntropy)
            let phi = moved.reduce(0) { $0 + Double($1) * Double($1) }
            XCTAssertEqual(phi / expected, 1, accuracy: 1e-4, layer.line)
        }
    }

    /// The layer between dense layers of the same activation where it reads vectors, and on the
    /// net's input elsewhere.
    private static func net(around layer: any Layer) throws -> Model {
        let width = layer.inputs[0].count
        let isVector = layer.inputs.allSatisfy { $0.isVector }
        let isInput = type(of: layer).word == Image.word
        var nodes: [(layer: any Layer, inputs: [Int])] = []
        func dense(_ input: Shape, _ outputs: Int, _ activation: Activation) throws -> Dense {
            try Dense(inputs: input, outputs: outputs, hasBias: true, activation: activation)
        }
        let shape = layer.inputs[0]
        let input =
            isVector
            ? try Shape(channels: 4)
            : try Shape(channels: shape.channels, height: shape.height, width: shape.width)
        for image in isInput ? [] : layer.inputs {
            if isVector {
                nodes.append((try dense(input, width, layer.activation), [-1]))
            } else {
                nodes.append(
                    (
                        try LayerKinds.layer(
                            "input \(input)", inputs: [input], border: image.border), [-1]
                    ))
            }
        }
        nodes.append((layer, isInput ? [-1] : Array(nodes.indices)))
        let flat = try LayerKinds.layer("flatten", inputs: [layer.output])
        if !layer.output.isVector { nodes.append((flat, [nodes.count - 1])) }
        // A value that is read twice: the deltas of its readers add up.
        let last = nodes.count - 1
        nodes.append((try dense(flat.output, 5, layer.activation), [last]))
        nodes.append((try dense(flat.output, 5, layer.activation), [last]))
        let five = try Shape(channels: 5)
        nodes.append((try LayerKinds.layer("add", inputs: [five, five]), [last + 1, last + 2]))
        nodes.append((try dense(five, 3, Activation(.identity)), [last + 3]))
        let model = try Model(drawing: Graph(input: input, nodes), options: ModelConfig())
        var generator = RandomGenerator(seed: 8)
        for i in 0..<model.parameters.count {
            model.parameters.pointer[i] = Float(0.4 * generator.nextNormal())
        }
        return model
    }

    /// Gradients of nets of any shape, values read twice included, against central differences:
    /// 1e-3.
    func testNetsAroundEveryKindHaveTheirGradients() throws {
        for layer in try KindCases.layers() {
            // A step along all weights crosses the kinks of other activations.
            guard layer.linearMap?.readsTable != true, layer.activation.kind != .leakyReLU else {
                continue
            }
            let model = try Self.net(around: layer)
            let samples = try Samples.random(7, width: model.graph.inputWidth, outputs: 3, seed: 9)
            let gradient = try model.gradient(samples, .crossEntropy)
            let v = try Samples.random(1, width: gradient.count, outputs: 1, seed: 10).x.array
            let product = try Buffer<Float>(count: gradient.count)
            try HessianVectorProduct(model, count: samples.count).product(
                samples.batch, .crossEntropy, v: v, into: product.pointer)
            func moved(_ step: Float) throws -> (loss: Double, gradient: [Float]) {
                let other = try Model(copying: model)
                for i in v.indices { other.parameters.pointer[i] += step * v[i] }
                return (
                    try other.value(samples, .crossEntropy),
                    try other.gradient(samples, .crossEntropy)
                )
            }
            let step: Float = 2e-3
            let (above, below) = (try moved(step), try moved(-step))
            let slope = zip(gradient, v).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            let size = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            XCTAssertEqual(
                slope, (above.loss - below.loss) / Double(2 * step), accuracy: 1e-2 * size,
                layer.line)
            let expected = zip(above.gradient, below.gradient).map {
                (Double($0) - Double($1)) / Double(2 * step)
            }
            XCTAssertLessThan(relativeError(product.array, expected), 2e-2, layer.line)
        }
    }
}

import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Layers

// To add a kind of layer: write `Sources/Layers/<Kind>.swift`, a struct that conforms to `Layer`
// (its first lines of documentation give the line of the graph text and the formula); name it in
// `LayerKinds.all`; and add its lines to `cases` and `wrong` below. That is all: passes, plans,
// files and symmetries read the facts that the kind states, and the tests here hold it to the law
// that `Layer` states.

/// The law of layers, for every kind.
final class EveryKindTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// Lines of every kind, with the shapes that they read.
    private static let cases: [(line: String, inputs: [[Int]])] = [
        ("dense 5", [[7]]), ("dense 5 nobias", [[7]]), ("dense 33", [[48]]), ("dense 1", [[1]]),
        ("dense 4", [[2, 3, 4]]),
        ("add", [[6], [6]]), ("add", [[2, 3, 4], [2, 3, 4]]),
        ("sample_table 6", [[9]]), ("sample_table 6 nobias", [[9]]),
        ("flatten", [[2, 3, 4]]), ("flatten", [[7]]),
    ]

    /// Lines that no layer can be made of, with a part of the sentence.
    private static let wrong: [(line: String, inputs: [[Int]], sentence: String)] = [
        ("dense", [[7]], "'dense' lacks its number of outputs"),
        ("dense 0", [[7]], "'dense 0' has '0' for its number of outputs"),
        ("dense -3", [[7]], "'-3'"), ("dense 5.5", [[7]], "'5.5'"),
        ("dense 99999999999999999999", [[7]], "must be 1 to"),
        ("dense 5 nobais", [[7]], "goes on with 'nobais'"),
        ("dense 5 bias nobias", [[7]], "'nobias'"),
        ("dense 5", [[7], [7]], "reads one layer; 2 given"),
        ("add", [[6]], "reads two layers; 1 given"), ("add", [[6], [7]], "they must be alike"),
        ("add 3", [[6], [6]], "goes on with '3'"),
        ("sample_table", [[9]], "lacks"),
        ("flatten", [[6], [6]], "reads one layer; 2 given"),
        ("flatten 3", [[6]], "goes on with '3'"),
        ("", [[9]], "names no kind"), ("dens 5", [[9]], "dense"),
    ]

    private static let activations: [Activation] = [
        Activation(.identity), Activation(.leakyReLU, negativeSlope: 0.2), Activation(.sigmoid),
        Activation(.tanh),
    ]

    private static func shape(_ dimensions: [Int]) throws -> Shape {
        guard dimensions.count == 3 else { return try Shape(channels: dimensions[0]) }
        return try Shape(channels: dimensions[0], height: dimensions[1], width: dimensions[2])
    }

    private func forEveryKind(_ body: (any Layer, LayerBench) throws -> Void) throws {
        var kinds = Set<String>()
        for (index, (line, inputs)) in Self.cases.enumerated() {
            for activation in Self.activations {
                let layer = try LayerKinds.layer(
                    line, inputs: try inputs.map(Self.shape), activation: activation)
                kinds.insert(type(of: layer).word)
                let rows = layer.linearMap?.readsTable == true ? layer.inputs[0].count : 9
                try body(layer, LayerBench(layer, rows: rows, seed: UInt64(index)))
            }
        }
        XCTAssertEqual(kinds, Set(LayerKinds.all.map { $0.word }), "every kind has a case")
    }

    func testLinesMakeTheLayerAgain() throws {
        try forEveryKind { layer, _ in
            let again = try LayerKinds.layer(
                layer.line, inputs: layer.inputs, activation: layer.activation)
            XCTAssertEqual(again.line, layer.line)
            XCTAssertEqual(again.output, layer.output)
            XCTAssertEqual(again.tensors, layer.tensors)
        }
    }

    func testWrongLinesAreErrorsThatNameThem() throws {
        for (line, inputs, sentence) in Self.wrong {
            XCTAssertThrowsError(
                try LayerKinds.layer(line, inputs: inputs.map(Self.shape)), line
            ) { error in
                let message = (error as? TeleportError)?.message ?? ""
                XCTAssertTrue(message.contains(sentence), "\(line): \(message)")
            }
        }
    }

    /// Derivatives of sum(delta * output) by inputs and parameters: central differences, summed in
    /// double. Floats leave about 1e-4, and a wrong term is of order 1.
    func testBackwardAndAccumulateAreTheDerivativesOfForward() throws {
        try forEveryKind { layer, bench in
            let result = bench.run()
            let width = bench.outputDelta.count
            func value(_ output: [Float]) -> Double {
                (0..<width).reduce(0) {
                    $0 + Double(bench.outputDelta[$1]) * Double(output[$1])
                }
            }
            func slope(_ change: (Float) -> Void) -> Double {
                var step: Float = 0.02
                var (above, below) = (result, result)
                // Shorter where it crosses a kink.
                repeat {
                    step /= 2
                    change(step)
                    above = bench.run()
                    change(-2 * step)
                    below = bench.run()
                    change(step)
                } while !above.hasSigns(of: below) && step > 1e-4
                return (value(above.output) - value(below.output)) / Double(2 * step)
            }
            let gradient = bench.parameters.indices.map { i in
                slope { bench.parameters[i] += $0 }
            }
            if !gradient.isEmpty {
                XCTAssertLessThan(relativeError(result.gradient, gradient), 3e-3, layer.line)
            }
            guard !bench.inputTangents.isEmpty else { return }
            for index in bench.inputs.indices {
                let expected = bench.inputs[index].indices.map { i in
                    slope { bench.inputs[index][i] += $0 }
                }
                XCTAssertLessThan(
                    relativeError(result.inputDeltas[index], expected), 3e-3, layer.line)
            }
        }
    }

    /// R of outputs, deltas and gradients: central differences along the direction in parameters,
    /// inputs and deltas.
    func testTangentsAreTheDerivativesOfThePasses() throws {
        try forEveryKind { layer, bench in
            let step: Float = 0.002
            var (bench, seed) = (bench, UInt64(100))
            var (above, below) = try bench.ends(step)
            // Not across a kink, where there is no derivative.
            while !above.hasSigns(of: below), seed < 200 {
                bench = try LayerBench(layer, rows: bench.rows, seed: seed)
                (above, below) = try bench.ends(step)
                seed += 1
            }
            XCTAssertTrue(above.hasSigns(of: below), layer.line)
            let result = bench.run()
            func difference(_ a: [Float], _ b: [Float]) -> [Double] {
                zip(a, b).map { (Double($0) - Double($1)) / Double(2 * step) }
            }
            func check(_ tangent: [Float], _ a: [Float], _ b: [Float], _ what: String) {
                guard !tangent.isEmpty else { return }
                XCTAssertLessThan(
                    relativeError(tangent, difference(a, b)), 5e-3, "\(layer.line): \(what)")
            }
            check(result.outputTangent, above.output, below.output, "output")
            check(result.gradientTangent, above.gradient, below.gradient, "gradient")
            guard !bench.inputTangents.isEmpty else { return }
            for i in bench.inputs.indices {
                check(
                    result.inputDeltaTangents[i], above.inputDeltas[i], below.inputDeltas[i],
                    "input delta")
            }
        }
    }

    /// Shares of samples and of gradient rows, as 1 to 4 threads have them, at any place: the same
    /// shares give the same bits, others differ by rounding, since products are summed in an order
    /// that their sizes decide.
    func testRowsMayBeSharedOutInAnyWay() throws {
        try forEveryKind { layer, bench in
            let whole = bench.run()
            for cuts in [[], [1], [4], [3, 5], [2, 4, 7]] {
                let shared = bench.run(cuts: cuts, gradientCuts: cuts)
                XCTAssertTrue(
                    bench.run(cuts: cuts, gradientCuts: cuts).isIdentical(to: shared), layer.line)
                XCTAssertLessThan(shared.largestError(to: whole), 1e-6, layer.line)
            }
        }
    }

    func testPassesAllocateNothing() throws {
        try forEveryKind { layer, bench in
            guard let count = bench.allocations() else { return }
            XCTAssertEqual(count, 0, layer.line)
        }
    }

    /// A net around the layer: its classes scaled by e^s keep the outputs, and |grad L|^2 is what
    /// the blocks say.
    func testChannelsScaleAsDescribed() throws {
        try forEveryKind { layer, _ in
            guard layer.activation.isPositivelyHomogeneous, layer.linearMap?.readsTable != true
            else {
                return
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
                        let row = block.rowClass < 0 ? 0 : s[block.rowClass][i]
                        let column =
                            block.columnClass < 0
                            ? 0 : s[block.columnClass][j / block.columnsPerChannel]
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

    /// What a layer without weights does to the scales of its inputs' channels: outputs move by the
    /// factor of the channel that the next layer's columns are said to belong to. Powers of two, so
    /// to the bit.
    func testScalesAreCarriedAsDescribed() throws {
        try forEveryKind { layer, bench in
            guard layer.tensors.isEmpty, layer.activation.isPositivelyHomogeneous else { return }
            var map = try ChannelMap()
            let classes = try layer.inputs.map { try map.newClass($0.channels) }
            let output = try layer.describe(&map, inputs: classes, parameterOffset: 0)
            _ = try map.linear(
                LinearMap(
                    inputs: layer.output.count, outputs: 1, hasBias: false,
                    activation: Activation(.tanh)), input: output)
            let (blocks, sizes) = try map.numbered()
            let block = try XCTUnwrap(blocks.elements.first, layer.line)
            XCTAssertGreaterThanOrEqual(block.columnClass, 0, layer.line)
            XCTAssertEqual(
                sizes[block.columnClass] * block.columnsPerChannel, layer.output.count, layer.line)
            func factor(_ channel: Int) -> Float {
                Float(sign: .plus, exponent: channel - 1, significand: 1)
            }
            let before = bench.run().output
            for (index, shape) in layer.inputs.enumerated() {
                for i in bench.inputs[index].indices {
                    bench.inputs[index][i] *= factor(
                        i % shape.count / (shape.count / shape.channels))
                }
            }
            let expected = before.enumerated().map { i, value in
                value * factor(i % layer.output.count / block.columnsPerChannel)
            }
            XCTAssertEqual(bench.run().output, expected, layer.line)
        }
    }

    /// The layer between dense layers of the same activation where it reads vectors, and on the
    /// net's inputs elsewhere.
    private static func net(around layer: any Layer) throws -> Model {
        let width = layer.inputs[0].count
        let isVector = layer.inputs.allSatisfy { $0.isVector }
        var nodes: [(layer: any Layer, inputs: [Int])] = []
        func dense(_ input: Shape, _ outputs: Int, _ activation: Activation) throws -> Dense {
            try Dense(inputs: input, outputs: outputs, hasBias: true, activation: activation)
        }
        let input = isVector ? try Shape(channels: 4) : layer.inputs[0]
        if isVector {
            for _ in layer.inputs {
                nodes.append((try dense(input, width, layer.activation), [-1]))
            }
        }
        nodes.append((layer, isVector ? Array(nodes.indices) : layer.inputs.map { _ in -1 }))
        // A value that is read twice: the deltas of its readers add up.
        let last = nodes.count - 1
        nodes.append((try dense(layer.output, 5, layer.activation), [last]))
        nodes.append((try dense(layer.output, 5, layer.activation), [last]))
        let five = try Shape(channels: 5)
        nodes.append((try LayerKinds.layer("add", inputs: [five, five]), [last + 1, last + 2]))
        nodes.append((try dense(five, 3, Activation(.identity)), [last + 3]))
        let model = try Model(Graph(input: input, nodes), options: ModelConfig())
        var generator = RandomGenerator(seed: 8)
        for i in 0..<model.parameters.count {
            model.parameters.pointer[i] = Float(0.4 * generator.nextNormal())
        }
        return model
    }

    /// Gradients of nets of any shape, values read twice included, against central differences:
    /// 1e-3.
    func testNetsAroundEveryKindHaveTheirGradients() throws {
        try forEveryKind { layer, _ in
            // A step along all weights crosses the kinks of other activations.
            guard layer.linearMap?.readsTable != true, layer.activation.kind != .leakyReLU else {
                return
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

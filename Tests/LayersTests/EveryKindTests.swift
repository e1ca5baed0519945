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

    /// Lines of every kind, with the shapes that they read: a vector, or C, H and W of an image.
    private static let cases: [(line: String, inputs: [[Int]])] = [
        ("dense 5", [[7]]), ("dense 5 nobias", [[7]]), ("dense 33", [[48]]), ("dense 1", [[1]]),
        ("add", [[6], [6]]), ("add", [[2, 3, 4], [2, 3, 4]]), ("add", [[17, 1, 3], [17, 1, 3]]),
        ("sample_table 6", [[9]]), ("sample_table 6 nobias", [[9]]),
        ("flatten", [[2, 3, 4]]), ("flatten", [[7]]), ("flatten", [[5, 2, 9]]),
        ("input 3x4x5", [[3, 4, 5]]), ("input 1x3x3", [[1, 3, 3]]),
        ("conv 3 3x3 pad same", [[2, 4, 3]]), ("conv 5 2x3 nobias", [[3, 3, 4]]),
        ("conv 9 3x3 pad 1 stride 2", [[1, 4, 5]]), ("conv 2 1x1 stride 3", [[17, 3, 4]]),
        ("conv 17 3x2 pad 1", [[2, 2, 3]]), ("conv 4 3x3 pad 2 stride 2 groups 2", [[6, 3, 3]]),
        ("conv 6 1x3 pad same groups 3", [[3, 2, 4]]), ("conv 2 4x4 pad 3 stride 3", [[1, 3, 2]]),
        ("conv 5 3x3 pad same groups 5", [[5, 3, 4]]), ("conv 2 2x2", [[2, 2, 2]]),
        ("conv 18 2x2 stride 2 groups 18 nobias", [[18, 3, 3]]),
        ("max_pool 2", [[3, 4, 4]]), ("max_pool 2", [[2, 5, 3]]), ("max_pool 2x3", [[1, 5, 6]]),
        ("max_pool 3 stride 2 pad 1", [[2, 5, 6]]), ("max_pool 3 stride 1 pad 1", [[17, 3, 2]]),
        ("max_pool 2 stride 3", [[3, 6, 5]]),
        ("avg_pool 2", [[3, 4, 4]]), ("avg_pool 3x2 stride 1 pad 1", [[2, 4, 5]]),
        ("avg_pool 2", [[18, 2, 5]]), ("avg_pool 3 stride 2 pad 1", [[3, 5, 4]]),
        ("global_avg_pool", [[4, 3, 5]]), ("global_avg_pool", [[17, 2, 2]]),
        ("batch_norm", [[5]]), ("batch_norm", [[2, 3, 4]]), ("batch_norm", [[17, 2, 3]]),
        ("batch_norm eps 0.01 momentum 0.25", [[16, 1, 2]]),
        ("dropout 0.25", [[7]]), ("dropout 0.5", [[3, 3, 4]]), ("dropout 0", [[2]]),
        ("activate", [[7]]), ("activate", [[3, 2, 4]]),
    ]

    /// Lines that no layer can be made of, with a part of the sentence.
    private static let wrong: [(line: String, inputs: [[Int]], sentence: String)] = [
        ("dense", [[7]], "'dense' lacks its number of outputs"),
        ("dense 0", [[7]], "'dense 0' has '0' for its number of outputs"),
        ("dense -3", [[7]], "'-3'"), ("dense 5.5", [[7]], "'5.5'"),
        ("dense 99999999999999999999", [[7]], "must be 1 to"),
        ("dense 5 nobais", [[7]], "goes on with 'nobais'"),
        ("dense 5 bias nobias", [[7]], "'nobias'"),
        ("conv", [[3, 8, 8]], "'conv' lacks its number of outputs"),
        ("conv 0 3x3", [[3, 8, 8]], "'0' for its number of outputs"),
        ("conv 8", [[3, 8, 8]], "lacks its kernel"),
        ("conv 8 3", [[3, 8, 8]], "'3' for its kernel; write it as 3x3"),
        ("conv 8 3x3x3", [[3, 8, 8]], "'3x3x3' for its kernel"),
        ("conv 8 0x3", [[3, 8, 8]], "'0x3' for its kernel"),
        ("conv 8 3x", [[3, 8, 8]], "'3x' for its kernel"),
        ("conv 8 3x3 stride", [[3, 8, 8]], "lacks its stride"),
        ("conv 8 3x3 stride 0", [[3, 8, 8]], "'0' for its stride; it must be 1 to"),
        ("conv 8 3x3 pad", [[3, 8, 8]], "lacks its padding"),
        ("conv 8 3x3 pad -1", [[3, 8, 8]], "'-1' for its padding; it must be 0 to"),
        ("conv 8 3x3 pad 1 pad 1", [[3, 8, 8]], "goes on with 'pad'"),
        ("conv 8 3x3 pad same pad 1", [[3, 8, 8]], "goes on with 'pad'"),
        ("conv 8 2x3 pad same", [[3, 8, 8]], "a kernel of 2x3; 'pad same' needs odd sizes"),
        ("conv 8 9x3", [[3, 8, 8]], "a kernel of 9x3, which does not fit its input of 8x8"),
        (
            "conv 16 3x3 groups 16", [[24, 8, 8]],
            "has 16 groups but gets 24 channels from its input"
        ),
        ("conv 8 3x3 groups 3", [[6, 8, 8]], "has 3 groups but makes 8 channels"),
        ("conv 8 3x3 groups 0", [[6, 8, 8]], "'0' for its groups"),
        ("conv 8 3x3 bias nobias", [[3, 8, 8]], "goes on with 'nobias'"),
        ("conv 8 3x3 nobias stride 2", [[3, 8, 8]], "goes on with 'stride'"),
        ("conv 8 1x1 pad 2000000000", [[3, 8, 8]], "makes images of 4000000008x4000000008"),
        ("conv 9 2000000000x2000000000 pad 1999999999", [[3, 8, 8]], "memory can hold"),
        ("conv 8 3x3", [[3, 8, 8], [3, 8, 8]], "reads one layer; 2 given"),
        ("dense 5", [[7], [7]], "reads one layer; 2 given"),
        ("add", [[6]], "reads two layers; 1 given"), ("add", [[6], [7]], "they must be alike"),
        ("add 3", [[6], [6]], "goes on with '3'"),
        ("sample_table", [[9]], "lacks"),
        ("flatten", [[6], [6]], "reads one layer; 2 given"),
        ("flatten 3", [[6]], "goes on with '3'"),
        ("input 3x4", [[3, 4, 5]], "write it as 3x32x32"), ("input", [[3, 4, 5]], "lacks"),
        ("input 3x4x5", [[3, 5, 4]], "is 3x4x5 but reads 3x5x4"),
        ("max_pool", [[3, 4, 4]], "lacks the size of its window"),
        ("max_pool 0", [[3, 4, 4]], "'0'"), ("max_pool 2x2x2", [[3, 4, 4]], "'2x2x2'"),
        ("max_pool 2 stride 0", [[3, 4, 4]], "'0' for its stride"),
        ("max_pool 2 pad 2", [[3, 4, 4]], "a padding of 2 for windows of 2x2"),
        ("max_pool 5", [[3, 4, 4]], "windows of 5x5, which do not fit"),
        ("max_pool 2147483647 pad 1073741824", [[3, 4, 4]], "must not exceed half"),
        ("max_pool 2 same", [[3, 4, 4]], "goes on with 'same'"),
        ("max_pool 2", [[3, 4, 4], [3, 4, 4]], "reads one layer; 2 given"),
        ("avg_pool 2 pad", [[3, 4, 4]], "lacks its padding"),
        ("avg_pool 3 pad -1", [[3, 4, 4]], "'-1'"),
        ("avg_pool 2", [[7]], "do not fit"),
        ("global_avg_pool 2", [[3, 4, 4]], "goes on with '2'"),
        ("batch_norm eps", [[5]], "lacks its eps"),
        ("batch_norm eps 0", [[5]], "has the eps 0.0"),
        ("batch_norm eps -1", [[5]], "above 0"),
        ("batch_norm eps nan", [[5]], "'nan' for its eps"),
        ("batch_norm eps 1e-2000", [[5]], "has the eps 0.0"),
        ("batch_norm momentum 1.5", [[5]], "has the momentum 1.5"),
        ("batch_norm momentum 0.1 eps 1", [[5]], "goes on with 'eps'"),
        ("batch_norm", [[5], [5]], "reads one layer; 2 given"),
        ("dropout", [[5]], "lacks its probability"), ("dropout 1", [[5]], "below 1"),
        ("dropout -0.1", [[5]], "at least 0"), ("dropout half", [[5]], "'half'"),
        ("activate relu", [[5]], "goes on with 'relu'"),
        ("", [[9]], "names no kind"), ("dens 5", [[9]], "dense"),
    ]

    private static let activations: [Activation] = [
        Activation(.identity), Activation(.leakyReLU, negativeSlope: 0.2), Activation(.sigmoid),
        Activation(.tanh),
    ]

    private static func shape(_ dimensions: [Int], border: Int = 0) throws -> Shape {
        guard dimensions.count == 3 else { return try Shape(channels: dimensions[0]) }
        return try Shape(
            channels: dimensions[0], height: dimensions[1], width: dimensions[2], border: border)
    }

    /// Borders of the inputs and of the output beyond those that the layer asks for.
    private static let borders: [(inputs: [Int], output: Int)] = [
        ([0, 0], 0), ([1, 0], 2), ([2, 3], 1),
    ]

    /// Every case with every activation, and images with several borders.
    static func layers() throws -> [any Layer] {
        var layers: [any Layer] = []
        for (line, inputs) in cases {
            let shapes = try inputs.map { try shape($0) }
            let plain = try LayerKinds.layer(line, inputs: shapes)
            let hasImages = !(shapes + [plain.output]).allSatisfy { $0.isVector }
            for borders in hasImages ? borders : [borders[0]] {
                let isData = type(of: plain).word == Image.word
                let inputs = try inputs.enumerated().map { index, dimensions in
                    try shape(
                        dimensions,
                        border: isData || dimensions.count < 3
                            ? 0 : plain.inputBorder + borders.inputs[index])
                }
                for activation in type(of: plain).takesActivation ? activations : [activations[0]] {
                    layers.append(
                        try LayerKinds.layer(
                            line, inputs: inputs, activation: activation,
                            border: plain.outputBorder
                                + (plain.output.isVector ? 0 : borders.output))
                    )
                }
            }
        }
        return layers
    }

    private func forEveryKind(
        _ modes: [PassMode] = [.training], imageRows: Int = 9,
        _ body: (any Layer, LayerBench) throws -> Void
    ) throws {
        for (index, layer) in try Self.layers().enumerated() {
            let isTable = layer.linearMap?.readsTable == true
            let rows =
                isTable ? layer.inputs[0].count : layer.inputs[0].isVector ? 9 : imageRows
            for mode in modes {
                try body(
                    layer, LayerBench(layer, rows: rows, mode: mode, seed: UInt64(index)))
            }
        }
    }

    func testEveryKindHasACase() throws {
        XCTAssertEqual(
            Set(try Self.layers().map { type(of: $0).word }), Set(LayerKinds.all.map { $0.word }))
    }

    func testLinesMakeTheLayerAgain() throws {
        for layer in try Self.layers() {
            let again = try LayerKinds.layer(
                layer.line, inputs: layer.inputs, activation: layer.activation,
                border: layer.output.border)
            XCTAssertEqual(again.line, layer.line)
            XCTAssertEqual(again.output, layer.output)
            XCTAssertEqual(again.tensors, layer.tensors)
        }
    }

    func testWrongLinesAreErrorsThatNameThem() throws {
        for (line, inputs, sentence) in Self.wrong {
            XCTAssertThrowsError(
                try LayerKinds.layer(line, inputs: inputs.map { try Self.shape($0) }), line
            ) { error in
                let message = (error as? TeleportError)?.message ?? ""
                XCTAssertTrue(message.contains(sentence), "\(line): \(message)")
            }
        }
    }

    /// Derivatives of sum(delta * output) by inputs and parameters: central differences, summed in
    /// double. Floats leave about 1e-4, and a wrong term is of order 1.
    func testBackwardAndAccumulateAreTheDerivativesOfForward() throws {
        try forEveryKind(imageRows: 3) { layer, bench in
            let result = bench.run()
            let width = bench.outputDelta.count
            func value(_ output: [Float]) -> Double {
                (0..<width).reduce(0) {
                    $0 + Double(bench.outputDelta[$1]) * Double(output[$1])
                }
            }
            func slope(_ change: (Float) -> Void) -> Double {
                let manner = LayerBench.Manner(isForwardOnly: true)
                var step: Float = 0.02
                var (above, below) = (result, result)
                // Shorter where it crosses a kink.
                repeat {
                    step /= 2
                    change(step)
                    above = bench.run(manner)
                    change(-2 * step)
                    below = bench.run(manner)
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
                let shape = layer.inputs[index]
                let expected = shape.places(bench.rows).map { i in
                    slope { bench.inputs[index][i] += $0 }
                }
                XCTAssertLessThan(
                    relativeError(shape.numbers(result.inputDeltas[index]), expected), 3e-3,
                    layer.line)
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
                bench = try LayerBench(
                    layer, rows: bench.rows, mode: bench.mode, seed: seed)
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
    /// shares give the same bits. Others differ by rounding where products are summed in an order
    /// that their sizes decide, and not at all elsewhere, wherever samples meet.
    func testRowsMayBeSharedOutInAnyWay() throws {
        try forEveryKind([.running, .batch, .training]) { layer, bench in
            let whole = bench.run()
            for cuts in [[], [1], [4], [3, 5], [2, 4, 7]] {
                let manner = LayerBench.Manner(cuts: cuts, gradientCuts: cuts)
                let shared = bench.run(manner)
                if layer.tensors.isEmpty || layer.meets(.batch) {
                    XCTAssertTrue(shared.isIdentical(to: whole), layer.line)
                    continue
                }
                XCTAssertTrue(bench.run(manner).isIdentical(to: shared), layer.line)
                XCTAssertLessThan(shared.largestError(to: whole), 1e-6, layer.line)
            }
        }
    }

    /// A value that several layers read: what stands there as its delta stays a part of the sum.
    func testDeltasAreAddedWhereTheyShallBe() throws {
        try forEveryKind { layer, bench in
            guard !bench.inputTangents.isEmpty else { return }
            let alone = bench.run()
            let before = bench.inputTangents
            let added = bench.run(LayerBench.Manner(addsTo: before))
            for i in bench.inputs.indices {
                func check(_ sum: [Float], _ part: [Float]) {
                    let expected = zip(before[i], part).map { Double($0) + Double($1) }
                    XCTAssertLessThan(relativeError(sum, expected), 1e-6, layer.line)
                }
                check(added.inputDeltas[i], alone.inputDeltas[i])
                check(added.inputDeltaTangents[i], alone.inputDeltaTangents[i])
            }
        }
    }

    /// Inputs that no weight moves are as those with a tangent of zero, and nobody writes a delta.
    func testDataHasNeitherDeltaNorTangent() throws {
        try forEveryKind { layer, bench in
            let asData = bench.run(LayerBench.Manner(isData: true))
            for (index, shape) in layer.inputs.enumerated() where !bench.inputTangents.isEmpty {
                bench.inputTangents[index] = shape.stored(bench.rows) { _ in 0 }
                XCTAssertTrue(shape.numbers(asData.inputDeltas[index]).allSatisfy { $0.isNaN })
            }
            let still = bench.run()
            XCTAssertEqual(asData.outputTangent, still.outputTangent, layer.line)
            XCTAssertEqual(asData.gradient, still.gradient, layer.line)
            XCTAssertEqual(asData.gradientTangent, still.gradientTangent, layer.line)
        }
    }

    /// Borders of images stay zeros, and nothing is written beside what the layer asked for.
    func testNothingElseIsWritten() throws {
        try forEveryKind([.running, .batch, .training]) { layer, bench in
            for cuts in [[], [2, 7]] {
                let result = bench.run(
                    LayerBench.Manner(cuts: cuts, gradientCuts: cuts, looksAtAll: true))
                XCTAssertEqual(result.isClean, true, layer.line)
                XCTAssertFalse(result.output.contains { $0.isNaN }, layer.line)
            }
        }
    }

    func testPassesAllocateNothing() throws {
        try forEveryKind { layer, bench in
            guard let count = bench.allocations() else { return }
            XCTAssertEqual(count, 0, layer.line)
        }
    }

    /// What a layer without weights does to the scales of its inputs' channels: outputs move by the
    /// factor of the channel that the next layer's columns are said to belong to. Powers of two, so
    /// to the bit.
    func testScalesAreCarriedAsDescribed() throws {
        try forEveryKind([.batch]) { layer, bench in
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
                Float(sign: .plus, exponent: channel % 7 - 3, significand: 1)
            }
            let before = bench.run().output
            for (index, shape) in layer.inputs.enumerated() {
                for i in bench.inputs[index].indices {
                    // A batch's image lies as C x H x W.
                    bench.inputs[index][i] *= factor(
                        layer is Image
                            ? i % shape.count / (shape.height * shape.width) : shape.channel(i))
                }
            }
            let expected = before.enumerated().map { i, value in
                // An image has channels; of a vector several neighbours may be one.
                value
                    * factor(
                        layer.output.isVector
                            ? i % layer.output.count / block.columnsPerChannel
                            : layer.output.channel(i))
            }
            XCTAssertTrue(bench.run().output == expected, layer.line)
        }
    }
}

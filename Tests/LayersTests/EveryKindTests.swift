import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Layers

/// The law of layers, for every kind.
final class EveryKindTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private func forEveryKind(
        _ modes: [PassMode] = [.training], imageRows: Int = 9,
        _ body: (any Layer, LayerBench) throws -> Void
    ) throws {
        for (index, layer) in try KindCases.layers().enumerated() {
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
            Set(try KindCases.layers().map { type(of: $0).word }),
            Set(LayerKinds.all.map { $0.word }))
    }

    func testLinesMakeTheLayerAgain() throws {
        for layer in try KindCases.layers() {
            let again = try LayerKinds.layer(
                layer.line, inputs: layer.inputs, activation: layer.activation,
                border: layer.output.border)
            XCTAssertEqual(again.line, layer.line)
            XCTAssertEqual(again.output, layer.output)
            XCTAssertEqual(again.tensors, layer.tensors)
        }
    }

    func testWrongLinesAreErrorsThatNameThem() throws {
        for (line, inputs, sentence) in KindCases.wrong {
            XCTAssertThrowsError(
                try LayerKinds.layer(line, inputs: inputs.map { try KindCases.shape($0) }), line
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

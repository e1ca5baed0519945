import Runtime
import TestSupport
import XCTest

@testable import Layers

final class DropoutTests: XCTestCase {
    /// Ones through the layer: what it multiplies its inputs with, one number a unit.
    private func mask(
        _ shape: Shape, probability: Double = 0.3, border: Int = 0, rows: Int = 4, first: Int = 0,
        mode: PassMode = .training, seed: UInt64 = 1, step: UInt64 = 2, layer: Int = 3
    ) throws -> [Float] {
        let kind = try LayerKinds.layer(
            "dropout \(probability)", inputs: [shape], border: border)
        var x = shape.stored(rows) { _ in 1 }
        var output = kind.output.stored(rows) { _ in .nan }
        x.withUnsafeMutableBufferPointer { x in
            output.withUnsafeMutableBufferPointer { output in
                var pass = LayerPass(
                    rows: rows, first: first, parameters: UnsafePointer(x.baseAddress!),
                    input: LayerPass.Input(UnsafePointer(x.baseAddress!)),
                    output: output.baseAddress!)
                (pass.mode, pass.seed, pass.step, pass.layer) = (mode, seed, step, layer)
                kind.forward(pass)
            }
        }
        return kind.output.numbers(output)
    }

    func testUnitsAreDroppedAsOftenAsAskedAndTheMeanStays() throws {
        let shape = try Shape(channels: 1_000)
        for probability in [0, 0.1, 0.5, 0.9] {
            let units = try mask(shape, probability: probability, rows: 100)
            let dropped = units.filter { $0 == 0 }.count
            let scale = Float(1 / (1 - probability))
            XCTAssertTrue(units.allSatisfy { $0 == 0 || $0 == scale })
            // Four standard deviations of a count of 100,000.
            let deviation = (100_000 * probability * (1 - probability)).squareRoot()
            XCTAssertEqual(
                Double(dropped), 100_000 * probability, accuracy: 4 * deviation + 1e-9)
        }
    }

    /// Neighbours, samples, steps, layers and seeds drop units independently: two of them agree in
    /// half of the units at probability 1/2.
    func testMasksAreIndependent() throws {
        let shape = try Shape(channels: 20_000)
        func units(
            first: Int = 0, seed: UInt64 = 1, step: UInt64 = 2, layer: Int = 3
        ) throws -> [Float] {
            try mask(
                shape, probability: 0.5, rows: 1, first: first, seed: seed, step: step,
                layer: layer)
        }
        let one = try units()
        for other in [
            try units(first: 1), try units(seed: 2), try units(step: 3), try units(layer: 4),
            try units(step: 3, layer: 2), Array(one[1...] + one[..<1]),
            Array(one[2...] + one[..<2]),
        ] {
            let agreeing = zip(one, other).filter { $0 == $1 }.count
            XCTAssertEqual(Double(agreeing), 10_000, accuracy: 4 * 70.7)
        }
        XCTAssertEqual(one, try units())
    }

    /// A sample has its mask wherever a share of the batch begins, an image whatever its border.
    func testMasksBelongToSamplesAndUnits() throws {
        let plain = try Shape(channels: 3, height: 5, width: 7)
        let bordered = try Shape(channels: 3, height: 5, width: 7, border: 2)
        let all = try mask(plain)
        XCTAssertEqual(
            all, try (0..<4).flatMap { try mask(plain, rows: 1, first: $0) })
        XCTAssertEqual(all, try mask(bordered, border: 1))
    }

    func testNothingIsDroppedOutsideOfTraining() throws {
        let shape = try Shape(channels: 100)
        for mode in [PassMode.running, .batch] {
            XCTAssertTrue(try mask(shape, mode: mode).allSatisfy { $0 == 1 })
        }
    }
}

import Foundation
import Layers
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// Both objectives written out once more in plain loops, with derivatives by central differences.
final class PathConditioningTests: XCTestCase {
    private static let nets: [(widths: [Int], bias: Bool)] = [
        ([3, 5, 2], true), ([4, 6, 5, 3], true), ([4, 6, 5, 3], false), ([2, 3, 3, 3, 2], true),
    ]

    /// n ln(sum_i g_i exp(e_i)) - sum_i e_i, with g by differences of the squared net's outputs.
    private func pathValue(_ model: Model, _ s: [Double]) -> Double {
        let graph = model.graph
        let squares = model.parameters.elements.map { Double($0) * Double($0) }
        func output(_ u: [Double]) -> Double {
            var h = [Double](repeating: 1, count: graph.inputWidth)
            for layer in graph.layers.elements {
                h = (0..<layer.outputs).map { i in
                    (0..<layer.inputs).reduce(layer.hasBias ? u[layer.biasOffset + i] : 0) {
                        $0 + u[layer.weightOffset + i * layer.inputs + $1] * h[$1]
                    }
                }
            }
            return h.reduce(0, +)
        }
        var (sum, edges, unit) = (0.0, 0.0, 0)
        for (m, layer) in graph.layers.elements.enumerated() {
            for i in 0..<layer.outputs {
                let own = m == graph.hiddenLayerCount ? 0 : 2 * s[unit + i]
                let places = (0..<layer.inputs).map {
                    (
                        layer.weightOffset + i * layer.inputs + $0,
                        m == 0 ? 0 : 2 * s[unit - layer.inputs + $0]
                    )
                }
                for (place, below) in places + (layer.hasBias ? [(layer.biasOffset + i, 0)] : []) {
                    // The outputs are linear in each square.
                    var moved = squares
                    moved[place] += 1
                    sum += (output(moved) - output(squares)) * exp(below - own)
                    edges += below - own
                }
            }
            unit += layer.outputs
        }
        return Double(graph.parameterCount) * log(sum) - edges
    }

    private func normValue(_ model: Model, _ s: [Double]) throws -> Double {
        let moved = try Model(copying: model)
        let element = try Scaling(model.graph)
        let buffer = try Buffer(s)
        element.setLogFactors(buffer.pointer, exact: false)
        element.apply(to: moved.parameters.pointer)
        return moved.parameters.elements.reduce(0) { $0 + Double($1) * Double($1) }
    }

    private func check(
        _ model: Model, _ value: (UnsafePointer<Double>) -> Double,
        reference: ([Double]) throws -> Double, accuracy: Double,
        minimize: (UnsafeMutablePointer<Double>, Double, Int?) throws -> Int
    ) throws {
        let count = try Scaling.channelCount(model.graph)
        var generator = RandomGenerator(seed: 3)
        let s = (0..<count).map { _ in generator.nextDouble(from: -0.5, to: 0.5) }
        XCTAssertEqual(value(s) / (try reference(s)), 1, accuracy: accuracy)
        // The minimum: every derivative is zero, or points out of the box.
        for (radius, layer) in [(16.0, Int?.none), (0.1, nil), (16, 0)] {
            let found = try Buffer(repeating: 0.0, count: count)
            XCTAssertLessThan(try minimize(found.pointer, radius, layer), 10_000)
            let here = value(found.pointer)
            XCTAssertLessThanOrEqual(here, value([Double](repeating: 0, count: count)))
            for i in 0..<count {
                if let layer, i >= model.graph.layers.pointer[layer].outputs {
                    XCTAssertEqual(found.pointer[i], 0)
                    continue
                }
                for step in [1e-4, -1e-4] {
                    let start = found.pointer[i]
                    guard abs(start + step) <= radius else { continue }
                    found.pointer[i] += step
                    XCTAssertGreaterThanOrEqual(value(found.pointer), here * (1 - 1e-13) - 1e-13)
                    found.pointer[i] = start
                }
            }
        }
    }

    func testPathConditioningIsAtItsMinimum() throws {
        for (widths, bias) in Self.nets {
            let model = try Model.random(widths, bias: bias, seed: 2)
            let path = try PathConditioning(model)
            try check(model, path.value, reference: { self.pathValue(model, $0) }, accuracy: 1e-9) {
                try path.minimize($0, radius: $1, layer: $2, sweeps: 10_000)
            }
        }
    }

    func testEqualNormsAreAtTheirMinimum() throws {
        for (widths, bias) in Self.nets {
            let model = try Model.random(widths, bias: bias, seed: 4)
            let norms = try EqualNorms(model)
            try check(
                model, norms.value, reference: { try self.normValue(model, $0) }, accuracy: 1e-6
            ) {
                try norms.minimize($0, radius: $1, layer: $2, sweeps: 10_000)
            }
        }
    }

    /// Whatever scaling a net has had, it ends at the same weights.
    func testEqualNormsAreACanonicalForm() throws {
        let model = try Model.random([4, 6, 5, 3], seed: 5)
        func balanced(_ model: Model) throws -> [Float] {
            let s = try Buffer(repeating: 0.0, count: 11)
            _ = try EqualNorms(model).minimize(s.pointer, radius: 16, layer: nil, sweeps: 10_000)
            let element = try Scaling(model.graph)
            element.setLogFactors(s.pointer, exact: false)
            let result = try Model(copying: model)
            element.apply(to: result.parameters.pointer)
            return result.parameters.array
        }
        let scaled = try Model(copying: model)
        let element = try Scaling(model.graph)
        let factors = try Buffer((0..<11).map { 0.3 * Double($0 % 5) - 0.6 })
        element.setLogFactors(factors.pointer, exact: false)
        element.apply(to: scaled.parameters.pointer)
        XCTAssertLessThan(relativeError(try balanced(scaled), try balanced(model)), 1e-6)
    }
}

import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// Moves that must not be made, and why nothing moved.
final class RefusalTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// Infinite everywhere but where the search starts.
    private final class Cliff: ObjectiveFunction {
        let start: [UInt32]

        init(_ model: Model) { start = model.bits }

        func value(_ model: Model) -> Double { model.bits == start ? 1 : .infinity }

        func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) -> Double {
            for i in 0..<model.parameters.count { covector[i] = Float(i % 7) - 2 }
            return value(model)
        }
    }

    /// Infinity is greater than every number and better than none.
    func testAnAscentGoesNowhereThatIsNotFinite() throws {
        let model = try Model.random([6, 5, 4, 3], seed: 1)
        let samples = try Samples.random(20, width: 6, outputs: 3, seed: 2)
        var options = TeleportConfig.plain(.scaling, .ascent, radius: 0.1)
        options.objective = .sharpnessMaximize
        let search = DirectedSearch(
            moves: try ScalingMoves(model.graph, layers: [0, 1], exact: false),
            task: SearchTask(
                model, samples.batch, .crossEntropy, options, radius: 0.1, steps: 10))
        var report = TeleportReport()
        let move = try search.ascent(Cliff(model), &report)
        XCTAssertNil(move)
        XCTAssertEqual(report.steps, 0)
    }

    /// A g that differs from I in one place of a saturated unit's row or column, or on its
    /// diagonal.
    func testAGivenElementMustLeaveSaturatedUnitsAlone() throws {
        for (kind, bound) in [(ActivationKind.tanh, Float(15)), (.sigmoid, 30)] {
            for sign in [Float(1), -1] {
                let model = try Model.random([9, 5, 4, 3], kind, seed: 3)
                let layer = model.graph.layers.pointer[0]
                let samples = try Samples.random(4, width: 9, outputs: 3, seed: 4)
                for j in 0..<9 { model.parameters.pointer[layer.weightOffset + 18 + j] = 0 }
                model.parameters.pointer[layer.biasOffset + 2] = sign * (bound + 1)
                let bits = model.bits
                func apply(_ changes: [Int: Float]) -> TeleportError? {
                    var g = (0..<25).map { Float($0 % 6 == 0 ? 1 : 0) }
                    for (place, value) in changes { g[place] = value }
                    return failure {
                        try model.applyLinear(
                            hiddenLayer: 0, g: g, count: 25, batch: samples.batch)
                    }
                }
                for place in [10, 11, 12, 13, 14, 2, 7, 17, 22] {
                    let error = apply([place: place == 12 ? 0.99 : 0.01])
                    XCTAssertEqual(error?.status, .unsupported, "\(kind) g[\(place)]")
                    XCTAssert(error?.message.contains("unit 2") ?? false, error?.message ?? "")
                    XCTAssertEqual(model.bits, bits, "\(kind) g[\(place)]")
                }
                // The others may move, and it stays to the bit.
                let outputs = try model.outputs(samples)
                XCTAssertNil(apply([0: 1.02, 3: 0.01, 20: -0.01]))
                XCTAssertNotEqual(Array(model.bits[0..<9]), Array(bits[0..<9]))
                XCTAssertEqual(Array(model.bits[18..<27]), Array(bits[18..<27]))
                XCTAssertLessThan(outputChange(outputs, try model.outputs(samples)), 1e-5)
                // Just inside the bound it is a unit like the others.
                model.parameters.pointer[layer.biasOffset + 2] = sign * (bound - 0.5)
                XCTAssertNil(apply([12: 0.99]))
            }
        }
    }

    /// Derivatives by a layer's weights lie in the span of its inputs, and the second ones leave it
    /// only where these change with the weights: in hidden layers, and where there are fewer
    /// samples than units.
    func testANullSpaceWithoutRoomSaysSo() throws {
        let noRoom: Int32 = 8
        for (samples, outcome) in [
            (5, TeleportOutcome.accepted.rawValue), (20, noRoom), (90, noRoom),
        ] {
            for search in [Search.ascent, .lookahead] {
                let model = try Model.random([40, 12, 10, 3], .tanh, seed: 1)
                let before = model.bits
                let batch = try Samples.random(samples, width: 40, outputs: 3, seed: 2)
                let report = try Teleport(
                    model, batch.batch, .crossEntropy, .plain(.nullSpace, search)
                ).run()
                // A rollout may find that staying is best; there is room all the same.
                let isRight =
                    report.outcome.rawValue == outcome
                    || search == .lookahead && samples == 5 && report.outcome == .stayed
                XCTAssert(isRight, "\(samples) \(search) \(report.outcome)")
                let first = model.graph.layers.pointer[0].parameterCount
                let change = zip(model.parameters.array, before).prefix(first).reduce(Float(0)) {
                    max($0, abs($1.0 - Float(bitPattern: $1.1)))
                }
                XCTAssertLessThan(change, 1e-6, "the first layer never moves")
            }
        }
    }
}

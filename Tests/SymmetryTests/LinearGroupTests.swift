import Foundation
import Layers
import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class LinearGroupTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private func apply(_ g: [Double], _ layer: Int, to model: Model, _ samples: Samples?) throws {
        try model.applyLinear(
            hiddenLayer: layer, g: g.map { Float($0) }, count: g.count, batch: samples?.batch)
    }

    /// Computed in double from float weights and a float g: 1e-5 for the weights, which a condition
    /// of h of up to a hundred stands behind, 1e-5 of the range for the outputs.
    func testGoldenActions() throws {
        let golden = try Golden.file("gl_action")
        let cases = golden["cases"].list
        XCTAssertEqual(cases.count, 5)
        for each in cases + [golden["identity_exact"]] {
            let model = try each.model()
            let samples = try each.samples()
            let layer = Int(each["hidden_layer"].number)
            let isExact = !each["b_out"].isNull
            let before = try model.outputs(samples)
            var expected = model.parameters.array.map { Double($0) }
            try apply(each["g"].numbers, layer, to: model, isExact ? nil : samples)
            let own = model.graph.layers.pointer[layer]
            let next = model.graph.layers.pointer[layer + 1]
            expected.replaceSubrange(
                own.weightOffset..<own.weightOffset + own.weightCount, with: each["W_out"].numbers)
            if isExact {
                expected.replaceSubrange(
                    own.biasOffset..<own.biasOffset + own.outputs, with: each["b_out"].numbers)
            }
            expected.replaceSubrange(
                next.weightOffset..<next.weightOffset + next.weightCount,
                with: each["W_next"].numbers)
            XCTAssertLessThan(relativeError(model.parameters.array, expected), 1e-5)
            XCTAssertLessThan(outputChange(before, try model.outputs(samples)), 1e-5)
        }
    }

    func testTheExponentialOfTheGoldenAlgebraIsTheGoldenElement() throws {
        let golden = try Golden.file("gl_action")
        for each in golden["cases"].list + [golden["identity_exact"]] {
            let numbers = each["lie_algebra_T"].numbers
            let size = each["lie_algebra_T"].list.count
            let t = try Matrix(size, size)
            for (i, value) in numbers.enumerated() { t.pointer[i] = value }
            let g = try t.exponential()
            let array = (0..<g.count).map { g.pointer[$0] }
            XCTAssertLessThan(relativeError(array, each["g"].numbers), 1e-13)
        }
    }

    func testTheIdentityMovesNoBit() throws {
        for kind in [ActivationKind.identity, .leakyReLU, .sigmoid, .tanh] {
            // Ten times the weights: some units of the bounded activations are deep in saturation.
            for factor in [Float(1), 10] {
                let model = try Model.random([6, 5, 4, 3], kind, seed: 1)
                for i in 0..<model.parameters.count { model.parameters.pointer[i] *= factor }
                let samples = try Samples.random(5, width: 6, outputs: 3, seed: 2)
                let before = model.bits
                for (layer, size) in [(0, 5), (1, 4)] {
                    let g = (0..<size * size).map { $0 % (size + 1) == 0 ? 1.0 : 0 }
                    try apply(g, layer, to: model, samples)
                    XCTAssertEqual(model.bits, before, "\(kind)")
                }
            }
        }
    }

    /// phi and d phi / d T against automatic differentiation: float32 gradients and Hessian-vector
    /// products, through h^+: 1e-4.
    func testGoldenAscentGradients() throws {
        let cases = try Golden.file("ascent_gradient")["cases"].list
        XCTAssertEqual(cases.count, 6)
        for golden in cases {
            let model = try golden.model()
            let samples = try golden.samples()
            let size = try LinearGroup.algebraSize(model.graph)
            var slope = [Double](repeating: .nan, count: size)
            let phi = try model.linearGradientNorm(samples.batch, golden.loss, into: &slope)
            XCTAssertEqual(phi / golden["phi"].number, 1, accuracy: 1e-5)
            XCTAssertLessThan(relativeError(slope, golden["dphi_dT"].numbers), 1e-4)
            // Without biases in the file: those of W alone.
            guard golden["b"].isNull else { continue }
            let covector = try Buffer<Float>(count: model.parameters.count)
            _ = try GradientNorm(model, samples.batch, golden.loss).derivative(
                model, into: covector.pointer)
            XCTAssertLessThan(relativeError(covector.array, golden["dphi_dW"].numbers), 1e-4)
        }
    }

    /// The derivative by T of any function of the weights, here a fixed linear one, against
    /// differences of the move itself: W is rounded to float, so the step is 1e-3 and the tolerance
    /// 2e-3.
    func testTheDerivativeAgreesWithDifferencesOfTheMove() throws {
        for kind in [ActivationKind.identity, .leakyReLU, .tanh, .sigmoid] {
            let model = try Model.random([9, 5, 4, 3], kind, seed: 3)
            let samples = try Samples.random(4, width: 9, outputs: 3, seed: 4)
            let covector = try Samples.random(1, width: model.parameters.count, outputs: 1, seed: 5)
                .x
            let group = try LinearGroup(model.graph, samples.batch, layers: [0])
            let slope = try XCTUnwrap(try group.derivative(at: model, covector.pointer)[0])
            var generator = RandomGenerator(seed: 6)
            let t = try LinearGroup.randomAlgebra(
                model.graph, layers: [0], norm: 1, &generator)
            func value(_ length: Double) throws -> Double {
                let moved = try Model(copying: model)
                var fit = LinearAction.Fit()
                XCTAssertTrue(try group.move(moved, along: t, by: length, fit: &fit))
                return (0..<covector.count).reduce(0) {
                    $0 + Double(covector.pointer[$1]) * Double(moved.parameters.pointer[$1])
                }
            }
            let step = 1e-3
            let difference = (try value(step) - value(-step)) / (2 * step)
            let direction = try XCTUnwrap(t[0])
            let predicted = (0..<slope.count).reduce(0) {
                $0 + slope.pointer[$1] * direction.pointer[$1]
            }
            XCTAssertEqual(difference / predicted, 1, accuracy: 2e-3, "\(kind)")
        }
    }

    /// Units that are saturated on a sample stay where they are, to the bit, and the others move.
    func testSaturatedUnitsAreLeftOut() throws {
        for (kind, z) in [
            (ActivationKind.tanh, Float(16)), (.tanh, 40), (.sigmoid, 31), (.sigmoid, 900),
        ] {
            let model = try Model.random([9, 5, 4, 3], kind, seed: 3)
            let layer = model.graph.layers.pointer[0]
            model.parameters.pointer[layer.biasOffset + 2] = z + 6
            let samples = try Samples.random(4, width: 9, outputs: 3, seed: 4)
            for j in 0..<9 { model.parameters.pointer[layer.weightOffset + 18 + j] *= 0.1 }
            let covector = try Samples.random(1, width: model.parameters.count, outputs: 1, seed: 5)
                .x
            let group = try LinearGroup(model.graph, samples.batch, layers: [0])
            let t = try group.derivative(at: model, covector.pointer)
            let slope = try XCTUnwrap(t[0])
            XCTAssertTrue(slope.isFinite)
            for i in 0..<5 {
                XCTAssertEqual(slope[2, i], 0)
                XCTAssertEqual(slope[i, 2], 0)
            }
            XCTAssertGreaterThan(slope.squaredNorm, 0)
            let before = model.parameters.array
            let outputs = try model.outputs(samples)
            var generator = RandomGenerator(seed: 6)
            let random = try LinearGroup.randomAlgebra(
                model.graph, layers: [0], norm: 0.1, &generator)
            var fit = LinearAction.Fit()
            XCTAssertTrue(try group.move(model, along: random, by: 1, fit: &fit), "\(kind) \(z)")
            let after = model.parameters.array
            XCTAssertEqual(Array(after[18..<27]), Array(before[18..<27]))
            XCTAssertNotEqual(Array(after[0..<9]), Array(before[0..<9]))
            XCTAssertLessThan(outputChange(outputs, try model.outputs(samples)), 1e-5)
            // A host's g may not move it.
            let bits = model.bits
            let g: [Double] = (0..<25).map { ($0 % 6 == 0 ? 1.0 : 0.0) + 0.01 }
            XCTAssertEqual(failure { try apply(g, 0, to: model, samples) }?.status, .unsupported)
            XCTAssertEqual(model.bits, bits)
        }
    }

    /// What a group keeps of a layer must not outlive the weights that it was computed from: after
    /// any change of weights it moves as one that has seen no others, to the bit.
    func testAGroupThatHasSeenOtherWeightsMovesAsAFreshOne() throws {
        for kind in [ActivationKind.leakyReLU, .tanh, .identity] {
            let samples = try Samples.random(5, width: 14, outputs: 3, seed: 4)
            let start = try Model.random([14, 9, 8, 7, 3], kind, seed: 3)
            for i in 0..<start.parameters.count { start.parameters.pointer[i] *= 0.3 }
            let graph = start.graph
            let layers = [0, 1, 2]
            let covector = try Samples.random(1, width: start.parameters.count, outputs: 1, seed: 5)
                .x
            let seasoned = try LinearGroup(graph, samples.batch, layers: layers)
            var generator = RandomGenerator(seed: 6)
            // In turn: nothing, one weight or bias of each layer, all weights, and the first ones
            // again.
            let places = [0, 1, 2].flatMap { m in
                let layer = graph.layers.pointer[m]
                return [layer.weightOffset + 3, layer.biasOffset + 1]
            }
            for change in 0..<places.count + 4 {
                let model = try Model(copying: start)
                if (1...places.count).contains(change) {
                    model.parameters.pointer[places[change - 1]] += 0.1
                } else if change == places.count + 1 {
                    for i in 0..<model.parameters.count { model.parameters.pointer[i] *= 0.9 }
                }
                let fresh = try LinearGroup(graph, samples.batch, layers: layers)
                let slope = try fresh.derivative(at: model, covector.pointer)
                let again = try seasoned.derivative(at: model, covector.pointer)
                for m in layers {
                    XCTAssertEqual(
                        slope[m].map { Array($0.storage.elements) },
                        again[m].map { Array($0.storage.elements) }, "\(kind) \(change)")
                }
                let t = try LinearGroup.randomAlgebra(
                    graph, layers: layers, norm: 0.1, &generator)
                let copy = try Model(copying: model)
                var fit = LinearAction.Fit()
                let another = try LinearGroup(graph, samples.batch, layers: layers)
                XCTAssertTrue(try another.move(model, along: t, by: 1, fit: &fit))
                XCTAssertTrue(try seasoned.move(copy, along: t, by: 1, fit: &fit))
                XCTAssertEqual(copy.bits, model.bits, "\(kind) \(change)")
            }
        }
    }

    func testElementsThatCannotActLeaveTheModelAlone() throws {
        let samples = try Samples.random(4, width: 9, outputs: 3, seed: 4)
        let identity = (0..<25).map { $0 % 6 == 0 ? 1.0 : 0 }
        let tanh = try Model.random([9, 5, 3], .tanh, seed: 3)
        let leaky = try Model.random([9, 5, 3], seed: 3)
        let reLU = try Model.random([9, 5, 3], .reLU, seed: 3)
        var holed = identity
        holed[7] = .nan
        for (model, g, layer, batch, expected) in [
            (leaky, [Double](repeating: 1, count: 25), 0, samples, Status.linearAlgebra),
            (leaky, identity, 1, samples, .invalidArgument),
            (leaky, identity, -1, samples, .invalidArgument),
            (leaky, [1], 0, samples, .shapeMismatch), (leaky, holed, 0, samples, .notFinite),
            (leaky, identity.map { $0 * 1e-39 }, 0, samples, .notFinite),
            (leaky, identity, 0, nil, .invalidArgument),
            (reLU, identity, 0, samples, .unsupported),
            (tanh, identity.map { $0 * 50 }, 0, samples, .unsupported),
        ] as [(Model, [Double], Int, Samples?, Status)] {
            let before = model.bits
            XCTAssertEqual(failure { try apply(g, layer, to: model, batch) }?.status, expected)
            XCTAssertEqual(model.bits, before)
        }
    }

    /// Half as many samples as inputs, |T| = 0.3: the loss on the batch stays to 1e-5 in at least
    /// 95 of 100 nets. What it does to samples that the move did not see is another matter, and
    /// printed.
    func testBatchesOfHalfTheInputsKeepTheirLossInNinetyFiveNetsOfAHundred() throws {
        print(
            "slope  accepted  batch change (median, worst)  unseen change of 1,000 samples (median, 95 %, worst)"
        )
        var accepted = 0
        var total = 0
        for slope in [Float(0.01), 0.05, 0.1, 0.2] {
            var changes: [Double] = []
            var unseen: [Double] = []
            for net in 0..<25 as Range<UInt64> {
                let seed = net + UInt64(slope * 10_000)
                let widths = [[32, 16, 16, 10], [24, 20, 10], [40, 24, 12, 8, 5]][Int(net % 3)]
                let outputs = widths[widths.count - 1]
                let model = try Model.random(widths, slope: slope, seed: seed)
                let samples = try Samples.random(
                    widths[0] / 2, width: widths[0], outputs: outputs, seed: seed + 1)
                let others = try Samples.random(
                    1_000, width: widths[0], outputs: outputs, seed: seed + 2)
                var generator = RandomGenerator(seed: seed)
                let t = try LinearGroup.randomAlgebra(
                    model.graph, layers: [0], norm: 0.3, &generator)
                let group = try LinearGroup(model.graph, samples.batch, layers: [0])
                var check = try Guard(
                    model, samples.batch, .crossEntropy,
                    workspace: try model.measuringWorkspace(count: samples.count))
                let before = try model.value(others, .crossEntropy)
                var fit = LinearAction.Fit()
                XCTAssertTrue(try group.move(model, along: t, by: 1, fit: &fit))
                try check.measureAfter()
                changes.append(abs(check.lossAfter / check.lossBefore - 1))
                unseen.append(abs(try model.value(others, .crossEntropy) / before - 1))
            }
            let kept = changes.count { $0 < 1e-5 }
            accepted += kept
            total += changes.count
            changes.sort()
            unseen.sort()
            print(
                String(
                    format: "%5.2f  %3d / %3d  %8.1e %8.1e  %14.1f %% %5.1f %% %5.1f %%", slope,
                    kept,
                    changes.count, changes[12], changes[24], 100 * unseen[12], 100 * unseen[23],
                    100 * unseen[24]))
        }
        XCTAssertEqual(total, 100)
        XCTAssertGreaterThanOrEqual(accepted, 95)
    }
}

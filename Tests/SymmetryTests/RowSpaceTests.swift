import Layers
import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

final class RowSpaceTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private let kinds = [ActivationKind.leakyReLU, .tanh, .sigmoid]

    /// On its samples the model in the space is the whole one: outputs to 1e-5 of their range, loss
    /// and |grad L|^2 to 1e-5, for every loss; with weights of samples too.
    func testTheModelInTheSpaceIsTheWholeOneOnItsSamples() throws {
        for kind in kinds {
            for loss in [Loss.crossEntropy, .meanSquaredError, .halfSquaredError] {
                let model = try Model.random([40, 9, 7, 3], kind, seed: 1)
                let samples = try Samples.random(12, width: 40, outputs: 3, loss: loss, seed: 2)
                let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
                XCTAssertEqual(space.model.graph.widths, [12, 9, 7, 3])
                XCTAssertEqual(space.batch.count, 12)
                let whole = try GradientNorm(model, samples.batch, loss).measure(model)
                let inSpace = try space.gradientNorm(loss).measure(space.model)
                XCTAssertEqual(inSpace.value / whole.value, 1, accuracy: 1e-5, "\(kind) \(loss)")
                let losses = (try XCTUnwrap(inSpace.loss), try XCTUnwrap(whole.loss))
                XCTAssertEqual(losses.0 / losses.1, 1, accuracy: 1e-5)
                var outputs = [Float](repeating: .nan, count: 36)
                try space.model.outputs(
                    space.batch.x, count: 12, into: &outputs,
                    workspace: try space.model.measuringWorkspace(count: 12))
                XCTAssertLessThan(outputChange(try model.outputs(samples), outputs), 1e-5)
            }
        }
    }

    /// The derivative by T is the same in the space, and a move there lifted is the move of the
    /// whole model.
    func testDerivativesAndMovesAgreeWithThoseOfTheWholeModel() throws {
        for kind in kinds {
            let model = try Model.random([40, 9, 12, 3], kind, seed: 3)
            // Away from the ends of the bounded activations' range.
            for i in 0..<model.parameters.count { model.parameters.pointer[i] *= 0.2 }
            let samples = try Samples.random(8, width: 40, outputs: 3, seed: 4)
            let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
            let layers = [0, 1]
            var slopes: [LinearGroup.Algebra] = []
            var groups: [LinearGroup] = []
            for (model, batch, inverse, objective) in [
                (
                    model, samples.batch, nil,
                    try GradientNorm(model, samples.batch, .crossEntropy)
                ),
                (space.model, space.batch, space.inverse, try space.gradientNorm(.crossEntropy)),
            ] {
                let covector = try Buffer<Float>(count: model.parameters.count)
                _ = try objective.derivative(model, into: covector.pointer)
                let group = try LinearGroup(
                    model.graph, batch, layers: layers, inverse: inverse)
                groups.append(group)
                slopes.append(try group.derivative(at: model, covector.pointer))
            }
            for m in layers {
                let difference = try XCTUnwrap(slopes[1][m]).copy()
                let expected = try XCTUnwrap(slopes[0][m])
                difference.add(expected, scaledBy: -1)
                XCTAssertLessThan(difference.squaredNorm, 1e-8 * expected.squaredNorm, "\(kind)")
            }
            var generator = RandomGenerator(seed: 5)
            let t = try LinearGroup.randomAlgebra(
                model.graph, layers: layers, norm: 0.1, &generator)
            let expected = try Model(copying: model)
            let moved = try Model(copying: space.model)
            var fit = LinearAction.Fit()
            XCTAssertTrue(try groups[0].move(expected, along: t, by: 1, fit: &fit))
            XCTAssertTrue(try groups[1].move(moved, along: t, by: 1, fit: &fit))
            let lifted = try space.lift(moved)
            XCTAssertLessThan(
                relativeError(lifted.parameters.array, expected.parameters.array.map(Double.init)),
                1e-5, "\(kind)")
            XCTAssertTrue(lifted.bits != model.bits)
            let outputs = try model.outputs(samples)
            XCTAssertLessThan(outputChange(outputs, try lifted.outputs(samples)), 1e-5)
        }
    }

    func testLiftingWhatHasNotMovedMovesNoBit() throws {
        let model = try Model.random([40, 9, 3], seed: 3)
        let samples = try Samples.random(8, width: 40, outputs: 3, seed: 4)
        let space = try XCTUnwrap(try RowSpace(of: model, samples.batch))
        XCTAssertEqual(try space.lift(space.model).bits, model.bits)
    }

    func testThereIsNoneForTooManyOrDependentSamples() throws {
        let model = try Model.random([10, 9, 3], seed: 3)
        for count in [10, 11] {
            let samples = try Samples.random(count, width: 10, outputs: 3, seed: 4)
            XCTAssertNil(try RowSpace(of: model, samples.batch))
        }
        let samples = try Samples.random(5, width: 10, outputs: 3, seed: 4)
        XCTAssertNotNil(try RowSpace(of: model, samples.batch))
        for j in 0..<10 { samples.x.pointer[30 + j] = samples.x.pointer[j] }
        XCTAssertNil(try RowSpace(of: model, samples.batch))
        samples.x.pointer[30] = .nan
        XCTAssertNil(try RowSpace(of: model, samples.batch))
    }

    /// Rounding of the lifted weights may undo what a search has won in the space: then it is not
    /// taken. The samples are pairs that are nearly equal and have different labels, the model has
    /// been trained on them.
    func testWhatIsAcceptedImprovesTheObjectiveOfTheWholeModel() throws {
        var accepted = 0
        for seed in UInt64(0)..<120 {
            let distance = seed % 2 == 0 ? 2e-3 : 1e-3
            let samples = try Samples.nearlyEqualPairs(4, width: 40, distance: distance, seed: seed)
            let trained = try Model.random([40, 16, 16, 3], seed: seed)
            for _ in 0..<300 {
                let gradient = try trained.gradient(samples, .crossEntropy)
                for i in 0..<gradient.count { trained.parameters.pointer[i] -= 0.1 * gradient[i] }
            }
            let before = try gradientNorm2(trained, samples, .crossEntropy)
            for objective in [Objective.gradientNormMaximize, .gradientNormMinimize] {
                let model = try Model(copying: trained)
                var options = TeleportConfig.plain(.linear, .ascent)
                options.objective = objective
                let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
                guard report.accepted else { continue }
                accepted += 1
                let after = try gradientNorm2(model, samples, .crossEntropy)
                XCTAssertGreaterThan(
                    objective.sign * (after - before), 0, "\(objective) \(distance) \(seed)")
            }
        }
        XCTAssertGreaterThan(accepted, 120)
    }

    /// K or what it is multiplied with leaves the range of floats, the whole model does not: the
    /// search goes on with that.
    func testSamplesTooLargeForTheSpaceAreSearchedWithoutIt() throws {
        for scale in [Float(1e18), 5e18] {
            let model = try Model.random([40, 9, 3], seed: 3)
            let samples = try Samples.random(
                8, width: 40, outputs: 3, loss: .halfSquaredError, seed: 4)
            for i in 0..<samples.x.count { samples.x.pointer[i] *= scale }
            if scale > 2e18 {
                let weights = model.graph.layers.pointer[0].weightCount
                for i in 0..<weights { model.parameters.pointer[i] /= scale }
            }
            let space = try RowSpace(of: model, samples.batch)
            XCTAssertEqual(space == nil, scale > 2e18)
            if let space {
                let value = try space.gradientNorm(.halfSquaredError).value(space.model)
                XCTAssertFalse(value.isFinite)
            }
            var options = TeleportConfig.plain(.linear, .random, radius: 0.3)
            options.candidates = 20
            let report = try Teleport(model, samples.batch, .halfSquaredError, options).run()
            XCTAssertTrue(report.accepted, "\(scale): \(report.outcome)")
        }
    }

    /// Layers with fewer inputs than samples could only fit: left out where another can follow,
    /// unless named.
    func testLayersThatCouldOnlyFitStayWhereOthersCanFollow() throws {
        let samples = try Samples.random(20, width: 40, outputs: 3, seed: 4)
        for search in [Search.ascent, .random] {
            let model = try Model.random([40, 12, 8, 3], seed: 3)
            let before = model.parameters.array
            var options = TeleportConfig.plain(.linear, search, radius: 0.1)
            let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
            XCTAssertTrue(report.accepted, "\(search)")
            XCTAssertEqual(report.layer, 0)
            XCTAssertEqual(report.rank, 20)
            XCTAssertGreaterThan(report.gradientNorm2After, report.gradientNorm2Before)
            // W_1 takes g^-1; what leads to the outputs is as it was.
            let last = model.graph.layers.pointer[2]
            XCTAssertEqual(
                model.parameters.array[last.weightOffset...], before[last.weightOffset...])
            XCTAssertNotEqual(model.parameters.array, before)
            options.layers = .one(1)
            let named = try Teleport(
                try Model(copying: model), samples.batch, .crossEntropy, options
            ).run()
            XCTAssertEqual(named.layer, 1)
            if named.accepted { XCTAssertLessThan(named.rank, 20) }
        }
        // None can follow: all take part, as far as the loss lets them.
        let narrow = try Model.random([12, 10, 8, 3], seed: 3)
        let many = try Samples.random(20, width: 12, outputs: 3, seed: 4)
        let report = try Teleport(
            narrow, many.batch, .crossEntropy, .plain(.linear, .ascent, radius: 0.1)
        ).run()
        XCTAssertNil(report.layer)
    }

    /// The derivative after a measurement at the same weights is the one without it, and never that
    /// of other weights.
    func testTheDerivativeDoesNotDependOnWhatWasMeasuredBefore() throws {
        let samples = try Samples.random(9, width: 6, outputs: 3, seed: 4)
        let model = try Model.random([6, 5, 3], .tanh, seed: 3)
        let other = try Model.random([6, 5, 3], .tanh, seed: 8)
        func fresh(_ model: Model) throws -> ([Float], Double) {
            let covector = try Buffer<Float>(count: model.parameters.count)
            let value = try GradientNorm(model, samples.batch, .crossEntropy).derivative(
                model, into: covector.pointer)
            return (covector.array, value)
        }
        let seasoned = try GradientNorm(model, samples.batch, .crossEntropy)
        let covector = try Buffer<Float>(count: model.parameters.count)
        for (measured, asked) in [(model, model), (other, model), (model, other), (other, other)] {
            _ = try seasoned.value(measured)
            for _ in 0..<2 {
                let value = try seasoned.derivative(asked, into: covector.pointer)
                let expected = try fresh(asked)
                XCTAssertEqual(value, expected.1)
                XCTAssertEqual(covector.array, expected.0)
            }
        }
    }
}

import Foundation
import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// What a lookahead chooses, on the smallest network there is, where it can be worked out by hand:
/// y = w2 w1 x, x = 1.
///
/// A candidate g takes (w1, w2) to (w1 g, w2 / g). Its rollout takes three steps of SGD on L = (w1
/// w2 - t)^2, t the target of every sample of the first half:
///
///     e = 2 (w1 w2 - t)        w1 <- w1 - rate e w2        w2 <- w2 - rate e w1
///
/// and its score is (w1 w2 - u)^2, u the target of every sample of the second half. |w1| > |w2|
/// makes phi grow with g.
final class LookaheadTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    private struct Example {
        let name: String
        let w1, w2, t, u, rate: Double
        /// What is to be chosen; nil: stay.
        let rung: Double?
        /// Scores of staying and of the choice.
        let before, after: Double
    }

    // Products w1 w2 after the three steps, by hand. g = 2^rung.
    private let examples = [
        // Small g is best: every larger one jumps over t = 2.
        //   stay 2.8600 0.9521 2.5308    -1 1.9600 2.0232 1.9858    -0.5 2.1600 1.8808 2.0741    1
        //   7.585 0.2405 37.96
        Example(
            name: "a negative rung", w1: 2, w2: 0.5, t: 2, u: 2, rate: 0.2, rung: -1,
            before: 0.281789, after: 0.000201),
        // On the first half 2 is best, as near to 1 as any comes; on the second 1.5, near 0.8.
        //   stay 0.2821 0.3137 0.3449    1 0.3707 0.4729 0.5593    1.5 0.4905 0.6546 0.7665    2
        //   0.7303 0.9035 0.9656
        Example(
            name: "the second half decides", w1: 1, w2: 0.25, t: 1, u: 0.8, rate: 0.02, rung: 1.5,
            before: 0.207117, after: 0.001122),
        // The same rollouts. 2 ends with 0.001648, the lowest, but had 0.000461 a step before.
        Example(
            name: "a score that rises is out", w1: 1, w2: 0.25, t: 1, u: 0.925, rate: 0.02,
            rung: 1.5, before: 0.336517, after: 0.025123),
        // u is where the weights are: every rollout leads away, and whatever rises is out.
        Example(
            name: "staying", w1: 1, w2: 0.25, t: 1, u: 0.25, rate: 0.05, rung: nil,
            before: 0.054569, after: 0.054569),
    ]

    private func model(_ example: Example) throws -> Model {
        let model = try Model.random([1, 1, 1], .identity, bias: false, seed: 1)
        model.assign([example.w1, example.w2])
        return model
    }

    private func samples(_ example: Example) throws -> Samples {
        try Samples(
            x: [Double](repeating: 1, count: 64), count: 64,
            targets: [Double](repeating: example.t, count: 32)
                + [Double](repeating: example.u, count: 32))
    }

    private func options(_ example: Example, _ group: Group, radius: Double) -> TeleportConfig {
        var options = TeleportConfig.plain(group, .lookahead, radius: radius)
        (options.rolloutSteps, options.rolloutBatch, options.learningRate) = (3, 32, example.rate)
        return options
    }

    /// The score after three steps from g.
    private func score(_ example: Example, _ g: Double) -> Double {
        var (w1, w2) = (example.w1 * g, example.w2 / g)
        for _ in 0..<3 {
            let e = 2 * (w1 * w2 - example.t)
            (w1, w2) = (w1 - example.rate * e * w2, w2 - example.rate * e * w1)
        }
        return (w1 * w2 - example.u) * (w1 * w2 - example.u)
    }

    private func check(
        _ example: Example, _ group: Group, radius: Double, _ factor: (Double) -> Double
    ) throws {
        let name = "\(example.name), \(group)"
        let model = try model(example)
        let samples = try samples(example)
        let report = try Teleport(
            model, samples.batch, .meanSquaredError, options(example, group, radius: radius)
        ).run()
        XCTAssertFalse(report.halvesShared)
        XCTAssertEqual(report.scoreBefore, score(example, 1), accuracy: 1e-5, name)
        guard let rung = example.rung else {
            XCTAssertEqual(report.outcome, .stayed, name)
            XCTAssertEqual(report.scoreAfter, report.scoreBefore, name)
            XCTAssertEqual(model.parameters.array, [Float(example.w1), Float(example.w2)], name)
            return
        }
        let g = factor(rung)
        XCTAssertEqual(report.outcome, .accepted, name)
        XCTAssertEqual(report.radius, rung * radius, accuracy: 1e-6, name)
        XCTAssertEqual(report.scoreAfter, score(example, g), accuracy: 1e-5, name)
        XCTAssertEqual(
            Double(model.parameters.pointer[0]), example.w1 * g, accuracy: 1e-5, name)
        XCTAssertEqual(
            Double(model.parameters.pointer[1]), example.w2 / g, accuracy: 1e-5, name)
    }

    func testTheScalingGroupChoosesAsWorkedOutByHand() throws {
        for example in examples {
            try check(example, .scaling, radius: log(2)) { pow(2, $0) }
            // The table's own numbers.
            XCTAssertEqual(score(example, 1), example.before, accuracy: 1e-6)
            XCTAssertEqual(
                score(example, pow(2, example.rung ?? 0)), example.after, accuracy: 1e-6)
        }
    }

    /// GL(1) by the Cayley transform, g = (1 + T/2) / (1 - T/2): with a radius of 2/3 the rung -1
    /// is 1/2 again, and 1.5 is 3.
    func testTheLinearGroupChoosesAsWorkedOutByHand() throws {
        for example in examples where example.name != "a score that rises is out" {
            try check(example, .linear, radius: 2.0 / 3) { (1 + $0 / 3) / (1 - $0 / 3) }
        }
    }
}

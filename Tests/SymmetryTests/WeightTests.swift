import LinearAlgebra
import Networks
import Optimization
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// Samples of weight 0 count as nothing, wherever in the batch they are.
final class WeightTests: XCTestCase {
    override func setUp() { XCTAssertNoThrow(try BLAS.reserve()) }

    /// A weighted batch with a gap of weight 0, with cross-entropy of inputs that are no numbers
    /// too, and what is left without it.
    private func withAndWithout(
        _ gap: Range<Int>, of count: Int, width: Int, _ loss: Loss
    ) throws -> (with: Samples, without: Samples) {
        let all = try Samples.random(
            count, width: width, outputs: 3, loss: loss, weighted: true, seed: 2)
        let kept = (0..<count).filter { !gap.contains($0) }
        let without = try Samples(
            x: kept.flatMap { row in (0..<width).map { Double(all.x.pointer[row * width + $0]) } },
            count: kept.count, labels: all.labels.map { labels in kept.map { labels.pointer[$0] } },
            targets: all.targets.map { targets in
                kept.flatMap { row in (0..<3).map { Double(targets.pointer[row * 3 + $0]) } }
            },
            weights: all.weights.map { weights in kept.map { Double(weights.pointer[$0]) } })
        for row in gap {
            all.weights?.pointer[row] = 0
            if loss == .crossEntropy { all.x.pointer[row * width] = .nan }
        }
        return (all, without)
    }

    /// A half, the quarter that is held out, and a mini-batch of the rollouts.
    func testATeleportIsThatOfTheBatchWithoutThem() throws {
        for gap in [0..<48, 48..<96, 72..<96, 8..<16] {
            for group in [Group.scaling, .linear, .nullSpace, .levelSet] {
                for search in [Search.lookahead, .ascent, .random]
                where search != .random || group == .scaling || group == .linear {
                    for loss in [Loss.crossEntropy, .meanSquaredError] {
                        let name = "\(gap) \(group) \(search) \(loss)"
                        let (with, without) = try withAndWithout(gap, of: 96, width: 100, loss)
                        var options = TeleportConfig.plain(group, search)
                        options.heldOutTolerance = 10
                        (options.rolloutSteps, options.rolloutBatch, options.steps) = (12, 8, 3)
                        var ends: [([UInt32], TeleportReport)] = []
                        for samples in [with, without] {
                            let model = try Model.random([100, 90, 3], .leakyReLU, seed: 1)
                            let report = try Teleport(model, samples.batch, loss, options).run()
                            ends.append((model.bits, report))
                        }
                        XCTAssertEqual(ends[0].1.outcome, ends[1].1.outcome, name)
                        XCTAssertEqual(ends[0].0, ends[1].0, name)
                        for field in [
                            \TeleportReport.lossBefore, \.lossAfter, \.objectiveBefore,
                            \.objectiveAfter, \.radius, \.outputChange,
                        ] {
                            XCTAssertEqual(
                                ends[0].1[keyPath: field], ends[1].1[keyPath: field], name)
                        }
                        XCTAssertNotEqual(ends[1].1.outcome, .notFinite, name)
                    }
                }
            }
        }
    }

    func testHeldOutSamplesOfNoWeightCountAsNothing() throws {
        let (with, without) = try withAndWithout(3..<20, of: 40, width: 12, .crossEntropy)
        let samples = try Samples.random(10, width: 12, outputs: 3, seed: 3)
        var values: [Double] = []
        for heldOut in [with, without] {
            let model = try Model.random([12, 10, 3], seed: 1)
            var options = TeleportConfig.plain(.linear, .ascent, radius: 0.05)
            (options.heldOut, options.heldOutTolerance) = (heldOut.batch, 10)
            let report = try Teleport(model, samples.batch, .crossEntropy, options).run()
            XCTAssertEqual(report.outcome, .accepted)
            values += [report.heldOutBefore, report.heldOutAfter]
        }
        XCTAssertEqual(Array(values[0..<2]), Array(values[2...]))
    }

    /// Three samples have a weight, and none of three can be held out.
    func testWhereTooFewHaveAWeightTheMessageCountsThem() throws {
        let (with, _) = try withAndWithout(1..<38, of: 40, width: 12, .crossEntropy)
        let model = try Model.random([12, 10, 3], seed: 1)
        var options = TeleportConfig.plain(.linear, .ascent)
        options.heldOutTolerance = 0.05
        let error = failure { _ = try Teleport(model, with.batch, .crossEntropy, options) }
        XCTAssertEqual(error?.status, .invalidArgument)
        XCTAssert(
            error?.message.contains("3 samples with a weight") ?? false, error?.message ?? "")
    }

    /// What takes part in no search cannot become finite by one: it is refused with its place.
    func testHeldOutSamplesThatAreNotFiniteAreRefused() throws {
        for loss in [Loss.crossEntropy, .meanSquaredError] {
            let model = try Model.random([12, 10, 3], seed: 1)
            let samples = try Samples.random(10, width: 12, outputs: 3, loss: loss, seed: 3)
            let heldOut = try Samples.random(10, width: 12, outputs: 3, loss: loss, seed: 4)
            var options = TeleportConfig.plain(.scaling, .ascent)
            (options.heldOut, options.heldOutTolerance) = (heldOut.batch, 0.05)
            func message(_ part: String) -> String? {
                let error = failure { _ = try Teleport(model, samples.batch, loss, options) }
                XCTAssertEqual(error?.status, .notFinite)
                XCTAssert(error?.message.contains(part) ?? false, error?.message ?? "no error")
                return error?.message
            }
            heldOut.x.pointer[4 * 12 + 7] = .infinity
            XCTAssert(message("held_out: value 7 of sample 4 is inf") != nil)
            heldOut.x.pointer[4 * 12 + 7] = 0
            guard let targets = heldOut.targets else { continue }
            targets.pointer[2 * 3 + 1] = .nan
            XCTAssert(message("held_out: target 1 of sample 2 is nan") != nil)
        }
    }
}

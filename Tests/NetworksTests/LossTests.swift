import CShims
import Foundation
import Layers
import Runtime
import TestSupport
import XCTest

@testable import Networks

final class LossTests: XCTestCase {
    private let all: [Loss] = [.crossEntropy, .meanSquaredError, .halfSquaredError]

    /// Sums are in double, each term of a float: 1e-6 relative.
    func testLossesAndWeightsAgreeWithDoubles() throws {
        for loss in all {
            for weighted in [false, true] {
                let samples = try Samples.random(
                    23, width: 5, outputs: 4, loss: loss, weighted: weighted, seed: 1)
                let model = try Model.random([5, 7, 4], seed: 2)
                let expected = ReferenceNetwork(model).loss(samples, loss)
                XCTAssertEqual(
                    try model.value(samples, loss) / expected, 1, accuracy: 1e-6, "\(loss)")
            }
        }
    }

    func testAWeightOfZeroLeavesASampleOut() throws {
        for loss in all {
            let model = try Model.random([3, 4, 2], seed: 3)
            let all = try Samples.random(9, width: 3, outputs: 2, loss: loss, seed: 4)
            all.weights = try Buffer([1, 1, 1, 1, 1, 1, 0, 0, 0])
            let first = try Samples(
                x: all.x.elements.prefix(18).map { Double($0) }, count: 6,
                labels: all.labels.map { Array($0.elements.prefix(6)) },
                targets: all.targets.map { $0.elements.prefix(12).map { Double($0) } })
            XCTAssertEqual(
                try model.value(all, loss), try model.value(first, loss), accuracy: 1e-12)
            // Another batch size may take another kernel: equal to rounding.
            XCTAssertLessThan(
                relativeError(try model.gradient(all, loss), try model.gradient(first, loss)), 1e-6)
        }
    }

    /// One rule for all losses: no share in the loss, in the gradient and in Hessian-vector
    /// products, whatever the outputs.
    func testAWeightOfZeroLeavesASampleOutWhoseOutputsAreNotFinite() throws {
        for loss in all {
            for bad in [Float.nan, .infinity, -.infinity] {
                var outputs: [Float] = [bad, 1, bad, 0.5, -0.25, 1]
                let samples = try Samples.random(2, width: 1, outputs: 3, loss: loss, seed: 5)
                samples.weights = try Buffer([0, 2])
                var delta = [Float](repeating: 7, count: 6)
                let value = loss.evaluate(
                    &outputs, width: 3, batch: samples.batch, scale: 0.5, delta: &delta)
                let second = samples.batch.slice(1, 1)
                var expected = [Float](repeating: 7, count: 3)
                let alone = outputs.withUnsafeBufferPointer {
                    loss.evaluate(
                        $0.baseAddress! + 3, width: 3, batch: second, scale: 0.5,
                        delta: &expected)
                }
                XCTAssertEqual(value, alone, "\(loss)")
                XCTAssertEqual(delta, [0, 0, 0] + expected, "\(loss)")
            }
        }
    }

    /// The last layer overflows for the sample of weight 0 alone.
    func testDerivativesLeaveOutASampleOfWeightZeroWhoseOutputsOverflow() throws {
        for loss in all {
            let model = try Model(widths: [1, 2])
            model.parameters.pointer.update(from: [2, -3, 0.5, 0.25], count: 4)
            let both = try Samples(
                x: [3e38, 0.5], count: 2, labels: loss == .crossEntropy ? [0, 1] : nil,
                targets: loss == .crossEntropy ? nil : [1, 2, 3, 4], weights: [0, 2])
            let one = try Samples(
                x: [0.5], count: 1, labels: loss == .crossEntropy ? [1] : nil,
                targets: loss == .crossEntropy ? nil : [3, 4], weights: [2])
            let v: [Float] = [1, -1, 0.5, 2]
            var (product, expected) = (v, v)
            let loss0 = try HessianVectorProduct(model, count: 2).product(
                both.batch, loss, v: v, into: &product)
            let loss1 = try HessianVectorProduct(model, count: 1).product(
                one.batch, loss, v: v, into: &expected)
            XCTAssertEqual(loss0, loss1, accuracy: 1e-6 * abs(loss1))
            XCTAssertLessThan(relativeError(product, expected), 1e-6, "\(loss)")
            XCTAssertLessThan(
                relativeError(try model.gradient(both, loss), try model.gradient(one, loss)), 1e-6,
                "\(loss)")
        }
    }

    /// A NaN's lower bits are anything.
    func testSoftmaxAndCrossEntropyOfNaNAreNaNWhateverItsPayload() throws {
        for payload: UInt32 in [0, 1, 0x1234, 0x3f_ffff, 0x20_0000, 0x7f, 0x155555] {
            for sign: UInt32 in [0, 0x8000_0000] {
                let bad = Float(bitPattern: 0x7fc0_0000 | payload | sign)
                for count in [1, 4] {
                    for place in 0..<4 {
                        var z = [Float](repeating: count == 4 ? bad : 0.5, count: 4)
                        z[place] = bad
                        let samples = try Samples(x: [0], count: 1, labels: [0])
                        let value = Loss.crossEntropy.evaluate(
                            z, width: 4, batch: samples.batch, scale: 1, delta: nil)
                        XCTAssertTrue(value.isNaN, "\(payload)")
                        shim_softmax(&z, 1, 4)
                        XCTAssertTrue(z.allSatisfy { $0.isNaN }, "\(payload): \(z)")
                    }
                }
            }
        }
    }

    func testLargeLogitsNeitherOverflowNorLoseTheLoss() throws {
        var delta = [Float](repeating: 0, count: 3)
        let samples = try Samples(x: [0], count: 1, labels: [0])
        for (outputs, expected) in [
            ([Float(1e4), 0, 0], 0.0), ([0, 1e4, 0], 1e4), ([-3e38, 3e38, 0], 6e38),
            ([88, 89, 90], 2.4076),
        ] {
            let value = Loss.crossEntropy.evaluate(
                outputs, width: 3, batch: samples.batch, scale: 1, delta: &delta)
            XCTAssertEqual(value, expected, accuracy: 1e-4 * max(1, expected))
            XCTAssertEqual(delta.reduce(0, +), 0, accuracy: 1e-6)
            XCTAssertTrue(allFinite(delta, count: 3))
        }
    }

    func testOutputsThatAreNotFiniteGiveALossThatIsNot() throws {
        for loss in all {
            let samples = try Samples.random(1, width: 1, outputs: 3, loss: loss, seed: 5)
            for bad in [Float.nan, .infinity] {
                for place in 0..<3 {
                    var outputs: [Float] = [1, 2, 3]
                    outputs[place] = bad
                    XCTAssertFalse(
                        loss.evaluate(
                            outputs, width: 3, batch: samples.batch, scale: 1, delta: nil
                        ).isFinite, "\(loss) \(bad) \(place)")
                }
            }
        }
    }

    func testBatchesThatDoNotFitAreRefusedWithTheValueAtFault() throws {
        let model = try Model.random([3, 4, 2], seed: 3)
        let labelled = try Samples.random(4, width: 3, outputs: 2, seed: 1)
        let targeted = try Samples.random(4, width: 3, outputs: 2, loss: .meanSquaredError, seed: 1)
        func refusal(_ batch: Batch, _ loss: Loss) -> (Status, String)? {
            do { try batch.validate(for: model.graph, loss: loss) } catch {
                return (error as? TeleportError).map { ($0.status, $0.message) }
            }
            return nil
        }
        XCTAssertNil(refusal(labelled.batch, .crossEntropy))
        XCTAssertNil(refusal(targeted.batch, .halfSquaredError))
        XCTAssertEqual(refusal(labelled.batch, .meanSquaredError)?.0, .invalidArgument)
        XCTAssertEqual(refusal(targeted.batch, .crossEntropy)?.0, .invalidArgument)
        let narrow = try Samples.random(4, width: 2, outputs: 2, seed: 1)
        XCTAssertEqual(refusal(narrow.batch, .crossEntropy)?.0, .shapeMismatch)
        let wide = try Samples.random(4, width: 3, outputs: 5, loss: .meanSquaredError, seed: 1)
        XCTAssertEqual(refusal(wide.batch, .meanSquaredError)?.0, .shapeMismatch)
        XCTAssertEqual(refusal(labelled.batch.slice(0, 0), .crossEntropy)?.0, .invalidArgument)
        for label in [Int32(-1), 2, .max, .min] {
            labelled.labels?.pointer[3] = label
            let refused = refusal(labelled.batch, .crossEntropy)
            XCTAssertEqual(refused?.0, .invalidArgument)
            XCTAssertEqual(
                refused?.1, "the label of sample 3 is \(label); the model has classes 0 to 1")
        }
        for weights in [[0, 0, 0, 0], [1, 1, -1, 1], [1, .nan, 1, 1], [1, .infinity, 1, 1]]
            as [[Float]]
        {
            targeted.weights = try Buffer(weights)
            XCTAssertEqual(
                refusal(targeted.batch, .meanSquaredError)?.0,
                weights[1].isFinite ? .invalidArgument : .notFinite)
        }
    }
}

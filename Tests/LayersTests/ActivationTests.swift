import Foundation
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Layers

final class ActivationTests: XCTestCase {
    private let all: [Activation] = [
        Activation(.identity), Activation(.leakyReLU, negativeSlope: 0.2), Activation(.reLU),
        Activation(.sigmoid), Activation(.tanh),
    ]

    private func exact(_ activation: Activation, _ z: Double) -> (value: Double, slope: Double) {
        switch activation.kind {
        case .identity: return (z, 1)
        case .leakyReLU, .reLU:
            let slope = z > 0 ? 1 : Double(activation.negativeSlope)
            return (slope * z, slope)
        case .sigmoid:
            let value = 1 / (1 + exp(-z))
            return (value, value * (1 - value))
        case .tanh: return (tanh(z), 1 - tanh(z) * tanh(z))
        }
    }

    /// Widths around a vector of sixteen, so that the tail is met; with and without a bias.
    func testValuesAndDerivativesAgreeWithDoubles() {
        for activation in all {
            for width in [1, 15, 16, 17, 40] {
                for hasBias in [false, true] {
                    let rows = 3
                    var generator = RandomGenerator(seed: UInt64(width))
                    let z = (0..<rows * width).map { _ in Float(3 * generator.nextNormal()) }
                    let bias = (0..<width).map { _ in Float(generator.nextNormal()) }
                    var h = z
                    activation.apply(&h, rows: rows, width: width, bias: hasBias ? bias : nil)
                    var delta = [Float](repeating: 2, count: rows * width)
                    activation.multiplyByDerivative(&delta, h: h, count: rows * width)
                    for i in z.indices {
                        let sum = z[i] + (hasBias ? bias[i % width] : 0)
                        let expected = exact(activation, Double(sum))
                        XCTAssertEqual(
                            Double(h[i]), expected.value,
                            accuracy: 3e-7 * max(1, abs(expected.value)))
                        XCTAssertEqual(Double(delta[i]), 2 * expected.slope, accuracy: 1e-6)
                    }
                }
            }
        }
    }

    func testZeroTakesTheNegativeSide() {
        for zero in [Float(0), -0.0] {
            for width in [1, 16] {
                for (activation, slope) in [(all[1], Float(0.2)), (all[2], 0), (all[0], 1)] {
                    var h = [Float](repeating: zero, count: width)
                    activation.apply(&h, rows: 1, width: width, bias: nil)
                    XCTAssertEqual(h, [Float](repeating: 0, count: width))
                    var delta = [Float](repeating: 1, count: width)
                    activation.multiplyByDerivative(&delta, h: h, count: width)
                    XCTAssertEqual(delta, [Float](repeating: slope, count: width))
                }
            }
        }
    }

    /// Derivatives come from h: the smallest z must not be taken for 0, nor the largest lose its
    /// bound.
    func testExtremesStayInRange() {
        let extremes: [Float] = [
            .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude, 100, -100,
        ]
        for activation in all {
            var h = extremes + [Float](repeating: 1, count: 16)
            activation.apply(&h, rows: 1, width: h.count, bias: nil)
            XCTAssertTrue(allFinite(h, count: h.count), activation.name)
            var delta = [Float](repeating: 1, count: h.count)
            activation.multiplyByDerivative(&delta, h: h, count: h.count)
            XCTAssertTrue(allFinite(delta, count: h.count), activation.name)
            if activation.isPositivelyHomogeneous { XCTAssertEqual(delta[0], 1, activation.name) }
        }
    }

    func testNaNIsPassedOn() {
        for activation in all {
            for width in [1, 16] {
                var h = [Float](repeating: .nan, count: width)
                activation.apply(&h, rows: 1, width: width, bias: nil)
                XCTAssertTrue(h.allSatisfy { $0.isNaN }, activation.name)
            }
        }
    }

    func testHomogeneousActivationsAreThoseOfTheScalingGroup() {
        XCTAssertEqual(all.map(\.isPositivelyHomogeneous), [true, true, true, false, false])
    }
}

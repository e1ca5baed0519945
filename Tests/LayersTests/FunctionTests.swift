import CShims
import Foundation
import Runtime
import XCTest

/// The vector functions over all floats, against the C library's exponential in double.
final class FunctionTests: XCTestCase {
    private static let block = 1 << 16

    /// Worst errors, in units in the last place of the exact value.
    private struct Worst {
        var exponential = 0.0
        var sigmoid = 0.0
        var tanh = 0.0

        static let impossible = Worst(
            exponential: .infinity, sigmoid: .infinity, tanh: .infinity)

        mutating func join(_ other: Worst) {
            exponential = max(exponential, other.exponential)
            sigmoid = max(sigmoid, other.sigmoid)
            tanh = max(tanh, other.tanh)
        }
    }

    /// Of a float that is to be `exact`, which is positive and within a float's range.
    @inline(__always)
    private func error(_ value: Float, _ exact: Double) -> Double {
        let power = Double(bitPattern: exact.bitPattern & Double.infinity.bitPattern)
        return abs(Double(value) - exact) / max(power * 0x1p-23, 0x1p-149)
    }

    /// x and -x for every x of a block of positive floats.
    private func errors(from first: Int) -> Worst {
        var x = [Float](repeating: 0, count: 2 * Self.block)
        for i in 0..<Self.block {
            let magnitude = Float(bitPattern: UInt32(first + i))
            (x[2 * i], x[2 * i + 1]) = (magnitude, -magnitude)
        }
        var (exponentials, sigmoids, tangents) = (x, x, x)
        shim_exponential(&exponentials, x.count)
        shim_sigmoid(&sigmoids, x.count)
        shim_tanh(&tangents, x.count)
        // What rounds to a constant is compared as it is.
        if x[x.count - 2] < 0x1p-26 {
            return exponentials == pairs(1, 1) && sigmoids == pairs(0.5, 0.5) && tangents == x
                ? Worst() : .impossible
        }
        if x[0] > 110 {
            return exponentials == pairs(.infinity, 0) && sigmoids == pairs(1, 0)
                && tangents == pairs(1, -1) ? Worst() : .impossible
        }
        return x.withUnsafeBufferPointer { x in
            exponentials.withUnsafeBufferPointer { exponentials in
                sigmoids.withUnsafeBufferPointer { sigmoids in
                    tangents.withUnsafeBufferPointer {
                        compare(x, exponentials, sigmoids, $0)
                    }
                }
            }
        }
    }

    private func pairs(_ up: Float, _ down: Float) -> [Float] {
        [Float](unsafeUninitializedCapacity: 2 * Self.block) { values, count in
            for i in 0..<Self.block { (values[2 * i], values[2 * i + 1]) = (up, down) }
            count = 2 * Self.block
        }
    }

    /// By one exponential for all: exp(x) is 1 / exp(-x), and so on.
    private func compare(
        _ x: UnsafeBufferPointer<Float>, _ exponentials: UnsafeBufferPointer<Float>,
        _ sigmoids: UnsafeBufferPointer<Float>, _ tangents: UnsafeBufferPointer<Float>
    ) -> Worst {
        var worst = Worst()
        for up in stride(from: 0, to: x.count, by: 2) {
            let down = up + 1
            let m = Double(x[up])
            let small = exp(-m)
            // Below 2^-12 what 1 - exp(-2 m) loses is more than the series' third term.
            let tangent =
                m < 0x1p-12 ? m - m * m * m / 3 : (1 - small * small) / (1 + small * small)
            let large = 1 / small
            if Float(large).isFinite {
                worst.exponential = max(worst.exponential, error(exponentials[up], large))
            } else if exponentials[up] != .infinity {
                return .impossible
            }
            worst.exponential = max(worst.exponential, error(exponentials[down], small))
            worst.sigmoid = max(
                worst.sigmoid, error(sigmoids[up], 1 / (1 + small)),
                error(sigmoids[down], small / (1 + small)))
            worst.tanh = max(worst.tanh, error(tangents[up], tangent))
            guard tangents[down] == -tangents[up] else { return .impossible }
        }
        return worst
    }

    func testErrorsOverAllFloatsAreBelowTheirBounds() {
        let last = Int(Float.infinity.bitPattern)
        let blocks = Array(stride(from: 0, to: last, by: Self.block))
        var worsts = [Worst](repeating: Worst(), count: blocks.count)
        worsts.withUnsafeMutableBufferPointer { worsts in
            nonisolated(unsafe) let worsts = worsts
            ThreadPool.shared.forEach(blocks.count) { worsts[$0] = errors(from: blocks[$0]) }
        }
        let worst = worsts.reduce(into: Worst()) { $0.join($1) }
        print("exponential \(worst.exponential), sigmoid \(worst.sigmoid), tanh \(worst.tanh) ulp")
        XCTAssertLessThan(worst.exponential, 1.03)
        XCTAssertLessThan(worst.sigmoid, 2.41)
        XCTAssertLessThan(worst.tanh, 1.34)
    }

    func testLimitsZerosAndNaN() {
        let nan = Float(bitPattern: 0xff80_0001)
        let x: [Float] = [
            .infinity, -.infinity, 0, -0.0, 89, -105, 88.72, -103.9, .leastNonzeroMagnitude,
        ]
        func values(_ function: (UnsafeMutablePointer<Float>, Int) -> Void) -> [Float] {
            var y = x
            function(&y, y.count)
            return y
        }
        XCTAssertEqual(
            values(shim_exponential),
            [.infinity, 0, 1, 1, .infinity, 0, Float(exp(Double(Float(88.72)))), 0x1p-149, 1])
        XCTAssertEqual(
            values(shim_sigmoid), [1, 0, 0.5, 0.5, 1, 0, 1, 0x1p-149, 0.5])
        XCTAssertEqual(values(shim_tanh)[3].sign, .minus)
        XCTAssertEqual(
            values(shim_tanh), [1, -1, 0, 0, 1, -1, 1, -1, .leastNonzeroMagnitude])
        for function in [shim_exponential, shim_sigmoid, shim_tanh] {
            for count in [1, 16, 17] {
                var y = [Float](repeating: nan, count: count)
                function(&y, count)
                XCTAssertTrue(y.allSatisfy(\.isNaN))
            }
        }
    }

    /// What is left after whole vectors is as in them, and nothing else is touched.
    func testResultsDoNotDependOnThePlace() {
        var generator = RandomGenerator(seed: 1)
        let x = (0..<40).map { _ in Float(4 * generator.nextNormal()) }
        for function in [shim_exponential, shim_sigmoid, shim_tanh] {
            var all = x
            function(&all, x.count)
            for first in 0..<20 {
                for count in 1...20 {
                    var some = x
                    some.withUnsafeMutableBufferPointer { function($0.baseAddress! + first, count) }
                    let end = first + count
                    XCTAssertEqual(
                        some, Array(x[..<first]) + all[first..<end] + Array(x[end...]))
                }
            }
        }
    }
}

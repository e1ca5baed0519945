import LinearAlgebra
import Runtime
import TestSupport
import XCTest

@testable import Layers

/// Maps of rows against the product with the whole matrix in double, for widths around a vector's.
final class RowMapTests: XCTestCase {
    private let rows = 5

    private func random(_ count: Int, _ generator: inout RandomGenerator) throws -> Buffer<Float> {
        try Buffer((0..<count).map { _ in Float(generator.nextNormal()) })
    }

    /// (x, last) T for rows, T of (width + 1)^2.
    private func product(
        _ x: Buffer<Float>, _ last: Buffer<Float>?, _ t: Matrix, width: Int
    ) -> [Double] {
        (0..<rows).flatMap { row in
            (0...width).map { column in
                (0..<width).reduce(Double(last?.pointer[row] ?? 1) * t[width, column]) {
                    $0 + Double(x.pointer[row * width + $1]) * t[$1, column]
                }
            }
        }
    }

    private func joined(_ x: Buffer<Float>, _ last: Buffer<Float>, width: Int) -> [Float] {
        (0..<rows).flatMap { row in
            (0..<width).map { x.pointer[row * width + $0] } + [last.pointer[row]]
        }
    }

    func testMapsEqualTheProductWithTheirMatrix() throws {
        try BLAS.reserve()
        var generator = RandomGenerator(seed: 1)
        for width in 1...40 {
            let x = try random(rows * width, &generator)
            let last = try random(rows, &generator)
            let numbers = try random((width + 1) * (width + 1), &generator)
            let t = try Matrix(width + 1, width + 1)
            for i in 0..<t.count { t.pointer[i] = Double(numbers.pointer[i]) }
            let dense = try Buffer<Float>(count: t.count)
            RowMap.write(t, hasLast: true, to: dense.pointer)
            let shear = try Matrix(identity: width + 1)
            for j in 0..<width { shear[j, width] = Double(numbers.pointer[j]) }
            for (map, matrix) in [
                (RowMap.dense(width: width, hasLast: true, dense.pointer), t),
                (RowMap.shear(width: width, row: nil, column: numbers.pointer), shear),
            ] {
                for last in [last, nil] {
                    let out = try random(rows * width, &generator)
                    let lastOut = try random(rows, &generator)
                    map.apply(
                        x.pointer, last: last?.pointer, rows: rows, into: out.pointer,
                        lastOut: lastOut.pointer)
                    let expected = product(x, last, matrix, width: width)
                    XCTAssertLessThan(
                        relativeError(joined(out, lastOut, width: width), expected), 1e-6)
                    guard let last else { continue }
                    // Added to what is there.
                    map.add(
                        x.pointer, last: last.pointer, rows: rows, alpha: -0.5, beta: 0.75,
                        to: out.pointer, lastTarget: lastOut.pointer)
                    XCTAssertLessThan(
                        relativeError(
                            joined(out, lastOut, width: width), expected.map { 0.25 * $0 }), 1e-6)
                }
            }
        }
    }

    /// The inputs of a sheared layer stay where they are: their shift is one more row of a product.
    func testAShearsShiftAndOnesEqualTheRowsThatItMakes() throws {
        var generator = RandomGenerator(seed: 2)
        for width in 1...40 {
            let x = try random(rows * width, &generator)
            let mean = try random(width, &generator)
            let map = RowMap.shear(width: width, row: mean.pointer, column: mean.pointer)
            let (out, lastOut, ones) = (
                try random(rows * width, &generator), try random(rows, &generator),
                try random(rows, &generator)
            )
            map.apply(
                x.pointer, last: nil, rows: rows, into: out.pointer, lastOut: lastOut.pointer)
            map.shearOnes(x.pointer, rows: rows, into: ones.pointer)
            XCTAssertEqual(map.shift, UnsafePointer(mean.pointer))
            XCTAssertTrue(map.changesOnes)
            XCTAssertLessThan(relativeError(ones.array, lastOut.array.map { Double($0) }), 1e-5)
        }
    }
}

import Layers
import LinearAlgebra
import Runtime
import TestSupport
import XCTest

@testable import Optimization

/// Frames of few directions against the eigenvalues of the whole C.
final class LowRankFrameTests: XCTestCase {
    private let (width, rank, count) = (20, 5, 300)

    /// Samples whose columns are of falling size about means that are not 0.
    private func samples() throws -> Buffer<Float> {
        var generator = RandomGenerator(seed: 3)
        return try Buffer(
            (0..<count).flatMap { _ -> [Float] in
                let common = generator.nextNormal()
                return (0..<width).map { j in
                    let size = pow(0.6, Double(j))
                    return Float(0.5 + size * (generator.nextNormal() + 0.3 * common))
                }
            })
    }

    /// T, of (width + 1) rows.
    private func matrix(_ map: RowMap) throws -> Matrix {
        let t = try Matrix(width + 1, width + 1)
        let unit = try Buffer<Float>(repeating: 0, count: width + 1)
        let row = try Buffer<Float>(repeating: .nan, count: width + 1)
        for i in 0...width {
            unit.pointer.update(repeating: 0, count: unit.count)
            unit.pointer[i] = 1
            map.apply(
                unit.pointer, last: unit.pointer + width, rows: 1, into: row.pointer,
                lastOut: row.pointer + width)
            for j in 0...width { t[i, j] = Double(row.pointer[j]) }
        }
        return t
    }

    private func difference(_ a: Matrix, _ b: Matrix) throws -> Double {
        let rest = try a.copy()
        rest.add(b, scaledBy: -1)
        return (rest.squaredNorm / b.squaredNorm).squareRoot()
    }

    /// P of C with all but the top eigenvalues at their level, and the centring around it.
    private func expected(_ h: Buffer<Float>, isCentred: Bool, damping: Double) throws -> Matrix {
        let size = isCentred ? width : width + 1
        var mean = [Double](repeating: 0, count: width)
        for i in 0..<h.count { mean[i % width] += Double(h.pointer[i]) / Double(count) }
        let bars = try Matrix(count, size)
        for i in 0..<count {
            for j in 0..<size {
                bars[i, j] =
                    j == width
                    ? 1 : Double(h.pointer[i * width + j]) - (isCentred ? mean[j] : 0)
            }
        }
        let eigen = try SymmetricEigen(size: size)
        let c = try Matrix.gramOfColumns(bars)
        c.scale(by: 1 / Double(count))
        eigen.rows.pointer.update(from: c.pointer, count: c.count)
        XCTAssertTrue(eigen.decompose())
        let values = Array(eigen.values.elements)
        let trace = values.reduce(0, +)
        let l = damping * trace / Double(size)
        let rest = values.prefix(size - rank).reduce(0, +)
        let level = isCentred ? values[size - rank] : rest / Double(size - rank)
        let known = values.suffix(rank).reduce(0) { $0 + $1 / ($1 + l) }
        let k = trace / (known + rest / (level + l))
        let b = try Matrix(size, size)
        eigen.write({ k / (($0 >= values[size - rank] ? $0 : level) + l) }, into: b)
        guard isCentred else { return b }
        let (p, s) = (try Matrix(identity: width + 1), try Matrix(identity: width + 1))
        for i in 0..<width {
            for j in 0..<width { p[i, j] = b[i, j] }
            s[width, i] = -mean[i]
        }
        return try Matrix.product(try Matrix.product(s, .no, p), .no, s, .yes)
    }

    func testFramesHaveTheTopDirectionsAndTheirMapsBelongTogether() throws {
        try BLAS.reserve()
        let h = try samples()
        for isCentred in [false, true] {
            var maps: [Matrix] = []
            for isFolded in [true, false] {
                let frame = LowRankFrame(
                    width: width, rank: rank, hasLast: true, isCentred: isCentred,
                    isFolded: isFolded)
                let numbers = try Buffer<Float>(count: frame.count)
                frame.reset(numbers.pointer)
                let identity = try Matrix(identity: width + 1)
                for index in 0..<frame.mapCount {
                    let t = try matrix(frame.map(index, numbers.pointer))
                    XCTAssertEqual(try difference(t, identity), 0)
                }
                let room = try LowRankRoom(frame)
                let spare = try Buffer<Float>(count: frame.count)
                for _ in 0..<5 {
                    let condition = room.write(
                        h.pointer, rows: count, damping: 0.5, from: numbers.pointer,
                        to: spare.pointer)
                    XCTAssertGreaterThan(try XCTUnwrap(condition), 1)
                    numbers.pointer.update(from: spare.pointer, count: frame.count)
                }
                maps += try (0..<frame.mapCount).map {
                    try matrix(frame.map($0, numbers.pointer))
                }
            }
            let (p, a) = (maps[0], maps[1])
            let golden = try expected(h, isCentred: isCentred, damping: 0.5)
            XCTAssertLessThan(try difference(p, golden), 1e-3, "\(isCentred)")
            XCTAssertLessThan(try difference(try Matrix.product(a, .no, a, .yes), p), 1e-5)
            XCTAssertLessThan(try difference(maps[2], try a.transposed()), 1e-5)
            let identity = try Matrix(identity: width + 1)
            XCTAssertLessThan(try difference(try Matrix.product(a, .no, maps[3]), identity), 1e-5)
            XCTAssertLessThan(try difference(maps[4], try maps[3].transposed()), 1e-5)
        }
    }

    func testSamplesThatAreNotFiniteOrAllAlikeMakeNoDirections() throws {
        try BLAS.reserve()
        let frame = LowRankFrame(
            width: width, rank: rank, hasLast: true, isCentred: true, isFolded: true)
        let numbers = try Buffer<Float>(count: frame.count)
        frame.reset(numbers.pointer)
        let spare = try Buffer<Float>(count: frame.count)
        let room = try LowRankRoom(frame)
        let alike = try Buffer<Float>(repeating: 0.5, count: count * width)
        XCTAssertNil(
            room.write(
                alike.pointer, rows: count, damping: 1, from: numbers.pointer, to: spare.pointer))
        let h = try samples()
        h.pointer[7] = .infinity
        XCTAssertNil(
            room.write(
                h.pointer, rows: count, damping: 1, from: numbers.pointer, to: spare.pointer))
    }
}

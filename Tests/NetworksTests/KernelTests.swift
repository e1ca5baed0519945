import CShims
import Runtime
import XCTest

/// The kernels on rows of every width around a vector's, between guards that must stay as they are.
final class KernelTests: XCTestCase {
    private static let guardValue: Float = 12_345

    /// Random rows with guards on both sides.
    private struct Rows {
        let storage: Buffer<Float>
        let count: Int
        var pointer: UnsafeMutablePointer<Float> { storage.pointer + 16 }

        init(_ count: Int, _ generator: inout RandomGenerator) throws {
            self.count = count
            storage = try Buffer(repeating: guardValue, count: count + 32)
            for i in 0..<count { pointer[i] = Float(generator.nextDouble(from: -20, to: 20)) }
        }

        var guardsStand: Bool {
            storage.elements.prefix(16).allSatisfy { $0 == guardValue }
                && storage.elements.suffix(16).allSatisfy { $0 == guardValue }
        }
    }

    private func forEachShape(
        _ body: (_ rows: Int, _ width: Int, _ generator: inout RandomGenerator) throws -> Void
    ) rethrows {
        var generator = RandomGenerator(seed: 1)
        for width in 1...40 {
            for rows in 1...9 { try body(rows, width, &generator) }
        }
    }

    /// Sizes around a tile's and a vector's.
    private func forEachProduct(
        _ body: (_ m: Int, _ other: Int, _ long: Int, _ generator: inout RandomGenerator) throws ->
            Void
    ) rethrows {
        var generator = RandomGenerator(seed: 2)
        for m in [1, 2, 3, 4, 5, 6, 7, 11, 16] {
            for other in [1, 2, 3, 4, 5, 8, 15, 16] {
                for long in [1, 3, 13, 15, 16, 17, 31, 33, 48, 67] {
                    try body(m, other, long, &generator)
                }
            }
        }
    }

    func testRowProductsEqualSumsInDouble() throws {
        try forEachProduct { m, n, k, generator in
            let a = try Rows(m * k, &generator)
            let b = try Rows(n * k, &generator)
            let c = try Rows(m * n, &generator)
            shim_row_products(a.pointer, m, b.pointer, n, k, c.pointer, n)
            for i in 0..<m {
                for j in 0..<n {
                    let terms = (0..<k).map {
                        Double(a.pointer[i * k + $0]) * Double(b.pointer[j * k + $0])
                    }
                    XCTAssertEqual(
                        Double(c.pointer[i * n + j]), terms.reduce(0, +),
                        accuracy: 1e-6 * terms.reduce(0) { $0 + abs($1) }, "\(m) \(n) \(k)")
                }
            }
            XCTAssertTrue(a.guardsStand && b.guardsStand && c.guardsStand, "\(m) \(n) \(k)")
        }
    }

    func testRowProductsDoNotDependOnTheOtherRows() throws {
        var generator = RandomGenerator(seed: 3)
        for k in [5, 83] { try compareRowProductsAlone(k, &generator) }
    }

    private func compareRowProductsAlone(_ k: Int, _ generator: inout RandomGenerator) throws {
        let (m, n) = (11, 53)
        let a = try Rows(m * k, &generator)
        let b = try Rows(n * k, &generator)
        let c = try Rows(m * n, &generator)
        shim_row_products(a.pointer, m, b.pointer, n, k, c.pointer, n)
        for i in 0..<m {
            for j in 0..<n {
                var alone: Float = 0
                shim_row_products(a.pointer + i * k, 1, b.pointer + j * k, 1, k, &alone, 1)
                XCTAssertEqual(alone, c.pointer[i * n + j])
            }
        }
    }

    func testColumnProductsEqualSumsInDouble() throws {
        try forEachProduct { m, k, n, generator in
            guard n >= shim_product_lanes() else { return }
            let stride = m + 3
            let a = try Rows(k * stride, &generator)
            let b = try Rows(k * n, &generator)
            for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1), (0.25, 0.75)] {
                let c = try Rows(m * n, &generator)
                let before = try Buffer(copying: c.pointer, count: m * n)
                if beta == 0 { c.pointer.update(repeating: .nan, count: m * n) }
                shim_column_products(
                    a.pointer, stride, m, b.pointer, n, k, alpha, beta, c.pointer)
                for i in 0..<m {
                    for j in 0..<n {
                        var terms = (0..<k).map {
                            Double(alpha) * Double(a.pointer[$0 * stride + i])
                                * Double(b.pointer[$0 * n + j])
                        }
                        terms.append(Double(beta) * Double(before.pointer[i * n + j]))
                        XCTAssertEqual(
                            Double(c.pointer[i * n + j]), terms.reduce(0, +),
                            accuracy: 1e-6 * terms.reduce(0) { $0 + abs($1) },
                            "\(m) \(n) \(k) \(beta)")
                    }
                }
                XCTAssertTrue(c.guardsStand, "\(m) \(n) \(k)")
            }
            XCTAssertTrue(a.guardsStand && b.guardsStand, "\(m) \(n) \(k)")
        }
    }

    /// a by its rows or by its columns, and one more of each factor.
    func testProductsWithAFurtherRowEqualSumsInDouble() throws {
        try forEachProduct { m, k, n, generator in
            guard n >= shim_product_lanes() else { return }
            let (a, b) = (try Rows(m * k, &generator), try Rows(k * n, &generator))
            let (column, row) = (try Rows(m, &generator), try Rows(n, &generator))
            for (byRows, hasColumn, beta) in [(true, true, 0), (false, false, Float(0.75))] {
                let c = try Rows(m * n, &generator)
                let before = try Buffer(copying: c.pointer, count: m * n)
                if beta == 0 { c.pointer.update(repeating: .nan, count: m * n) }
                var product = shim_product(
                    a: a.pointer, row_a: byRows ? k : 1, column_a: byRows ? 1 : m, b: b.pointer,
                    first_a: hasColumn ? UnsafePointer(column.pointer) : nil,
                    first_b: row.pointer, c: c.pointer, m: m, n: n, k: k, alpha: -0.5, beta: beta)
                shim_multiply(&product)
                for i in 0..<m {
                    for j in 0..<n {
                        let first = hasColumn ? column.pointer[i] : 1
                        var terms = [Double(first) * Double(row.pointer[j])]
                        for s in 0..<k {
                            let left = a.pointer[byRows ? i * k + s : s * m + i]
                            terms.append(Double(left) * Double(b.pointer[s * n + j]))
                        }
                        let last = Double(beta) * Double(before.pointer[i * n + j])
                        XCTAssertEqual(
                            Double(c.pointer[i * n + j]), last - 0.5 * terms.reduce(0, +),
                            accuracy: 1e-6 * terms.reduce(abs(last)) { $0 + abs($1) },
                            "\(m) \(n) \(k)")
                    }
                }
                XCTAssertTrue(c.guardsStand, "\(m) \(n) \(k)")
            }
            XCTAssertTrue(a.guardsStand && b.guardsStand, "\(m) \(n) \(k)")
        }
    }

    func testCrossEntropyEqualsTheFormulaInDouble() throws {
        try forEachShape { rows, width, generator in
            let z = try Rows(rows * width, &generator)
            let delta = try Rows(rows * width, &generator)
            let labels = (0..<rows).map { _ in Int32(generator.nextIndex(below: width)) }
            for weights in [nil, (0..<rows).map { Float($0) }] {
                let loss =
                    weights.map {
                        shim_cross_entropy(z.pointer, rows, width, labels, $0, 0.25, delta.pointer)
                    }
                    ?? shim_cross_entropy(z.pointer, rows, width, labels, nil, 0.25, delta.pointer)
                var expected = 0.0
                for row in 0..<rows {
                    let weight = Double(weights?[row] ?? 1)
                    let values = (0..<width).map { Double(z.pointer[row * width + $0]) }
                    let top = values.max() ?? 0
                    let sum = values.reduce(0) { $0 + exp($1 - top) }
                    expected += 0.25 * weight * (log(sum) + top - values[Int(labels[row])])
                    for j in 0..<width {
                        let p = exp(values[j] - top) / sum - (j == Int(labels[row]) ? 1 : 0)
                        XCTAssertEqual(
                            Double(delta.pointer[row * width + j]), 0.25 * weight * p,
                            accuracy: 1e-7 * max(weight, 1))
                    }
                }
                XCTAssertEqual(loss, expected, accuracy: 1e-6 * max(expected, 1))
            }
            XCTAssertTrue(z.guardsStand && delta.guardsStand)
        }
    }

    func testSquaredErrorEqualsTheFormula() throws {
        try forEachShape { rows, width, generator in
            let output = try Rows(rows * width, &generator)
            let target = try Rows(rows * width, &generator)
            let delta = try Rows(rows * width, &generator)
            var expected = 0.0
            let sum = shim_squared_error(
                output.pointer, target.pointer, output.count, 0.3, delta.pointer)
            for i in 0..<output.count {
                let difference = output.pointer[i] - target.pointer[i]
                expected += Double(difference) * Double(difference)
                XCTAssertEqual(delta.pointer[i], 0.3 * difference)
            }
            XCTAssertEqual(sum, expected, accuracy: 1e-14 * expected)
            XCTAssertEqual(
                shim_squared_error(output.pointer, target.pointer, output.count, 0.3, nil), sum)
            XCTAssertTrue(output.guardsStand && target.guardsStand && delta.guardsStand)
        }
    }

    func testRectifyAndItsDerivativeEqualTheFormulaToTheBit() throws {
        try forEachShape { rows, width, generator in
            let z = try Rows(rows * width, &generator)
            let bias = try Rows(width, &generator)
            let before = Array(UnsafeBufferPointer(start: z.pointer, count: z.count))
            shim_rectify(z.pointer, rows, width, bias.pointer, 0.1)
            for i in 0..<z.count {
                let value = before[i] + bias.pointer[i % width]
                XCTAssertEqual(z.pointer[i], value > 0 ? value : 0.1 * value)
            }
            let delta = try Rows(rows * width, &generator)
            let slopes = Array(UnsafeBufferPointer(start: delta.pointer, count: delta.count))
            shim_rectify_derivative(delta.pointer, z.pointer, delta.count, 0.1)
            for i in 0..<z.count {
                XCTAssertEqual(delta.pointer[i], slopes[i] * (z.pointer[i] > 0 ? 1 : 0.1))
            }
            XCTAssertTrue(z.guardsStand && delta.guardsStand && bias.guardsStand)
        }
    }

    func testColumnSumsAndSoftmaxEqualTheFormula() throws {
        try forEachShape { rows, width, generator in
            let x = try Rows(rows * width, &generator)
            let sums = try Rows(width, &generator)
            let before = Array(UnsafeBufferPointer(start: sums.pointer, count: width))
            shim_column_sums(x.pointer, rows, width, width, 2, 0.5, sums.pointer)
            for j in 0..<width {
                let sum = (0..<rows).reduce(0.0) { $0 + Double(x.pointer[$1 * width + j]) }
                XCTAssertEqual(
                    Double(sums.pointer[j]), 0.5 * Double(before[j]) + 2 * sum, accuracy: 1e-4)
            }
            let values = (0..<x.count).map { Double(x.pointer[$0]) }
            shim_softmax(x.pointer, rows, width)
            for row in 0..<rows {
                let own = values[row * width..<(row + 1) * width].map { exp($0) }
                for j in 0..<width {
                    XCTAssertEqual(
                        Double(x.pointer[row * width + j]), own[j] / own.reduce(0, +),
                        accuracy: 1e-7)
                }
            }
            XCTAssertTrue(x.guardsStand && sums.guardsStand)
        }
    }

    func testWhatIsNotFiniteGivesALossThatIsNotFinite() {
        for bad in [Float.nan, .infinity] {
            for place in 0..<3 {
                var z: [Float] = [1, 2, 3]
                z[place] = bad
                XCTAssertFalse(shim_cross_entropy(z, 1, 3, [1], nil, 1, nil).isFinite)
            }
        }
        // A class that is out of the question costs nothing, unless it is the label.
        XCTAssertEqual(shim_cross_entropy([0, -.infinity], 1, 2, [0], nil, 1, nil), 0)
        XCTAssertEqual(shim_cross_entropy([0, -.infinity], 1, 2, [1], nil, 1, nil), .infinity)
    }
}

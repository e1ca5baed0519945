import CShims
import Layers
import LinearAlgebra
import Runtime

/// Makes the frames of one layer, in memory that is taken once.
protocol FrameMaker: AnyObject {
    /// Writes the frame of `rows` inputs `h` where `numbers` point; gives the condition of what was
    /// inverted, or nil where there is no such frame. `current` is the frame at hand. Allocates
    /// nothing.
    func write(
        _ h: UnsafePointer<Float>, rows: Int, damping: Double, from current: UnsafePointer<Float>,
        to numbers: UnsafeMutablePointer<Float>
    ) -> Double?
}

/// Where the frame of a layer inside is made, in memory that is taken once: C, and P or A of it in
/// double. Threads make the frames of several layers at a time, each in its own room.
final class FrameRoom: FrameMaker {
    /// Its rows are the layer's inputs, and one for the bias if there is one.
    private let c: Matrix
    private let hasLast: Bool
    private let kind: FrameKind
    private let coordinates: FrameCoordinates
    private let result: Matrix
    /// One of the two: Cholesky's factor is made in `factored`.
    private let cholesky: (room: Cholesky.Room, factored: Matrix)?
    private let eigen: SymmetricEigen?
    private let sums: Buffer<Float>

    /// Samples that are summed in single precision before they go into C.
    private static let block = 64

    init(size: Int, hasLast: Bool, _ kind: FrameKind, _ coordinates: FrameCoordinates) throws {
        (self.hasLast, self.kind, self.coordinates) = (hasLast, kind, coordinates)
        c = try Matrix(size, size)
        result = try Matrix(size, size)
        let isRoot = kind == .rotate || coordinates == .root
        cholesky =
            isRoot ? nil : (try Cholesky.Room(size: size), try Matrix(size, size))
        eigen = isRoot ? try SymmetricEigen(size: size) : nil
        sums = try Buffer(count: c.count)
    }

    func write(
        _ h: UnsafePointer<Float>, rows: Int, damping: Double, from current: UnsafePointer<Float>,
        to numbers: UnsafeMutablePointer<Float>
    ) -> Double? {
        measure(h, rows: rows)
        guard c.isFinite else { return nil }
        if kind == .rotate { return rotate(numbers) }
        if eigen != nil { return whitenByRoot(damping, numbers) }
        return whitenByFactor(damping, numbers)
    }

    /// c <- the mean of h_bar h_bar^T, h_bar = (h, 1) where there is a bias.
    private func measure(_ h: UnsafePointer<Float>, rows: Int) {
        let size = c.rows
        let width = size - (hasLast ? 1 : 0)
        c.pointer.update(repeating: 0, count: c.count)
        for first in stride(from: 0, to: rows, by: Self.block) {
            let (x, count) = (h + first * width, min(Self.block, rows - first))
            BatchProducts.columns(
                x, stride: width, x, into: sums.pointer, m: width, n: width, k: count, alpha: 1,
                beta: 0)
            for i in 0..<width { add(sums.pointer + i * width, to: c.pointer + i * size, width) }
            guard hasLast else { continue }
            shim_column_sums(x, count, width, width, 1, 0, sums.pointer)
            add(sums.pointer, to: c.pointer + width * size, width)
        }
        if hasLast {
            c[width, width] = Double(rows)
            for j in 0..<width { c[j, width] = c[width, j] }
        }
        c.scale(by: 1 / Double(rows))
    }

    private func add(
        _ sums: UnsafePointer<Float>, to row: UnsafeMutablePointer<Double>, _ count: Int
    ) {
        for j in 0..<count { row[j] += Double(sums[j]) }
    }

    private var trace: Double { (0..<c.rows).reduce(0) { $0 + c[$1, $1] } }

    /// Matrix `index` of the frame, or its transpose; false where it is not finite.
    private func put(
        _ matrix: Matrix, transposed: Bool = false, at index: Int,
        _ numbers: UnsafeMutablePointer<Float>
    ) -> Bool {
        RowMap.write(
            matrix, transposed: transposed, hasLast: hasLast, to: numbers + index * c.count)
    }

    /// P = k (C + l I)^-1 with tr(P C) = tr(C), or A = sqrt(k) L^-T with L L^T = C + l I.
    private func whitenByFactor(
        _ damping: Double, _ numbers: UnsafeMutablePointer<Float>
    ) -> Double? {
        guard let cholesky else { return nil }
        let trace = trace
        let l = damping * trace / Double(c.rows)
        cholesky.factored.pointer.update(from: c.pointer, count: c.count)
        for i in 0..<c.rows { cholesky.factored[i, i] += l }
        guard let factor = Cholesky(cholesky.factored, in: cholesky.room) else { return nil }
        factor.writeInverse(into: result)
        // tr((C + l I)^-1 C) = rows - l tr((C + l I)^-1)
        let k = trace / (Double(c.rows) - l * result.squaredNorm)
        guard k > 0, k.isFinite else { return nil }
        let condition = 1 / factor.reciprocalCondition
        result.scale(by: k.squareRoot())
        if coordinates == .folded {
            BLAS.multiply(
                result.pointer, .yes, stride: c.rows, result.pointer, stride: c.rows,
                into: c.pointer, stride: c.rows, m: c.rows, n: c.rows, k: c.rows)
            return put(c, at: 0, numbers) ? condition : nil
        }
        guard put(result, transposed: true, at: 0, numbers), put(result, at: 1, numbers) else {
            return nil
        }
        factor.writeFactor(into: result)
        result.scale(by: 1 / k.squareRoot())
        return put(result, transposed: true, at: 2, numbers) && put(result, at: 3, numbers)
            ? condition : nil
    }

    /// A = P^(1/2), from the eigenvalues of C.
    private func whitenByRoot(
        _ damping: Double, _ numbers: UnsafeMutablePointer<Float>
    ) -> Double? {
        guard let eigen, decompose(eigen) else { return nil }
        let values = eigen.values.elements
        var (trace, product) = (0.0, 0.0)
        for value in values { trace += value }
        let l = damping * trace / Double(c.rows)
        for value in values { product += value / (value + l) }
        let k = trace / product
        guard k > 0, k.isFinite, let least = values.first, let most = values.last, least + l > 0
        else { return nil }
        eigen.write({ (k / ($0 + l)).squareRoot() }, into: result)
        guard put(result, at: 0, numbers), put(result, at: 1, numbers) else { return nil }
        eigen.write({ (($0 + l) / k).squareRoot() }, into: result)
        guard put(result, at: 2, numbers), put(result, at: 3, numbers) else { return nil }
        return (most + l) / (least + l)
    }

    /// A = Q, the eigenvectors of C.
    private func rotate(_ numbers: UnsafeMutablePointer<Float>) -> Double? {
        guard let eigen, decompose(eigen) else { return nil }
        // An eigenvector's sign is the algorithm's whim: the largest entry is positive.
        let rows = eigen.rows
        for i in 0..<rows.rows {
            let row = rows.pointer + i * rows.columns
            var largest = 0.0
            for j in 0..<rows.columns where abs(row[j]) > abs(largest) { largest = row[j] }
            guard largest < 0 else { continue }
            for j in 0..<rows.columns { row[j] = -row[j] }
        }
        guard put(rows, transposed: true, at: 0, numbers), put(rows, at: 1, numbers),
            put(rows, at: 2, numbers), put(rows, transposed: true, at: 3, numbers)
        else { return nil }
        return 1
    }

    private func decompose(_ eigen: SymmetricEigen) -> Bool {
        eigen.rows.pointer.update(from: c.pointer, count: c.count)
        return eigen.decompose()
    }
}

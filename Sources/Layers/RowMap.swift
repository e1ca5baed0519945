import CShims
import LinearAlgebra
import Runtime

/// (x, s) <- (x, s) T for rows of `width` numbers and one more, with a square T: what a frame does
/// to a layer's inputs, whose last number is 1, and to the rows of a gradient or a step, whose last
/// number is the bias's.
///
/// Points to the numbers of a frame and is valid while these are. Layers without bias have rows
/// without a last number.
public struct RowMap: BitwiseCopyable {
    private enum Kind: BitwiseCopyable {
        case shear
        case dense
    }

    private let kind: Kind
    public let width: Int
    /// Dense: width x width, row-major, T without its last row and column.
    private let matrix: UnsafePointer<Float>?
    /// The last row of T, and its last column; of a shear, what is added by them.
    private let row: UnsafePointer<Float>?
    private let column: UnsafePointer<Float>?
    private let corner: UnsafePointer<Float>?

    /// x <- x + s row;  s <- s + x column, in this order.
    public static func shear(
        width: Int, row: UnsafePointer<Float>?, column: UnsafePointer<Float>?
    ) -> RowMap {
        RowMap(kind: .shear, width: width, matrix: nil, row: row, column: column, corner: nil)
    }

    /// `numbers`: as `denseCount` and `write` have them.
    public static func dense(
        width: Int, hasLast: Bool, _ numbers: UnsafePointer<Float>
    ) -> RowMap {
        let row = hasLast ? numbers + width &* width : nil
        return RowMap(
            kind: .dense, width: width, matrix: numbers, row: row, column: row.map { $0 + width },
            corner: row.map { $0 + 2 &* width })
    }

    public static func denseCount(width: Int, hasLast: Bool) throws -> Int {
        let size = width + (hasLast ? 1 : 0)
        return try Memory.product(size, size)
    }

    /// T in the order that `dense` reads.
    public static func write(
        _ t: Matrix, hasLast: Bool, to numbers: UnsafeMutablePointer<Float>
    ) {
        let width = t.rows - (hasLast ? 1 : 0)
        for i in 0..<width {
            for j in 0..<width { numbers[i * width + j] = Float(t[i, j]) }
        }
        guard hasLast else { return }
        let row = numbers + width * width
        for j in 0..<width {
            row[j] = Float(t[width, j])
            row[width + j] = Float(t[j, width])
        }
        row[2 * width] = Float(t[width, width])
    }

    /// out <- beta out + alpha (x, last) T, for `rows` rows with `last` one number a row, nil: 1
    /// each. `out` and `lastOut` are not the inputs; without `lastOut` rows have no last number. A
    /// shear replaces them: beta is 0 and alpha 1.
    public func apply(
        _ x: UnsafePointer<Float>, last: UnsafePointer<Float>?, rows: Int,
        into out: UnsafeMutablePointer<Float>, lastOut: UnsafeMutablePointer<Float>?,
        alpha: Float = 1, beta: Float = 0
    ) {
        switch kind {
        case .shear:
            shim_shear_rows(x, last, rows, width, row, column, out, lastOut)
        case .dense:
            guard let matrix else { return }
            BatchProducts.multiply(
                x, matrix, into: out, m: rows, n: width, k: width, alpha: alpha, beta: beta,
                further: row.map { (last, $0) })
            guard let column, let corner, let lastOut else { return }
            shim_row_dots(x, last, rows, width, column, corner.pointee, alpha, beta, lastOut)
        }
    }

    /// target <- beta target + alpha (x, last) T, the target's rows likewise; a shear is by its
    /// column alone.
    public func add(
        _ x: UnsafePointer<Float>, last: UnsafePointer<Float>?, rows: Int, alpha: Float,
        beta: Float, to target: UnsafeMutablePointer<Float>,
        lastTarget: UnsafeMutablePointer<Float>?
    ) {
        switch kind {
        case .shear:
            guard let last, let column, let lastTarget else { return }
            shim_add_sheared_rows(
                x, last, rows, width, column, alpha, beta, target, lastTarget)
        case .dense:
            apply(
                x, last: last, rows: rows, into: target, lastOut: lastTarget, alpha: alpha,
                beta: beta)
        }
    }

    /// Multiply-adds for each number of a row.
    public var work: Int { kind == .shear ? 1 : width }

    /// What a shear adds to h for each 1 that goes with it; nil: the map is no shear.
    public var shift: UnsafePointer<Float>? { kind == .shear ? row : nil }

    /// A shear by its row alone leaves ones as they are.
    public var changesOnes: Bool { column != nil }

    /// What a shear makes of the ones of `x`: 1 + (x + row) . column
    public func shearOnes(
        _ x: UnsafePointer<Float>, rows: Int, into ones: UnsafeMutablePointer<Float>
    ) {
        guard let shift, let column else { return }
        var corner: Float = 0
        shim_row_dots(shift, nil, 1, width, column, 1, 1, 0, &corner)
        shim_row_dots(x, nil, rows, width, column, corner, 1, 0, ones)
    }
}

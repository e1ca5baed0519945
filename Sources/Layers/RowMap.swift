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
    /// Dense: width x width, row-major, T without its last row and column, transposed.
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
            for j in 0..<width { numbers[j * width + i] = Float(t[i, j]) }
        }
        guard hasLast else { return }
        let row = numbers + width * width
        for j in 0..<width {
            row[j] = Float(t[width, j])
            row[width + j] = Float(t[j, width])
        }
        row[2 * width] = Float(t[width, width])
    }

    /// `last`: one number a row, nil: 1 each. `out` and `lastOut` are not the inputs; without
    /// `lastOut` rows have no last number.
    public func apply(
        _ x: UnsafePointer<Float>, last: UnsafePointer<Float>?, rows: Int,
        into out: UnsafeMutablePointer<Float>, lastOut: UnsafeMutablePointer<Float>?
    ) {
        switch kind {
        case .shear:
            shim_shear_rows(x, last, rows, width, row, column, out, lastOut)
        case .dense:
            guard let matrix else { return }
            BatchProducts.rows(x, matrix, into: out, m: rows, n: width, k: width)
            guard let row, let column, let corner else { return }
            if let last {
                shim_shear_rows(out, last, rows, width, row, nil, out, nil)
            } else {
                shim_add_bias(out, rows, width, row)
            }
            guard let lastOut else { return }
            shim_row_dots(x, last, rows, width, column, corner.pointee, 0, lastOut)
        }
    }

    /// target <- target + (x, last) T, the target's rows likewise; a shear is by its column alone.
    public func add(
        _ x: UnsafePointer<Float>, last: UnsafePointer<Float>?, rows: Int,
        to target: UnsafeMutablePointer<Float>, lastTarget: UnsafeMutablePointer<Float>?
    ) {
        switch kind {
        case .shear:
            guard let last, let column, let lastTarget else { return }
            shim_add_sheared_rows(x, last, rows, width, column, target, lastTarget)
        case .dense:
            guard let matrix else { return }
            BLAS.multiply(
                x, stride: width, matrix, .yes, stride: width, into: target, stride: width, m: rows,
                n: width, k: width, beta: 1)
            guard let row, let column, let corner, let last, let lastTarget else { return }
            shim_shear_rows(target, last, rows, width, row, nil, target, nil)
            shim_row_dots(x, last, rows, width, column, corner.pointee, 1, lastTarget)
        }
    }
}

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
        case lowRank
    }

    private let kind: Kind
    public let width: Int
    /// Dense: width x width, row-major, T without its last row and column.
    private let matrix: UnsafePointer<Float>?
    /// The last row of T, and its last column; of a shear, what is added by them.
    private let row: UnsafePointer<Float>?
    private let column: UnsafePointer<Float>?
    private let corner: UnsafePointer<Float>?
    private var lowRank = shim_low_rank()

    /// x <- x + s row;  s <- s + x column, in this order.
    public static func shear(
        width: Int, row: UnsafePointer<Float>?, column: UnsafePointer<Float>?
    ) -> RowMap {
        RowMap(kind: .shear, width: width, matrix: nil, row: row, column: column, corner: nil)
    }

    /// A multiple of the identity but for some directions.
    public static func lowRank(_ map: shim_low_rank) -> RowMap {
        var result = RowMap(
            kind: .lowRank, width: map.width, matrix: nil, row: nil, column: nil, corner: nil)
        result.lowRank = map
        return result
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

    /// T, or of its transpose, in the order that `dense` reads; says whether all of it is finite.
    @discardableResult
    public static func write(
        _ t: Matrix, transposed: Bool = false, hasLast: Bool,
        to numbers: UnsafeMutablePointer<Float>
    ) -> Bool {
        let size = t.rows
        let width = size - (hasLast ? 1 : 0)
        let (down, across) = transposed ? (1, size) : (size, 1)
        for i in 0..<width {
            let row = t.pointer + i * down
            for j in 0..<width { numbers[i * width + j] = Float(row[j * across]) }
        }
        guard hasLast else { return allFinite(numbers, count: size * size) }
        let last = numbers + width * width
        for j in 0..<width {
            last[j] = Float(t.pointer[width * down + j * across])
            last[width + j] = Float(t.pointer[j * down + width * across])
        }
        last[2 * width] = Float(t[width, width])
        return allFinite(numbers, count: size * size)
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
        case .lowRank:
            withUnsafePointer(to: lowRank) {
                shim_low_rank_rows($0, x, last, rows, alpha, beta, out, lastOut)
            }
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
        case .dense, .lowRank:
            apply(
                x, last: last, rows: rows, into: target, lastOut: lastTarget, alpha: alpha,
                beta: beta)
        }
    }

    /// |(x - y) T|^2 for a shear by its column alone; nil: another map.
    public func squaredDistance(
        _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, last: UnsafePointer<Float>,
        _ lastY: UnsafePointer<Float>, rows: Int
    ) -> Double? {
        guard kind == .shear, row == nil, let column else { return nil }
        return shim_sheared_distance(x, y, last, lastY, rows, width, column)
    }

    /// Multiply-adds for each number of a row.
    public var work: Int {
        switch kind {
        case .shear: return 1
        case .dense: return width
        case .lowRank: return 1 &+ 2 &* lowRank.rank
        }
    }

    /// What a shear adds to h for each 1 that goes with it; nil: the map is no shear.
    public var shift: UnsafePointer<Float>? { kind == .shear ? row : nil }

    /// A shear by its row alone leaves ones as they are.
    public var changesOnes: Bool { kind != .shear || column != nil }

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

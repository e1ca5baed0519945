import COpenBLAS
import Runtime

/// A row-major matrix of doubles.
public struct Matrix {
    public let rows: Int
    public let columns: Int
    public let storage: Buffer<Double>

    /// Elements are not initialized.
    public init(_ rows: Int, _ columns: Int) throws {
        self.rows = rows
        self.columns = columns
        let elements = try Memory.product(rows, columns)
        guard max(rows, columns) <= Int(Int32.max) else {
            throw TeleportError.invalid(
                "a matrix of \(rows) x \(columns) elements; rows and columns are counted in 32 bits"
            )
        }
        storage = try Buffer(count: elements)
    }

    public init(zeros rows: Int, _ columns: Int) throws {
        try self.init(rows, columns)
        pointer.update(repeating: 0, count: count)
    }

    public init(identity size: Int) throws {
        try self.init(zeros: size, size)
        for i in 0..<size { pointer[i * size + i] = 1 }
    }

    /// Floats, widened.
    public init(_ source: UnsafePointer<Float>, rows: Int, columns: Int) throws {
        try self.init(rows, columns)
        for i in 0..<count { pointer[i] = Double(source[i]) }
    }

    /// Rounded to floats.
    public func copy(into floats: UnsafeMutablePointer<Float>) {
        for i in 0..<count { floats[i] = Float(pointer[i]) }
    }

    /// The same, in memory of their own.
    public func floats() throws -> Buffer<Float> {
        let result = try Buffer<Float>(count: count)
        copy(into: result.pointer)
        return result
    }

    public var pointer: UnsafeMutablePointer<Double> { storage.pointer }
    public var count: Int { rows * columns }

    public subscript(row: Int, column: Int) -> Double {
        get { pointer[row * columns + column] }
        nonmutating set { pointer[row * columns + column] = newValue }
    }

    public func copy() throws -> Matrix {
        let copy = try Matrix(rows, columns)
        copy.pointer.update(from: pointer, count: count)
        return copy
    }

    public var isFinite: Bool {
        var difference = 0.0
        for i in 0..<count { difference += pointer[i] - pointer[i] }
        return difference == 0
    }

    /// The sum of squares.
    public var squaredNorm: Double {
        var sums = SIMD8<Double>.zero
        var i = 0
        while i &+ 8 <= count {
            let values = UnsafeRawPointer(pointer + i).loadUnaligned(as: SIMD8<Double>.self)
            sums += values * values
            i &+= 8
        }
        var rest = 0.0
        while i < count {
            rest += pointer[i] * pointer[i]
            i &+= 1
        }
        return sums.sum() + rest
    }

    public func scale(by factor: Double) {
        for i in 0..<count { pointer[i] *= factor }
    }

    /// self += factor other
    public func add(_ other: Matrix, scaledBy factor: Double = 1) {
        for i in 0..<min(count, other.count) { pointer[i] += factor * other.pointer[i] }
    }

    /// a a^T (`dsyrk`)
    public static func gramOfRows(_ a: Matrix) throws -> Matrix {
        try gram(a, CblasNoTrans, size: a.rows, sum: a.columns)
    }

    /// a^T a
    public static func gramOfColumns(_ a: Matrix) throws -> Matrix {
        try gram(a, CblasTrans, size: a.columns, sum: a.rows)
    }

    private static func gram(_ a: Matrix, _ transpose: Int, size: Int, sum: Int) throws -> Matrix {
        try Stop.ask()
        let result = try Matrix(size, size)
        cblas_dsyrk(
            Int32(CblasRowMajor), Int32(CblasLower), Int32(transpose),
            Int32(truncatingIfNeeded: size), Int32(truncatingIfNeeded: sum), 1, a.pointer,
            Int32(truncatingIfNeeded: a.columns), 0, result.pointer,
            Int32(truncatingIfNeeded: size))
        for row in 0..<size {
            for column in 0..<row { result[column, row] = result[row, column] }
        }
        return result
    }

    /// op(a) op(b)
    public static func product(
        _ a: Matrix, _ transposeA: BLAS.Transpose = .no, _ b: Matrix,
        _ transposeB: BLAS.Transpose = .no
    ) throws -> Matrix {
        let m = transposeA == .no ? a.rows : a.columns
        let k = transposeA == .no ? a.columns : a.rows
        let n = transposeB == .no ? b.columns : b.rows
        guard k == (transposeB == .no ? b.rows : b.columns) else {
            throw TeleportError(
                .error, "a product of \(m) x \(k) and \(b.rows) x \(b.columns) has no meaning")
        }
        try Stop.ask()
        let result = try Matrix(m, n)
        BLAS.multiply(
            a.pointer, transposeA, stride: a.columns, b.pointer, transposeB, stride: b.columns,
            into: result.pointer, stride: n, m: m, n: n, k: k)
        return result
    }
}

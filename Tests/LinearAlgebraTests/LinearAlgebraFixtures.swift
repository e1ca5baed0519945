import Runtime
import XCTest

@testable import LinearAlgebra

extension Matrix {
    static func random(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Matrix {
        var generator = RandomGenerator(seed: seed)
        let matrix = try Matrix(rows, columns)
        for i in 0..<matrix.count { matrix.pointer[i] = generator.nextNormal() }
        return matrix
    }

    static func of(_ rows: [[Double]]) throws -> Matrix {
        let matrix = try Matrix(rows.count, rows.first?.count ?? 0)
        for (i, row) in rows.enumerated() {
            for (j, value) in row.enumerated() { matrix[i, j] = value }
        }
        return matrix
    }

    /// The product by three plain loops.
    func times(_ other: Matrix) throws -> Matrix {
        let result = try Matrix(zeros: rows, other.columns)
        for i in 0..<rows {
            for j in 0..<other.columns {
                for k in 0..<columns { result[i, j] += self[i, k] * other[k, j] }
            }
        }
        return result
    }

    /// |self - other| / |other|, Frobenius; |self| where other is 0.
    func distance(_ other: Matrix) throws -> Double {
        XCTAssertEqual([rows, columns], [other.rows, other.columns])
        let difference = try copy()
        difference.add(other, scaledBy: -1)
        let norm2 = other.squaredNorm
        return (norm2 > 0 ? difference.squaredNorm / norm2 : difference.squaredNorm).squareRoot()
    }
}

func status(_ body: () throws -> Void) -> Status? {
    do { try body() } catch { return (error as? TeleportError)?.status }
    return nil
}

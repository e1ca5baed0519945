import Layers
import LinearAlgebra
import Networks
import Runtime

extension LinearGroup {
    /// The norm over all layers, summed in their order: a dictionary's own differs from process to
    /// process.
    static func norm(_ t: Algebra) -> Double {
        t.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value.squaredNorm }.squareRoot()
    }

    /// T_m with independent normal entries, of the given joint norm.
    static func randomAlgebra(
        _ graph: Graph, layers: [Int], norm: Double,
        _ generator: inout RandomGenerator
    ) throws -> Algebra {
        var t: Algebra = [:]
        for m in layers {
            let k = graph.layers.pointer[m].outputs
            let matrix = try Matrix(k, k)
            for i in 0..<matrix.count { matrix.pointer[i] = generator.nextNormal() }
            t[m] = matrix
        }
        let factor = norm / Self.norm(t)
        for matrix in t.values { matrix.scale(by: factor) }
        return t
    }

    /// The matrices of the notebook project baubels/gradient_teleportation: entries uniform in [0,
    /// 1), each diagonal entry replaced by the sum of its row, scaled to Frobenius norm 1;
    /// diagonally dominant, so they have an inverse.
    static func diagonallyDominant(
        _ size: Int, _ generator: inout RandomGenerator
    ) throws -> Matrix {
        let g = try Matrix(size, size)
        for i in 0..<size {
            var sum = 0.0
            for j in 0..<size {
                g[i, j] = generator.nextDouble()
                sum += g[i, j]
            }
            g[i, i] = sum
        }
        g.scale(by: 1 / g.squaredNorm.squareRoot())
        return g
    }

    /// Elements of the T of all hidden layers.
    public static func algebraSize(_ graph: Graph) throws -> Int {
        try graph.widths.dropFirst().dropLast().reduce(0) {
            $0 + (try Memory.product($1, $1))
        }
    }
}

import Layers
import LinearAlgebra
import Networks

extension Model {
    /// z of a layer from its input, in double: n x k. `input` nil: the identity.
    func preactivations(_ m: Int, input: Matrix?) throws -> Matrix {
        let layer = graph.layers.pointer[m]
        let weights = try Matrix(
            parameters.pointer + layer.weightOffset, rows: layer.outputs, columns: layer.inputs)
        let z =
            try input.map { try Matrix.product($0, .no, weights, .yes) } ?? weights.transposed()
        guard layer.hasBias else { return z }
        let bias = parameters.pointer + layer.biasOffset
        for row in 0..<z.rows {
            for i in 0..<layer.outputs { z[row, i] += Double(bias[i]) }
        }
        return z
    }
}

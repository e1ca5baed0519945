import Layers
import LinearAlgebra
import Networks
import Runtime

extension LinearGroup {
    /// First and second derivative at t = 0 of the weights of layer m, and with identity
    /// activations of its bias, moved by exp(t M); `body` gets each pair with its place in the
    /// parameters.
    func curve(
        of model: Model, layer m: Int, _ direction: Matrix, _ squared: Matrix,
        _ body: (_ first: Matrix, _ second: Matrix, _ offset: Int) -> Void
    ) throws {
        let shape = graph.layers.pointer[m]
        let activation = shape.activation
        let parameters = model.parameters.pointer
        if activation.kind == .identity {
            let weights = try Matrix(
                parameters + shape.weightOffset, rows: shape.outputs, columns: shape.inputs)
            body(
                try Matrix.product(direction, .no, weights),
                try Matrix.product(squared, .no, weights),
                shape.weightOffset)
            guard shape.hasBias else { return }
            let bias = try Matrix(parameters + shape.biasOffset, rows: shape.outputs, columns: 1)
            body(
                try Matrix.product(direction, .no, bias), try Matrix.product(squared, .no, bias),
                shape.biasOffset)
            return
        }
        _ = try forEachLayer(of: model) { layer in
            guard layer.index == m else { return .left }
            let z = layer.z
            let h = try z.copy()
            activation.apply(h)
            let first = try Matrix.product(h, .no, direction, .yes)
            let second = try Matrix.product(h, .no, squared, .yes)
            for i in 0..<z.count {
                let slope = activation.derivative(z.pointer[i])
                guard slope > 0 else { continue }  // saturated: both rows are zero already
                let speed = first.pointer[i] / slope
                first.pointer[i] = speed
                second.pointer[i] =
                    (second.pointer[i] - activation.secondDerivative(z.pointer[i]) * speed * speed)
                    / slope
            }
            let inverse = try layer.inverse()
            body(
                try inverse.solve(first).solution.transposed(),
                try inverse.solve(second).solution.transposed(), shape.weightOffset)
            return .left
        }
    }
}

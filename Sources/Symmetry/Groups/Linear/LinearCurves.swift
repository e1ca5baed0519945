import Layers
import LinearAlgebra
import Networks
import Runtime

/// W_(m+1) exp(-t M), and W_m + (f^-1(exp(t M) f(z)) - z) h^+ with
/// z' = M f(z) / f'(z),  z'' = (M^2 f(z) - f''(z) z'^2) / f'(z). Layers are moved one at a time: a
/// curve of its own for one random layer of those that move.
struct LinearCurves: CurveFamily {
    let graph: Graph
    let batch: Batch
    let layers: [Int]

    func addCurve(
        at model: Model, _ generator: inout RandomGenerator, _ velocity: Buffer<Double>,
        _ acceleration: Buffer<Double>
    ) throws {
        let m = layers[generator.nextIndex(below: layers.count)]
        let t = try LinearGroup.randomAlgebra(graph, layers: [m], norm: 1, &generator)
        guard let direction = t[m] else { return }
        let group = try LinearGroup(graph, batch, layers: [m])
        try group.leaveOutSaturated(of: direction, layer: m, of: model)
        let squared = try Matrix.product(direction, .no, direction)
        let next = graph.layers.pointer[m + 1]
        let above = try Matrix(
            model.parameters.pointer + next.weightOffset, rows: next.outputs, columns: next.inputs)
        add(try Matrix.product(above, .no, direction), at: next.weightOffset, -1, to: velocity)
        add(try Matrix.product(above, .no, squared), at: next.weightOffset, 1, to: acceleration)
        try group.curve(of: model, layer: m, direction, squared) { first, second, offset in
            add(first, at: offset, 1, to: velocity)
            add(second, at: offset, 1, to: acceleration)
        }
    }

    private func add(_ matrix: Matrix, at offset: Int, _ factor: Double, to target: Buffer<Double>)
    {
        for i in 0..<matrix.count { target.pointer[offset + i] += factor * matrix.pointer[i] }
    }
}

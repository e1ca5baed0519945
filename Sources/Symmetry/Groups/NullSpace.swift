import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime

/// Moves of the weights that no sample of a batch sees: Delta W_m = S_m (I - h^+ h) for every dense
/// layer of the row that the net ends with, S the objective's derivative by the weights (arXiv
/// 2502.11362). All layers move at once, since no activation changes.
///
/// Singular values of a layer's input h under `tolerance` of the largest count as zero: a larger
/// tolerance leaves more room to move and keeps the loss less well.
final class NullSpace {
    private let graph: Graph
    private let batch: Batch
    private let tolerance: Double
    private(set) var rank = Int.max

    init(_ graph: Graph, _ batch: Batch, tolerance: Double) {
        self.graph = graph
        self.batch = batch
        self.tolerance = tolerance
    }

    /// The projected derivative at the model's weights, biases zero; parameterCount long.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double> {
        let result = try Buffer<Double>(repeating: 0, count: graph.parameterCount)
        let row = DenseRow(graph)
        var input = try row.inputs(of: model, batch)
        for m in row.layers {
            let layer = graph.layers.pointer[m]
            let inverse = try PseudoInverse(input, cutoff: tolerance)
            rank = min(rank, inverse.rank)
            let own = try Matrix(
                covector + layer.weightOffset, rows: layer.outputs, columns: layer.inputs)
            // An input of full rank leaves nothing but rounding.
            if inverse.rank < layer.inputs {
                let projected = try inverse.projectOnNullSpace(own)
                (result.pointer + layer.weightOffset).update(
                    from: projected.pointer, count: projected.count)
            }
            guard row.hidden.contains(m) else { break }
            let weights = try Matrix(
                model.parameters.pointer + layer.weightOffset, rows: layer.outputs,
                columns: layer.inputs)
            let z = try Matrix.product(input, .no, weights, .yes)
            if layer.hasBias {
                let bias = model.parameters.pointer + layer.biasOffset
                for row in 0..<z.rows {
                    for i in 0..<layer.outputs { z[row, i] += Double(bias[i]) }
                }
            }
            layer.activation.apply(z)
            input = z
        }
        return result
    }
}

/// Moves that no sample sees. Length: the step's norm over the weights' norm.
final class NullSpaceMoves: DirectedGroup {
    private let space: NullSpace
    private(set) var hasNoRoom = false

    init(_ space: NullSpace) {
        self.space = space
    }

    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double>? {
        let direction = normalized(
            try space.direction(at: model, covector), relativeTo: covector)
        hasNoRoom =
            direction == nil
            && squaredNorm(covector, count: model.parameters.count) > 0
        return direction
    }

    func move(_ model: Model, along direction: Buffer<Double>, by length: Double) throws -> Bool {
        step(model, along: direction, by: length)
        return true
    }

    func describe(_ report: inout TeleportReport) throws {
        report.rank = space.rank == .max ? 0 : space.rank
    }
}

/// Moves that no sample sees.
struct NullSpaceSymmetry: SymmetryGroup {
    let name = "null-space move"
    let dependsOnData = true
    let radius = 0.05

    func require(_ graph: Graph, _ optimizer: Optimizer?) throws {
        try requireHiddenLayer(graph)
        _ = try graph.denseRow(for: "a null-space move") { !$0.layers.isEmpty }
    }

    func moves(_ task: SearchTask, layers: [Int]) throws -> any DirectedGroup {
        NullSpaceMoves(
            NullSpace(
                task.model.graph, task.batch, tolerance: task.options.nullTolerance))
    }
}

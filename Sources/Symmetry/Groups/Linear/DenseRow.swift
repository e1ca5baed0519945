import Layers
import LinearAlgebra
import Networks
import Runtime

/// The dense layers that follow each other to the end of a net, dropout between them or not: those
/// that groups which act through a layer's inputs can move. A perceptron's are all of its layers.
///
/// What comes before them, such as convolutions, stays, and is known by what it gives for a batch.
struct DenseRow {
    /// Among the graph's `layers`.
    let layers: Range<Int>
    /// Hosts number all layers with parameters: a layer's number less its place in `layers`.
    let shift: Int
    /// The first one's, among the graph's.
    private let node: Int

    init(_ graph: Graph) {
        var (first, count) = (graph.nodes.count, 0)
        for index in stride(from: graph.nodes.count - 1, through: 0, by: -1) {
            let facts = graph.nodes[index].facts
            guard Self.isOnlyReadByNext(index, graph) else { break }
            if facts.linearMap != nil {
                (first, count) = (index, count + 1)
            } else if !type(of: facts).actsInTrainingOnly || facts.activation.kind != .identity {
                break
            }
        }
        node = first
        let end = graph.layers.count
        layers = (end - count)..<end
        shift = graph.layerCount - end
    }

    private static func isOnlyReadByNext(_ node: Int, _ graph: Graph) -> Bool {
        let next = node + 1
        guard next < graph.nodes.count else { return true }
        return graph.nodes[next].first == node
            && (next..<graph.nodes.count).allSatisfy {
                graph.nodes[$0].second != node && (graph.nodes[$0].first != node || $0 == next)
            }
    }

    /// All but the last, which gives the outputs.
    var hidden: Range<Int> { layers.lowerBound..<max(layers.upperBound - 1, layers.lowerBound) }

    /// What the first of them reads of a batch's samples, with the statistics of the batch: count x
    /// its inputs.
    func inputs(of model: Model, _ batch: Batch) throws -> Matrix {
        guard node > 0 else {
            return try Matrix(batch.x, rows: batch.count, columns: batch.inputWidth)
        }
        let width = model.graph.layers.pointer[layers.lowerBound].inputs
        let result = try Matrix(batch.count, width)
        let workspace = try model.measuringWorkspace(count: batch.count)
        try Model.forEachPiece(of: batch.count, workspace) { first, count in
            let x = batch.x + first * batch.inputWidth
            workspace.forward(model.weights, x: x, count: count, .batch)
            let values = try workspace.input(of: node, x: x).values
            let target = result.pointer + first * width
            for i in 0..<count * width { target[i] = Double(values[i]) }
        }
        return result
    }
}

extension Graph {
    /// Refuses a net that has no layers in a row for a group that needs them.
    func requireRow(_ group: String) throws {
        guard let reason = otherThanRow else { return }
        throw notInRow(group, reason)
    }

    /// The row that the net ends with; refused where `isEnough` says that it has too few.
    func denseRow(for group: String, _ isEnough: (DenseRow) -> Bool) throws -> DenseRow {
        let row = DenseRow(self)
        if !isEnough(row), let reason = otherThanRow { throw notInRow(group, reason) }
        return row
    }

    /// Refuses a hidden layer, by its number, that is not one of the row.
    func requireInRow(_ layer: Int, for group: String) throws {
        let row = DenseRow(self)
        guard !row.hidden.contains(layer - row.shift) else { return }
        let node = weighted.pointer[layer]
        throw notInRow(group, otherThanDense(node) ?? otherThanRow ?? "it has no such layers")
    }

    private func notInRow(_ group: String, _ reason: String) -> TeleportError {
        TeleportError(.unsupported, "\(group) needs dense layers in a row; \(reason)")
    }
}

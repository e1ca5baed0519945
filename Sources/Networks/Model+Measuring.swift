import CShims
import Layers
import Runtime

extension Model {
    /// A workspace for measuring `count` samples, in pieces if they are many.
    public func measuringWorkspace(
        count: Int, backward: Bool = false, _ mode: PassMode = .batch
    ) throws -> Workspace {
        try Workspace(
            graph, capacity: min(count, Workspace.measuringRows(graph, mode)),
            backward: backward)
    }

    /// Calls `body` for consecutive pieces first ..< first + count that fit the workspace; between
    /// them the work can be stopped.
    public static func forEachPiece(
        of total: Int, _ workspace: Workspace, _ body: (_ first: Int, _ count: Int) throws -> Void
    ) throws {
        var first = 0
        while first < total {
            try Stop.ask()
            let count = min(workspace.capacity, total - first)
            try body(first, count)
            first += count
        }
    }

    /// The loss of a valid batch.
    public func loss(
        _ batch: Batch, _ loss: Loss, workspace: Workspace, _ mode: PassMode = .batch
    ) throws -> Double {
        let scale = loss.scale(
            totalWeight: batch.totalWeight, outputs: graph.outputWidth)
        var sum = 0.0
        try Self.forEachPiece(of: batch.count, workspace) { first, count in
            sum += workspace.loss(
                weights, batch: batch.slice(first, count), loss: loss, scale: scale, mode)
        }
        return sum
    }

    /// The loss of a valid batch, and its gradient into `gradient` (parameterCount).
    public func gradient(
        _ batch: Batch, _ loss: Loss, into gradient: UnsafeMutablePointer<Float>,
        workspace: Workspace
    ) throws -> Double {
        let scale = loss.scale(
            totalWeight: batch.totalWeight, outputs: graph.outputWidth)
        var sum = 0.0
        try Self.forEachPiece(of: batch.count, workspace) { first, count in
            let piece = batch.slice(first, count)
            sum +=
                workspace.lossAndDeltas(
                    weights, batch: piece, loss: loss, scale: scale, .batch)
            try Stop.ask()
            workspace.accumulateGradient(
                weights, of: piece, into: gradient, alpha: 1, beta: first == 0 ? 0 : 1, .batch)
        }
        return sum
    }

    /// Outputs of `count` samples into `out` (count x output width); as probabilities, the softmax
    /// of each row.
    public func outputs(
        _ x: UnsafePointer<Float>, count: Int, asProbabilities: Bool = false,
        into out: UnsafeMutablePointer<Float>, workspace: Workspace
    ) throws {
        let width = graph.outputWidth
        try Self.forEachPiece(of: count, workspace) { first, count in
            workspace.forward(
                weights, x: x + first * graph.inputWidth, count: count, .running)
            if asProbabilities { shim_softmax(workspace.outputs, count, width) }
            (out + first * width).update(from: workspace.outputs, count: count * width)
        }
    }

    /// The class with the largest output of each sample.
    public func labels(
        _ x: UnsafePointer<Float>, count: Int, into labels: UnsafeMutablePointer<Int32>,
        workspace: Workspace
    ) throws {
        let width = graph.outputWidth
        try Self.forEachPiece(of: count, workspace) { first, count in
            workspace.forward(
                weights, x: x + first * graph.inputWidth, count: count, .running)
            for row in 0..<count {
                labels[first + row] = Int32(
                    truncatingIfNeeded: largestIndex(workspace.outputs + row * width, width))
            }
        }
    }
}

/// Index of the largest value, the first of equals; NaN counts as smallest.
public func largestIndex(_ values: UnsafePointer<Float>, _ count: Int) -> Int {
    var best = 0
    for i in 1..<max(count, 1)
    where values[i] > values[best] || (values[best].isNaN && !values[i].isNaN) {
        best = i
    }
    return best
}

import Layers
import Runtime

/// The passes of a graph through memory for `capacity` samples: every layer in order with all its
/// offsets, fixed once. While a pass runs nothing of it is computed, counted or allocated.
struct Plan: @unchecked Sendable {
    /// Where a value stands among the values of all layers; -1: the batch's own inputs.
    struct Source: BitwiseCopyable {
        let offset: Int
        let width: Int
        /// In the backward pass an earlier layer has written its part of the delta.
        let addsDelta: Bool
    }

    struct Step: BitwiseCopyable {
        let layer: Unmanaged<AnyLayer>
        let input: Source
        /// Width 0: the layer reads one value.
        let second: Source
        let offset: Int
        let width: Int
        let parameterOffset: Int
        /// Rows of the gradient, weights in one of them, and those of the layers below.
        let gradientRows: Int
        let rowWeights: Int
        let weightsBefore: Int
    }

    let steps: UnsafePointer<Step>
    let count: Int
    /// Weights that the gradient phase shares out.
    let weightCount: Int
    /// An input that is not finite need not show in the outputs: an activation is bounded, or there
    /// is no hidden layer.
    let hidesInputs: Bool

    private let storage: Buffer<Step>
    /// Keeps the layers that the steps point to.
    private let graph: Graph

    init(_ graph: Graph, capacity: Int) throws {
        self.graph = graph
        let count = graph.nodes.count
        let storage = try Buffer<Step>(count: count)
        // Deltas are written from the last layer down, so of a value's readers the last one comes
        // first.
        let readers = try Buffer(repeating: 0, count: count)
        for index in 0..<count {
            let node = graph.nodes[index]
            for source in [node.first, node.second ?? -1] where source >= 0 {
                readers.pointer[source] = index
            }
        }
        var offset = 0
        var weights = 0
        for index in 0..<count {
            let node = graph.nodes[index]
            let facts = node.facts
            let width = facts.output.count
            let rows = facts.gradientRows
            let rowWeights = rows > 0 ? facts.tensors[0].count / rows : 1
            func source(_ node: Int, isAgain: Bool = false) -> Source {
                guard node >= 0 else {
                    return Source(offset: -1, width: graph.inputWidth, addsDelta: false)
                }
                let step = storage.pointer[node]
                return Source(
                    offset: step.offset, width: step.width,
                    addsDelta: readers.pointer[node] != index || isAgain)
            }
            storage.pointer[index] = Step(
                layer: node.layer, input: source(node.first),
                second: node.second.map { source($0, isAgain: $0 == node.first) }
                    ?? Source(offset: 0, width: 0, addsDelta: false),
                offset: offset, width: width, parameterOffset: graph.parameterOffset(index),
                gradientRows: rows, rowWeights: rowWeights, weightsBefore: weights)
            offset += try Memory.product(width, capacity)
            weights += rows * rowWeights
        }
        self.storage = storage
        self.count = count
        steps = UnsafePointer(storage.pointer)
        weightCount = weights
        hidesInputs =
            count == 1
            || !(0..<count).allSatisfy {
                graph.nodes[$0].facts.activation.isPositivelyHomogeneous
            }
    }
}

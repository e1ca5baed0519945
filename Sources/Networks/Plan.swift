import Layers
import Runtime

/// The passes of a graph through memory for `capacity` samples: every layer in order with all its offsets, fixed once.
/// While a pass runs nothing of it is computed, counted or allocated.
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
    /// An input that is not finite need not show in the outputs: an activation is bounded, or there is no hidden layer.
    let hidesInputs: Bool

    private let storage: Buffer<Step>
    /// Keeps the layers that the steps point to.
    private let graph: Graph

    init(_ graph: Graph, capacity: Int) throws {
        self.graph = graph
        count = graph.nodes.count
        storage = try Buffer(count: count)
        var offsets: [Int] = []
        var offset = 0
        var weights = 0
        // Deltas are written from the last layer down, so of a value's readers the last one comes first.
        var readers = [Int](repeating: 0, count: count)
        for (index, node) in graph.nodes.enumerated() {
            for source in node.inputs where source >= 0 { readers[source] = index }
        }
        for (index, node) in graph.nodes.enumerated() {
            let facts = node.layer.facts
            let width = facts.output.count
            let sources = node.inputs.enumerated().map { position, source in
                Source(
                    offset: source < 0 ? -1 : offsets[source],
                    width: source < 0 ? graph.inputWidth : graph.nodes[source].layer.facts.output.count,
                    addsDelta: source >= 0
                        && (readers[source] != index || node.inputs[..<position].contains(source)))
            }
            let rows = facts.gradientRows
            let rowWeights = rows > 0 ? facts.tensors[0].count / rows : 1
            storage.pointer[index] = Step(
                layer: Unmanaged.passUnretained(node.layer), input: sources[0],
                second: sources.count > 1 ? sources[1] : Source(offset: 0, width: 0, addsDelta: false),
                offset: offset, width: width, parameterOffset: node.parameterOffset,
                gradientRows: rows, rowWeights: rowWeights, weightsBefore: weights)
            offsets.append(offset)
            offset += try Memory.product(width, capacity)
            weights += rows * rowWeights
        }
        steps = UnsafePointer(storage.pointer)
        weightCount = weights
        hidesInputs =
            count == 1
            || !graph.nodes.allSatisfy { $0.layer.facts.activation.isPositivelyHomogeneous }
    }
}

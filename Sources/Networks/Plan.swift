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
        /// A parameter moves the value: it has a delta and a tangent.
        let learns: Bool
    }

    struct Step: BitwiseCopyable {
        let layer: Unmanaged<AnyLayer>
        let input: Source
        /// Width 0: the layer reads one value.
        let second: Source
        let offset: Int
        let width: Int
        let parameterOffset: Int
        let statisticOffset: Int
        /// What the layer keeps of a sample, and where; where its share of the workspace is.
        let keptOffset: Int
        let keptWidth: Int
        let sharedOffset: Int
        let sharedTangentOffset: Int
        /// A parameter moves the output.
        let learns: Bool
        let prepares: Bool
        let hasStatistics: Bool
        /// Samples meet in the layer unless they are only predicted.
        let meets: Bool
        let meetsRunning: Bool
        /// Rows of the gradient, work in one of them, and that of the layers below.
        let gradientRows: Int
        let rowWork: Int
        let workBefore: Int
        /// Where the gradient's rows are among the parameters, tensor by tensor.
        let tensors: UnsafePointer<TensorRows>
        let tensorCount: Int

        func meets(_ mode: PassMode) -> Bool { mode == .running ? meetsRunning : meets }
    }

    /// Row r of a parameter tensor: `width` floats at `offset + r width` of all parameters.
    struct TensorRows: BitwiseCopyable {
        let offset: Int
        let width: Int
    }

    let steps: UnsafePointer<Step>
    let count: Int
    /// Work that the gradient phase shares out.
    let gradientWork: Int
    /// Samples that threads share a batch by.
    let sampleBlock: Int
    /// Floats a thread, for all samples, and of the workspace; and those for tangents.
    let scratchCount: Int
    let keptCount: Int
    let sharedCount: Int
    let sharedTangentCount: Int
    /// What no sum over one sample's terms of a gradient has more of.
    let gradientTerms: Int
    /// An input that is not finite need not show in the outputs: an activation is bounded, or there
    /// is no hidden layer, or a pooling passes it by.
    let hidesInputs: Bool

    /// In every layer a gradient's rows are rows of all parameter tensors.
    let hasParameterRows: Bool

    private let storage: Buffer<Step>
    private let tensors: Buffer<TensorRows>
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
        let tensors = try Buffer<TensorRows>(
            count: (0..<count).reduce(0) { $0 + graph.nodes[$1].facts.tensors.count })
        var (tensorCount, hasParameterRows) = (0, true)
        var offset = 0
        var (work, kept, shared, sharedTangent, statistics) = (0, 0, 0, 0, 0)
        var scratch = 0
        for index in 0..<count {
            let node = graph.nodes[index]
            let facts = node.facts
            let (width, needs) = (facts.output.storedCount, facts.needs)
            let rows = facts.gradientRows
            let rowWork = Self.rowWork(facts)
            func source(_ node: Int, isAgain: Bool = false) -> Source {
                guard node >= 0 else {
                    return Source(
                        offset: -1, width: graph.inputWidth, addsDelta: false, learns: false)
                }
                let step = storage.pointer[node]
                return Source(
                    offset: step.offset, width: step.width,
                    addsDelta: readers.pointer[node] != index || isAgain, learns: step.learns)
            }
            let firstTensor = tensorCount
            var place = graph.parameterOffset(index)
            for tensor in facts.tensors where tensor.role == .parameter {
                // A convolution may sum its gradient by the numbers of each output.
                hasParameterRows =
                    hasParameterRows && facts.linearMap != nil && tensor.dimensions.first == rows
                tensors.pointer[tensorCount] = TensorRows(
                    offset: place, width: tensor.count / max(rows, 1))
                tensorCount += 1
                place += tensor.count
            }
            let first = source(node.first)
            let second = node.second.map { source($0, isAgain: $0 == node.first) }
            storage.pointer[index] = Step(
                layer: node.layer, input: first,
                second: second ?? Source(offset: 0, width: 0, addsDelta: false, learns: false),
                offset: offset, width: width, parameterOffset: graph.parameterOffset(index),
                statisticOffset: statistics, keptOffset: kept, keptWidth: needs.kept,
                sharedOffset: shared, sharedTangentOffset: sharedTangent,
                learns: facts.parameterCount > 0 || first.learns || second?.learns == true,
                prepares: needs.shared + needs.sharedTangent > 0,
                hasStatistics: facts.statisticCount > 0,
                meets: facts.meets(.training), meetsRunning: facts.meets(.running),
                gradientRows: rows, rowWork: rowWork, workBefore: work,
                tensors: UnsafePointer(tensors.pointer + firstTensor),
                tensorCount: tensorCount - firstTensor)
            offset += try Memory.product(width, capacity)
            kept += try Memory.product(needs.kept, capacity)
            shared += Self.aligned(needs.shared)
            sharedTangent += Self.aligned(needs.sharedTangent)
            scratch = max(scratch, Self.aligned(needs.scratch))
            statistics += facts.statisticCount
            work += rows * rowWork
        }
        (keptCount, scratchCount) = (kept, scratch)
        (sharedCount, sharedTangentCount) = (shared, sharedTangent)
        sampleBlock = graph.hasImages ? 1 : 16
        gradientTerms = (0..<count).reduce(1) {
            let output = graph.nodes[$1].facts.output
            return max($0, output.height * output.width)
        }
        self.storage = storage
        self.tensors = tensors
        self.hasParameterRows = hasParameterRows
        self.count = count
        steps = UnsafePointer(storage.pointer)
        gradientWork = work
        hidesInputs =
            count == 1 || graph.hasImages
            || !(0..<count).allSatisfy {
                graph.nodes[$0].facts.activation.isPositivelyHomogeneous
            }
    }

    /// Whole cache lines.
    private static func aligned(_ floats: Int) -> Int { (floats + 15) / 16 * 16 }

    /// What threads weigh a row of a gradient by.
    private static func rowWork(_ facts: any Layer) -> Int {
        let rows = facts.gradientRows
        guard rows > 0 else { return 1 }
        guard facts.linearMap == nil else { return facts.tensors[0].count / rows }
        return max(facts.multiplyAdds / rows, 1)
    }
}

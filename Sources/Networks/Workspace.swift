import CShims
import Layers
import LinearAlgebra
import Runtime

/// Values and deltas of up to `capacity` samples: what a forward and a backward pass write.
///
/// Made once and used again; the passes allocate nothing. A thread that makes one, or asks for room
/// in one, has what OpenBLAS needs on it too, so that no pass can fail.
public final class Workspace: @unchecked Sendable {
    /// Larger batches that are only measured go through in pieces of this many samples: at most
    /// 1,024, and fewer where a layer is so wide that a piece would take more than 16 MiB.
    public static func measuringRows(_ graph: Graph) -> Int {
        let widest = (0..<graph.nodes.count).reduce(graph.inputWidth) {
            max($0, graph.nodes[$1].facts.output.count)
        }
        return min(max((4 << 20) / widest, 1), 1_024)
    }

    public let graph: Graph
    public private(set) var capacity: Int
    private var plan: Plan
    // A layer's values are rows x width, where the plan says.
    private var values: Buffer<Float>
    /// Nil where only forward passes are asked for.
    private var deltas: Buffer<Float>?
    private let partialLosses: Buffer<PartialLoss>
    /// The frames that gradients are taken in, and room for the inputs in their coordinates.
    private var frameMaps: [RowMap?] = []
    private var framedInputs: Buffer<FramedInput>?
    private var framedValues: [Buffer<Float>] = []

    public init(_ graph: Graph, capacity: Int, backward: Bool) throws {
        try BLAS.reserve()
        self.graph = graph
        self.capacity = capacity
        plan = try Plan(graph, capacity: capacity)
        let elements = try Memory.product(graph.valueCount, capacity)
        values = try Buffer(count: elements)
        deltas = backward ? try Buffer(count: elements) : nil
        partialLosses = try Buffer(
            repeating: PartialLoss(), count: ThreadPool.maximumThreadCount)
    }

    /// Room for `rows` samples; what is there is lost when it grows. On failure nothing changes.
    public func reserve(_ rows: Int) throws {
        try BLAS.reserve()
        guard rows > capacity else { return }
        let elements = try Memory.product(graph.valueCount, rows)
        let newPlan = try Plan(graph, capacity: rows)
        let newValues = try Buffer<Float>(count: elements)
        let newFrames = try frames(for: frameMaps, rows: rows)
        if deltas != nil { deltas = try Buffer(count: elements) }
        values = newValues
        plan = newPlan
        (framedInputs, framedValues) = newFrames
        capacity = rows
    }

    /// From now on gradients are by the coordinates of frames: one map a node, nil for those
    /// without. No map: as without.
    public func setFrames(_ maps: [RowMap?]) throws {
        (framedInputs, framedValues) = try frames(for: maps, rows: capacity)
        frameMaps = maps
    }

    private func frames(
        for maps: [RowMap?], rows: Int
    ) throws -> (inputs: Buffer<FramedInput>?, values: [Buffer<Float>]) {
        guard !maps.isEmpty else { return (nil, []) }
        let layers = maps.indices.map { maps[$0] == nil ? nil : graph.nodes[$0].facts.linearMap }
        let width = layers.reduce(0) { $0 + ($1.map { $0.inputs + 16 } ?? 0) }
        let count = try Memory.product(width, rows)
        let values = try Buffer<Float>(count: count)
        let gradients = try Buffer<Float>(count: graph.parameterCount)
        let inputs = try Buffer<FramedInput>(count: maps.count)
        var next = values.pointer
        for (index, map) in maps.enumerated() {
            let ones = next + (layers[index]?.inputs ?? 0) * rows
            inputs.pointer[index] = FramedInput(
                map: layers[index] == nil ? nil : map, outputs: layers[index]?.outputs ?? 0,
                values: next, ones: layers[index]?.hasBias ?? false ? ones : nil,
                gradient: gradients.pointer + graph.parameterOffset(index))
            if layers[index] != nil { next = ones + 16 * rows }
        }
        return (inputs, [values, gradients])
    }

    /// The pointers of a pass; valid while the workspace lives and does not grow.
    var pass: Pass {
        Pass(
            steps: plan.steps, stepCount: plan.count, weightCount: plan.weightCount,
            values: values.pointer, deltas: deltas?.pointer, hidesInputs: plan.hidesInputs,
            partialLosses: partialLosses.pointer,
            frames: framedInputs.map { UnsafePointer($0.pointer) })
    }

    private func step(of layer: Int) throws -> Plan.Step {
        guard layer >= 0, layer < plan.count else {
            throw TeleportError(.error, "a workspace of \(plan.count) layers has no layer \(layer)")
        }
        return plan.steps[layer]
    }

    /// Values of a layer after a forward pass: rows x its width.
    public func values(of layer: Int) throws -> UnsafePointer<Float> {
        UnsafePointer(values.pointer + (try step(of: layer)).offset)
    }

    /// What a layer read in a forward pass over samples `x`: rows x its width.
    public func input(
        of layer: Int, x: UnsafePointer<Float>
    ) throws -> (values: UnsafePointer<Float>, width: Int) {
        let source = try step(of: layer).input
        return (source.offset < 0 ? x : UnsafePointer(values.pointer) + source.offset, source.width)
    }

    /// delta of a layer after `lossAndDeltas`: rows x its width.
    public func deltas(of layer: Int) throws -> UnsafePointer<Float> {
        guard let deltas else {
            throw TeleportError(.error, "a workspace for forward passes has no deltas")
        }
        return UnsafePointer(deltas.pointer + (try step(of: layer)).offset)
    }

    /// Outputs of the net after a forward pass: rows x output width.
    public var outputs: UnsafeMutablePointer<Float> { pass.outputs }
}

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
    /// 1,024, and fewer where a layer is so wide that a piece would take more than 16 MiB. Where
    /// samples meet a piece is a batch of its own: always of 256, so that a loss says the same
    /// wherever it is measured.
    public static func measuringRows(_ graph: Graph, _ mode: PassMode = .batch) -> Int {
        guard !graph.meets(mode) else { return 256 }
        guard !graph.hasImages else { return min(max((4 << 20) / graph.valueCount, 1), 256) }
        let widest = (0..<graph.nodes.count).reduce(graph.inputWidth) {
            max($0, graph.nodes[$1].facts.output.count)
        }
        return min(max((4 << 20) / widest, 1), 1_024)
    }

    public let graph: Graph
    public private(set) var capacity: Int
    /// Of a sample in a forward pass, about.
    let multiplyAdds: Int
    /// What numbers the random choices of training steps: with a sample's place in its batch, all
    /// that they depend on.
    public var seed: UInt64 = 0
    public var stepNumber: UInt64 = 0
    private(set) var plan: Plan
    private var memory: Memories
    private let partialLosses: Buffer<PartialLoss>
    /// The frames that gradients are taken in, and room for the inputs in their coordinates.
    var frameMaps: [RowMap?] = []
    var outputMaps: [UnsafePointer<Float>?] = []
    var framed = FramedInputs()

    /// What the passes of a plan write, for `capacity` samples.
    private struct Memories {
        // A layer's values are rows x width, where the plan says.
        let values: Buffer<Float>
        /// Nil where only forward passes are asked for.
        let deltas: Buffer<Float>?
        let kept: Buffer<Float>
        let shared: Buffer<Float>
        let sharedTangent: Buffer<Float>
        /// Of so many parts as threads may share a batch in.
        let scratch: Buffer<Float>
        let parts: Int

        init(_ plan: Plan, _ graph: Graph, capacity: Int, backward: Bool) throws {
            let elements = try Memory.product(graph.valueCount, capacity)
            // Borders of images are zeros, which nobody writes.
            func floats() throws -> Buffer<Float> {
                graph.hasImages
                    ? try Buffer(repeating: 0, count: elements) : try Buffer(count: elements)
            }
            values = try floats()
            deltas = backward ? try floats() : nil
            kept = try Buffer(count: plan.keptCount)
            shared = try Buffer(repeating: 0, count: plan.sharedCount)
            sharedTangent = try Buffer(
                repeating: 0, count: backward ? plan.sharedTangentCount : 0)
            parts =
                plan.scratchCount > 0
                ? ThreadPool.shared.threadCount : ThreadPool.maximumThreadCount
            scratch = try Buffer(
                repeating: 0, count: try Memory.product(plan.scratchCount, parts))
        }
    }

    public init(_ graph: Graph, capacity: Int, backward: Bool) throws {
        try BLAS.reserve()
        self.graph = graph
        self.capacity = capacity
        multiplyAdds = graph.multiplyAdds
        plan = try Plan(graph, capacity: capacity)
        memory = try Memories(plan, graph, capacity: capacity, backward: backward)
        partialLosses = try Buffer(
            repeating: PartialLoss(), count: ThreadPool.maximumThreadCount)
    }

    /// Room for `rows` samples; what is there is lost when it grows. On failure nothing changes.
    public func reserve(_ rows: Int) throws {
        try BLAS.reserve()
        guard rows > capacity else { return }
        let newPlan = try Plan(graph, capacity: rows)
        let newMemory = try Memories(
            newPlan, graph, capacity: rows, backward: memory.deltas != nil)
        let newFrames = try FramedInputs(graph, frameMaps, outputMaps, rows: rows)
        memory = newMemory
        plan = newPlan
        framed = newFrames
        capacity = rows
    }

    /// Parts that a batch may be shared in.
    var maximumParts: Int { memory.parts }

    /// The pointers of a pass; valid while the workspace lives and does not grow.
    func pass(_ mode: PassMode = .batch) -> Pass {
        Pass(
            steps: plan.steps, stepCount: plan.count, values: memory.values.pointer,
            deltas: memory.deltas?.pointer, kept: memory.kept.pointer,
            shared: memory.shared.pointer, sharedTangent: memory.sharedTangent.pointer,
            scratch: memory.scratch.pointer, scratchCount: plan.scratchCount,
            gradientWork: plan.gradientWork, sampleBlock: plan.sampleBlock,
            gradientTerms: plan.gradientTerms, hidesInputs: plan.hidesInputs,
            partialLosses: partialLosses.pointer,
            frames: framed.inputs.map { UnsafePointer($0.pointer) },
            patchWork: framed.patchWork, mode: mode, seed: seed, number: stepNumber)
    }

    private func step(of layer: Int) throws -> Plan.Step {
        guard layer >= 0, layer < plan.count else {
            throw TeleportError(.error, "a workspace of \(plan.count) layers has no layer \(layer)")
        }
        return plan.steps[layer]
    }

    /// Values of a layer after a forward pass: rows x its width.
    public func values(of layer: Int) throws -> UnsafePointer<Float> {
        UnsafePointer(memory.values.pointer + (try step(of: layer)).offset)
    }

    /// What a layer read in a forward pass over samples `x`: rows x its width.
    public func input(
        of layer: Int, x: UnsafePointer<Float>
    ) throws -> (values: UnsafePointer<Float>, width: Int) {
        let source = try step(of: layer).input
        let values = UnsafePointer(memory.values.pointer)
        return (source.offset < 0 ? x : values + source.offset, source.width)
    }

    /// delta of a layer after `lossAndDeltas`: rows x its width.
    public func deltas(of layer: Int) throws -> UnsafePointer<Float> {
        guard let deltas = memory.deltas else {
            throw TeleportError(.error, "a workspace for forward passes has no deltas")
        }
        return UnsafePointer(deltas.pointer + (try step(of: layer)).offset)
    }

    /// Outputs of the net after a forward pass: rows x output width.
    public var outputs: UnsafeMutablePointer<Float> { pass().outputs }
}

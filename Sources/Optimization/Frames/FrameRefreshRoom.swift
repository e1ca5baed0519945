import Layers
import Networks
import Runtime

/// What refreshes work in, taken once: a forward pass over samples, then the frames of all layers,
/// shared by threads.
final class FrameRefreshRoom {
    private let layers: [LayerFrame]
    private let rooms: [(any FrameMaker)?]
    private let workspace: Workspace
    /// One a layer; NaN: it has no new frame.
    private let conditions: Buffer<Double>

    init(_ graph: Graph, _ layers: [LayerFrame], count: Int) throws {
        self.layers = layers
        rooms = try layers.map { try $0.makeRoom() }
        workspace = try Workspace(graph, capacity: count, backward: false)
        conditions = try Buffer(repeating: .nan, count: layers.count)
    }

    /// Of what a layer's new frame was made from; nil: it has none.
    func condition(_ layer: Int) -> Double? {
        let condition = conditions.pointer[layer]
        return condition.isNaN ? nil : condition
    }

    /// Plain numbers and a pointer to the room, for threads.
    private struct Job {
        let room: Unmanaged<FrameRefreshRoom>
        let x: UnsafePointer<Float>
        let count: Int
        let damping: Double
        let current: UnsafePointer<Float>
        let numbers: UnsafeMutablePointer<Float>
    }

    /// Writes the frame of each layer that has a new one among `numbers`. Allocates nothing where
    /// there have been as many samples before.
    func write(
        _ weights: Weights, x: UnsafePointer<Float>, count: Int, damping: Double,
        from current: UnsafePointer<Float>, to numbers: UnsafeMutablePointer<Float>
    ) throws {
        try workspace.reserve(count)
        if layers.contains(where: { !$0.readsSamples }) {
            workspace.forward(weights, x: x, count: count, .batch)
        }
        var job = Job(
            room: .passUnretained(self), x: x, count: count, damping: damping, current: current,
            numbers: numbers)
        ThreadPool.shared.run(parts: layers.count, context: &job) { context, part in
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            job.pointee.room._withUnsafeGuaranteedRef { $0.write(part, job.pointee) }
        }
    }

    private func write(_ index: Int, _ job: Job) {
        let layer = layers[index]
        let input = try? workspace.input(of: layer.node, x: job.x)
        conditions.pointer[index] =
            input.flatMap {
                layer.write(
                    $0.values, rows: job.count, damping: job.damping, in: rooms[index],
                    from: job.current, to: job.numbers)
            } ?? .nan
    }
}

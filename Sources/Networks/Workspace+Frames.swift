import Layers
import LinearAlgebra
import Runtime

/// The frames that a workspace takes gradients in, with room for inputs and gradients in their
/// coordinates.
struct FramedInputs {
    /// One a step; nil: none has a frame.
    private(set) var inputs: Buffer<FramedInput>?
    /// Multiply-adds by which gradients of convolutions enter their frames.
    private(set) var patchWork = 0
    private var room: [Buffer<Float>] = []

    init() {}

    init(
        _ graph: Graph, _ maps: [RowMap?], _ outputMaps: [UnsafePointer<Float>?], rows: Int
    ) throws {
        guard !maps.isEmpty else { return }
        let layers = maps.indices.map { maps[$0] == nil ? nil : graph.nodes[$0].facts.frameMap }
        /// Inputs that are mapped, those of vectors.
        func inputCount(_ node: Int) -> Int? {
            graph.nodes[node].facts.linearMap == nil ? nil : layers[node].map { $0.inputs }
        }
        let total = maps.indices.reduce(0) { $0 + (inputCount($1).map { $0 + 16 } ?? 0) }
        let values = try Buffer<Float>(count: try Memory.product(total, rows))
        let gradients = try Buffer<Float>(count: graph.parameterCount)
        let hasOutputs = outputMaps.contains { $0 != nil }
        let turned = try Buffer<Float>(count: hasOutputs ? graph.parameterCount : 0)
        let inputs = try Buffer<FramedInput>(count: maps.count)
        var next = values.pointer
        for (index, map) in maps.enumerated() {
            let (layer, width) = (layers[index], inputCount(index))
            let place = graph.parameterOffset(index)
            let ones = next + (width ?? 0) * rows
            let left = outputMaps.indices.contains(index) ? outputMaps[index] : nil
            let readsPatches = layer != nil && width == nil
            inputs.pointer[index] = FramedInput(
                map: layer == nil ? nil : map, outputs: layer?.outputs ?? 0,
                hasBias: layer?.hasBias ?? false, values: next,
                ones: width != nil && layer?.hasBias == true ? ones : nil,
                gradient: gradients.pointer + place,
                patches: readsPatches
                    ? FramedInput.Patches(
                        left: left, turned: turned.pointer + (left == nil ? 0 : place))
                    : nil)
            if width != nil { next = ones + 16 * rows }
            guard readsPatches, let layer, let map else { continue }
            patchWork += layer.weightCount * (map.work + (left == nil ? 0 : layer.outputs))
        }
        self.inputs = inputs
        room = [values, gradients, turned]
    }
}

extension Workspace {
    /// From now on gradients are by the coordinates of frames: one map a node, nil for those
    /// without. No map: as without. `outputMaps`: what gradients of convolutions are multiplied by
    /// from the left.
    public func setFrames(
        _ maps: [RowMap?], outputMaps: [UnsafePointer<Float>?] = []
    ) throws {
        framed = try FramedInputs(graph, maps, outputMaps, rows: capacity)
        (frameMaps, self.outputMaps) = (maps, outputMaps)
    }

    /// The deltas of a layer <- deltas T for `count` samples, after a backward pass and before the
    /// gradient is summed, with a square T of the layer's `width`: its outputs' frame on the
    /// cheaper side. `room` holds `rows` of them.
    public func multiplyDeltas(
        of layer: Int, by t: UnsafePointer<Float>, width: Int, count: Int,
        room: UnsafeMutablePointer<Float>, rows: Int
    ) {
        let pass = self.pass(.training)
        guard let deltas = pass.deltas, pass.steps[layer].width == width else { return }
        for first in stride(from: 0, to: count, by: rows) {
            let part = min(rows, count - first)
            let own = deltas + pass.steps[layer].offset + first * width
            BLAS.multiply(
                own, stride: width, t, stride: width, into: room, stride: width, m: part,
                n: width, k: width)
            own.update(from: room, count: part * width)
        }
    }
}

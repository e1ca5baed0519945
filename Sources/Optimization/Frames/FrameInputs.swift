import Layers
import Networks
import Runtime

/// What layers with a frame read of samples, in rows: the vectors of a forward pass, and of the
/// images that a convolution reads some patches each.
final class FrameInputs {
    private let graph: Graph
    private let layers: [LayerFrame]
    private let workspace: Workspace
    /// Nets of vectors go through in one piece and stay where the pass has them. Images take so
    /// much room that they go in pieces, from which rows are copied.
    private let isCopied: Bool
    private let piece: Int
    private var copies: [Buffer<Float>] = []
    private let places: Buffer<Place>

    private struct Place {
        var values: UnsafePointer<Float>?
        var rows = 0
    }

    /// Patches of an image, each from a part of its own: with 512 samples a convolution's C is the
    /// mean over 4,096 of them.
    private static let patches = 8

    init(_ graph: Graph, _ layers: [LayerFrame], count: Int) throws {
        (self.graph, self.layers) = (graph, layers)
        isCopied = graph.hasImages
        piece = isCopied ? Workspace.measuringRows(graph) : Int.max
        workspace = try Workspace(graph, capacity: min(count, piece), backward: false)
        places = try Buffer(repeating: Place(), count: layers.count)
        try reserve(count)
    }

    /// Patches of each image, or one vector.
    private func rowsOfSample(_ layer: LayerFrame) -> Int {
        layer.readsPatches ? min(graph.nodes[layer.node].facts.patchCount, Self.patches) : 1
    }

    private func reserve(_ count: Int) throws {
        try workspace.reserve(min(count, piece))
        guard isCopied else { return }
        func size(_ layer: LayerFrame) throws -> Int {
            try Memory.product(
                try Memory.product(count, rowsOfSample(layer)), layer.map.inputs)
        }
        if copies.count == layers.count {
            guard let first = layers.first, try size(first) > copies[0].count else { return }
        }
        copies = try layers.map { try Buffer(count: try size($0)) }
    }

    /// The rows of one layer; nil before `read`.
    subscript(index: Int) -> (values: UnsafePointer<Float>, rows: Int)? {
        let place = places.pointer[index]
        return place.values.map { ($0, place.rows) }
    }

    /// Allocates nothing where there have been as many samples before. `draw` numbers the patches:
    /// with a layer's place and a sample's number, all that they depend on.
    func read(
        _ weights: Weights, x: UnsafePointer<Float>, count: Int, draw: UInt64
    ) throws {
        try reserve(count)
        guard isCopied else {
            if layers.contains(where: { graph.nodes[$0.node].first >= 0 }) {
                workspace.forward(weights, x: x, count: count, .batch)
            }
            for (index, layer) in layers.enumerated() {
                let values = try workspace.input(of: layer.node, x: x).values
                places.pointer[index] = Place(values: values, rows: count)
            }
            return
        }
        let counter = RandomCounter(seed: draw, stream: RandomStream.framePatches)
        for first in stride(from: 0, to: count, by: piece) {
            let (part, x) = (min(piece, count - first), x + first * graph.inputWidth)
            workspace.forward(weights, x: x, count: part, .batch)
            for index in layers.indices {
                let input = try workspace.input(of: layers[index].node, x: x)
                copy(index, input, first: first, count: part, counter)
            }
        }
        for (index, layer) in layers.enumerated() {
            places.pointer[index] = Place(
                values: UnsafePointer(copies[index].pointer), rows: count * rowsOfSample(layer))
        }
    }

    /// The rows of samples `first ..< first + count`, which `input` begins with.
    private func copy(
        _ index: Int, _ input: (values: UnsafePointer<Float>, width: Int), first: Int, count: Int,
        _ counter: RandomCounter
    ) {
        let layer = layers[index]
        let (width, each) = (layer.map.inputs, rowsOfSample(layer))
        var row = copies[index].pointer + first * each * width
        guard layer.readsPatches else {
            row.update(from: input.values, count: count * width)
            return
        }
        let facts = graph.nodes[layer.node].facts
        let all = facts.patchCount
        let own = counter.member(UInt64(layer.node))
        for sample in 0..<count {
            let drawn = own.member(UInt64(first + sample))
            for i in 0..<each {
                let (from, to) = (all * i / each, all * (i + 1) / each)
                let place = from + Int(drawn.draw(UInt64(i)) % UInt64(to - from))
                facts.copyPatch(place, of: input.values + sample * input.width, to: row)
                row += width
            }
        }
    }
}

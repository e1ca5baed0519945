import Layers
import Runtime

/// The layers of a net in order, each with what it reads, checked, and the place of every parameter.
public final class Graph: Sendable {
    public static let maximumLayerCount = 1_024
    public static let maximumWidthCount = maximumLayerCount

    public struct Node: Sendable {
        public let layer: AnyLayer
        /// The nodes whose values it reads, one or two; -1: the net's input.
        public let inputs: [Int]
        /// Of its parameters, in those of the net.
        public let parameterOffset: Int
    }

    public let input: Shape
    public let nodes: [Node]
    public let parameterCount: Int
    public let outputWidth: Int
    /// The layers that are linear in their weights, from the input on; a buffer and not an array, so that training
    /// steps read it without counting references.
    public let layers: Buffer<LinearMap>

    /// `nodes`: each layer with what it reads; the last gives the net's outputs.
    public init(input: Shape, _ nodes: [(layer: any Layer, inputs: [Int])]) throws {
        guard (1...Self.maximumLayerCount).contains(nodes.count) else {
            throw TeleportError.invalid(
                "a net has 1 to \(Self.maximumLayerCount) layers; \(nodes.count) given")
        }
        var offset = 0
        var placed: [Node] = []
        var maps: [LinearMap] = []
        for (index, node) in nodes.enumerated() {
            let shapes = try node.inputs.map { source in
                guard source >= -1, source < index else {
                    throw TeleportError.invalid(
                        "layer \(index) reads layer \(source); it may read those before it")
                }
                return source < 0 ? input : nodes[source].layer.output
            }
            guard shapes == node.layer.inputs else {
                throw TeleportError(
                    .shapeMismatch,
                    "layer \(index) ('\(node.layer.line)') takes \(node.layer.inputs) but reads \(shapes)"
                )
            }
            placed.append(
                Node(layer: node.layer.boxed(), inputs: node.inputs, parameterOffset: offset))
            if let map = node.layer.linearMap { maps.append(map.placed(at: offset)) }
            offset += node.layer.parameterCount
            // Float arrays of this many elements must be addressable.
            _ = try Memory.product(offset, 64)
        }
        let read = Set(nodes.flatMap { $0.inputs })
        for index in nodes.indices.dropLast() where !read.contains(index) {
            throw TeleportError.invalid("nothing reads layer \(index) ('\(nodes[index].layer.line)')")
        }
        guard !maps.isEmpty else { throw TeleportError.invalid("a net needs a layer with weights") }
        layers = try Buffer(count: maps.count)
        for (index, map) in maps.enumerated() { layers.pointer[index] = map }
        self.input = input
        self.nodes = placed
        parameterCount = offset
        outputWidth = nodes[nodes.count - 1].layer.output.count
    }

    public var layerCount: Int { layers.count }
    public var hiddenLayerCount: Int { layers.count - 1 }
    public var inputWidth: Int { input.count }
    /// Hidden units of all hidden layers.
    public var hiddenUnitCount: Int {
        layers.elements.dropLast().reduce(0) { $0 + $1.outputs }
    }
    /// Floats of all layers' outputs, for one sample.
    public var valueCount: Int { nodes.reduce(0) { $0 + $1.layer.facts.output.count } }

    /// The channels of every value and what scales with them; input and output stay.
    public func channels() -> ChannelMap {
        var channels = ChannelMap()
        let data = channels.newClass(input.channels, isPinned: true)
        var classes: [Int] = []
        for node in nodes {
            classes.append(
                node.layer.facts.describe(
                    &channels, inputs: node.inputs.map { $0 < 0 ? data : classes[$0] },
                    parameterOffset: node.parameterOffset))
        }
        channels.pin(classes[classes.count - 1])
        return channels
    }
}

extension Graph {
    /// A multi-layer perceptron: one activation after every layer but the last.
    public convenience init(widths: [Int], activation: Activation, hasBias: Bool) throws {
        guard (2...Self.maximumWidthCount).contains(widths.count) else {
            throw TeleportError.invalid(
                "a model needs 2 to \(Self.maximumWidthCount) widths, inputs first; \(widths.count) given"
            )
        }
        for (index, width) in widths.enumerated() where width < 1 || width > Int(Int32.max) {
            throw TeleportError.invalid("width \(index) is \(width); it must be at least 1")
        }
        guard activation.negativeSlope.isFinite, activation.negativeSlope >= 0 else {
            throw TeleportError.wrong(
                "negative_slope", activation.negativeSlope, "finite and not negative")
        }
        let last = widths.count - 2
        var layers: [(layer: any Layer, inputs: [Int])] = []
        for m in 0...last {
            layers.append(
                (
                    try Dense(
                        inputs: try Shape(channels: widths[m]), outputs: widths[m + 1],
                        hasBias: hasBias,
                        activation: m < last ? activation : Activation(.identity)), [m - 1]
                ))
        }
        try self.init(input: try Shape(channels: widths[0]), layers)
    }

    /// The same net whose first layer reads the samples' numbers instead of `samples` inputs.
    public func readingTable(samples: Int) throws -> Graph {
        let first = layers.pointer[0]
        let table = try SampleTable(
            samples: try Shape(channels: samples), outputs: first.outputs, hasBias: first.hasBias,
            activation: first.activation)
        return try Graph(
            input: try Shape(channels: samples),
            [(table, [-1])] + nodes.dropFirst().map { ($0.layer.facts, $0.inputs) })
    }

    /// Widths of a perceptron, inputs first.
    public var widths: [Int] { [inputWidth] + layers.elements.map { $0.outputs } }
}

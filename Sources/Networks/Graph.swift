import Layers
import Runtime

/// The layers of a net in order, each with what it reads, checked, and the place of every
/// parameter.
public final class Graph: Sendable {
    public static let maximumLayerCount = 1_024
    public static let maximumWidthCount = maximumLayerCount

    public let input: Shape
    public let nodes: NodeList
    public let parameterCount: Int
    /// Numbers that training averages beside the parameters.
    public let statisticCount: Int
    public let outputWidth: Int
    /// The layers that are linear in their weights, from the input on; a buffer and not an array,
    /// so that training steps read it without counting references.
    public let layers: Buffer<LinearMap>
    private let offsets: Buffer<Int>
    private let statisticOffsets: Buffer<Int>
    /// The nodes with parameters, in their order: what hosts number as layers.
    public let weighted: Buffer<Int>
    /// What each node is called, in a text, by the library or by nobody: then it is empty.
    private let names: StringTable
    /// The text that it was made of.
    let text: Buffer<UInt8>?

    /// The last of the nodes gives the net's outputs.
    public convenience init(input: Shape, _ nodes: NodeList) throws {
        try self.init(input: input, nodes, text: nil)
    }

    init(input: Shape, _ nodes: NodeList, text: Buffer<UInt8>?) throws {
        // A text's images, vectors of them and activations that stand alone are nodes too.
        let most = 4 * Self.maximumLayerCount
        guard (1...most).contains(nodes.count) else {
            throw TeleportError.invalid("a net has 1 to \(most) nodes; \(nodes.count) given")
        }
        let maps = try GrowingBuffer<LinearMap>()
        let weighted = try GrowingBuffer<Int>()
        offsets = try Buffer(count: nodes.count)
        statisticOffsets = try Buffer(count: nodes.count)
        var (offset, statistics) = (0, 0)
        for index in 0..<nodes.count {
            let facts = nodes[index].facts
            try Self.check(index, of: nodes, input)
            offsets.pointer[index] = offset
            if let map = facts.linearMap { try maps.append(map.placed(at: offset)) }
            if facts.parameterCount > 0 { try weighted.append(index) }
            statisticOffsets.pointer[index] = statistics
            offset += facts.parameterCount
            statistics += facts.statisticCount
            // Float arrays of this many elements must be addressable.
            _ = try Memory.product(offset + statistics, 64)
        }
        guard offset > 0 else {
            throw TeleportError.invalid("a net needs a layer with weights")
        }
        layers = try Buffer(copying: maps.pointer, count: maps.count)
        self.weighted = try Buffer(copying: weighted.pointer, count: weighted.count)
        self.text = text
        names = try nodes.automaticNames()
        self.input = input
        self.nodes = nodes
        parameterCount = offset
        statisticCount = statistics
        outputWidth = nodes[nodes.count - 1].facts.output.count
    }

    /// What a layer takes is what it reads, and somebody reads what it gives.
    private static func check(_ index: Int, of nodes: NodeList, _ input: Shape) throws {
        let node = nodes[index]
        let facts = node.facts
        for (position, source) in [node.first, node.second].enumerated() {
            guard let source else { continue }
            let shape = source < 0 ? input : nodes[source].facts.output
            guard shape == facts.inputs[position] else {
                throw TeleportError(
                    .shapeMismatch,
                    "layer \(index) ('\(facts.line)') takes \(facts.inputs[position]) but reads \(shape)"
                )
            }
        }
        guard
            index == nodes.count - 1
                || (index + 1..<nodes.count).contains(where: {
                    nodes[$0].reads(index)
                })
        else {
            throw TeleportError.invalid("nothing reads layer \(index) ('\(facts.line)')")
        }
    }

    /// Where a layer's parameters begin in those of the net.
    public func parameterOffset(_ node: Int) -> Int { offsets.pointer[node] }
    /// The same for statistics.
    public func statisticOffset(_ node: Int) -> Int { statisticOffsets.pointer[node] }
    public func name(of node: Int) -> String { String(cString: names[node]) }

    /// Layers with parameters.
    public var layerCount: Int { weighted.count }
    public var hiddenLayerCount: Int { weighted.count - 1 }
    public var inputWidth: Int { input.count }
    /// Floats of all layers' outputs, for one sample.
    public var valueCount: Int {
        (0..<nodes.count).reduce(0) { $0 + nodes[$1].facts.output.storedCount }
    }
    /// Some value is an image, which lies in memory with a border of zeros.
    public var hasImages: Bool {
        (0..<nodes.count).contains { !nodes[$0].facts.output.isVector }
    }
    /// Multiply-adds of a sample in a forward pass, about.
    public var multiplyAdds: Int {
        (0..<nodes.count).reduce(0) { $0 + nodes[$1].facts.multiplyAdds }
    }
    /// Samples of a batch meet in some layer.
    public func meets(_ mode: PassMode) -> Bool {
        (0..<nodes.count).contains { nodes[$0].facts.meets(mode) }
    }
    /// Where the parameters of each layer that has some are, in order.
    public func parameterRanges() -> [Range<Int>] {
        (0..<nodes.count).compactMap {
            let count = nodes[$0].facts.parameterCount
            let first = parameterOffset($0)
            return count > 0 ? first..<first + count : nil
        }
    }

    /// The channels of every value and what scales with them; input and output stay.
    public func channels() throws -> ChannelMap {
        var channels = try ChannelMap()
        let data = try channels.newClass(input.channels, isPinned: true)
        let classes = try Buffer<Int>(count: nodes.count)
        for index in 0..<nodes.count {
            let node = nodes[index]
            let inputs = [node.first, node.second].compactMap { $0 }
            classes.pointer[index] = try node.facts.describe(
                &channels, inputs: inputs.map { $0 < 0 ? data : classes.pointer[$0] },
                parameterOffset: parameterOffset(index))
        }
        channels.pin(classes.pointer[nodes.count - 1])
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
        let slope = activation.negativeSlope
        try require(
            "negative_slope", slope, slope >= 0 && slope.isFinite, "finite and not negative")
        let last = widths.count - 2
        let nodes = try NodeList()
        for m in 0...last {
            try nodes.append(
                Dense(
                    inputs: Shape(channels: widths[m]), outputs: widths[m + 1], hasBias: hasBias,
                    activation: m < last ? activation : Activation(.identity)), reading: m - 1)
        }
        try self.init(input: Shape(channels: widths[0]), nodes)
    }

    /// The same net whose first layer reads the samples' numbers instead of `samples` inputs.
    public func readingTable(samples: Int) throws -> Graph {
        let first = layers.pointer[0]
        let list = try NodeList()
        try list.append(
            SampleTable(
                samples: Shape(channels: samples), outputs: first.outputs, hasBias: first.hasBias,
                activation: first.activation), reading: -1)
        for index in 1..<max(nodes.count, 1) {
            try list.append(nodes[index].facts, reading: nodes[index].first, nodes[index].second)
        }
        return try Graph(input: Shape(channels: samples), list)
    }

    /// Layers with weights that follow each other from the input on, and nothing else.
    public var isRow: Bool {
        (0..<nodes.count).allSatisfy {
            let node = nodes[$0]
            return node.facts.linearMap != nil && node.first == $0 - 1 && node.second == nil
        }
    }

    /// What keeps the net from being such a row, as the end of a sentence; nil in a row. A layer
    /// with weights that sees images says most.
    public var otherThanRow: String? {
        guard !isRow else { return nil }
        for index in weighted.elements { if let reason = otherThanDense(index) { return reason } }
        for index in 0..<nodes.count {
            if let reason = otherThanDense(index) { return reason }
            if nodes[index].first != index - 1 {
                return "layer '\(name(of: index))' does not read the layer before it"
            }
        }
        return "a layer reads two"
    }

    /// What keeps one layer from being dense, as the end of a sentence.
    public func otherThanDense(_ index: Int) -> String? {
        let facts = nodes[index].facts
        let name = "layer '\(name(of: index))'"
        guard facts.linearMap == nil else { return nil }
        guard !facts.output.isVector, let weight = facts.tensors.first, weight.dimensions.count > 1
        else { return "\(name) is \(facts.line)" }
        let inputs = weight.count / facts.output.channels
        let positions = facts.output.height * facts.output.width
        return "\(name) sees \(positions) positions a sample and has \(inputs) inputs"
    }

    /// Inputs, rows of every hidden layer's weights, outputs: the widths of a perceptron.
    public var widths: [Int] {
        [inputWidth] + (0..<hiddenLayerCount).map { parts($0).outputs } + [outputWidth]
    }
}

import Layers
import Runtime

extension Graph {
    /// The net that a text describes; errors name its line.
    public convenience init(text: UnsafeBufferPointer<UInt8>) throws {
        let lines = try ArchitectureText(text).lines
        let copy = try Buffer<UInt8>(count: text.count)
        _ = copy.elements.update(fromContentsOf: text)
        let builder = try GraphBuilder(lines)
        try self.init(input: builder.input, try builder.nodes(), text: copy)
    }

    public convenience init(text: String) throws {
        let bytes = try Buffer<UInt8>(count: text.utf8.count)
        _ = bytes.elements.update(fromContentsOf: text.utf8)
        try self.init(text: UnsafeBufferPointer(bytes.elements))
    }
}

/// Makes layers of a text's lines: an activation goes into the layer that it follows where nobody
/// else reads that one's value, and images get the borders that their readers need.
///
/// All layers are made twice, first without borders, to learn which they need.
private struct GraphBuilder {
    private let lines: [ArchitectureText.Line]
    let input: Shape
    /// For each line, the one whose layer it is a part of: itself, or what an activation follows.
    private var owners: [Int]
    private var activations: [Activation]
    /// A norm after it adds a bias, and the line does not ask for one of its own.
    private var hasNoBias: [Bool]
    /// Readers of a line's value.
    private var readers: [Int]
    /// What the first pass found: a line's shape without a border, and the border that it gets.
    private var shapes: [Shape]
    private var borders: [Int]

    init(_ lines: [ArchitectureText.Line]) throws {
        self.lines = lines
        guard let first = lines.first, case .input(let shape) = first.content else {
            throw TeleportError.invalid("the architecture has no input")
        }
        input = shape
        owners = Array(lines.indices)
        activations = lines.map { _ in Activation(.identity) }
        hasNoBias = lines.map { _ in false }
        readers = lines.map { _ in 0 }
        shapes = lines.map { _ in shape }
        borders = lines.map { _ in 0 }
        for line in lines { for source in line.sources { readers[source] += 1 } }
        for (index, line) in lines.dropLast().enumerated() where readers[index] == 0 {
            throw TeleportError.invalid("nothing reads layer '\(line.name)'").inLine(line.number)
        }
        joinActivations()
        leaveBiases()
        try measure()
    }

    private mutating func joinActivations() {
        for (index, line) in lines.enumerated() {
            guard case .activation(let activation) = line.content, line.sources.count == 1 else {
                continue
            }
            let source = line.sources[0]
            guard readers[source] == 1, case .layer(let kind) = lines[source].content,
                kind.takesActivation
            else { continue }
            owners[index] = source
            activations[source] = activation
        }
    }

    private mutating func leaveBiases() {
        for line in lines {
            guard case .layer(let norm) = line.content, norm.isNorm else { continue }
            for source in line.sources where readers[source] == 1 {
                let words = lines[source].words.split(separator: " ")
                guard case .layer(let kind) = lines[source].content, kind.leavesBiasToNorm,
                    !words.contains("bias"), !words.contains("nobias")
                else { continue }
                hasNoBias[source] = true
            }
        }
    }

    /// The layer of a line that reads values of `inputs`.
    private func layer(_ index: Int, inputs: [Shape], border: Int) throws -> any Layer {
        let line = lines[index]
        let words: String
        var activation = activations[index]
        switch line.content {
        case .layer: words = line.words + (hasNoBias[index] ? " nobias" : "")
        case .input: words = line.words
        case .activation(let own):
            guard line.sources.count == 1 else {
                throw TeleportError.invalid(
                    "layer '\(line.name)' reads one layer; \(line.sources.count) given")
            }
            (words, activation) = ("activate", own)
        }
        return try LayerKinds.layer(
            words, inputs: inputs, activation: activation, border: border, name: line.name,
            sources: line.sources.map { lines[$0].name })
    }

    private mutating func measure() throws {
        var reading = lines.map { _ in 0 }
        var numbers = 0
        for (index, line) in lines.enumerated().dropFirst() {
            guard owners[index] == index else { continue }
            let sources = line.sources.map { owners[$0] }
            do {
                let made = try layer(index, inputs: sources.map { shapes[$0] }, border: 0)
                shapes[index] = made.output
                borders[index] = made.outputBorder
                numbers += made.parameterCount + made.statisticCount
                _ = try Memory.product(numbers, 64)
                for source in sources { reading[source] = max(reading[source], made.inputBorder) }
            } catch let error as TeleportError {
                throw error.inLine(line.number)
            }
        }
        for index in lines.indices { borders[index] = max(borders[index], reading[index]) }
    }

    /// An image's values lie as files have them in the net's input alone, where dense layers read
    /// them as they are.
    private var inputIsVector: Bool {
        lines.allSatisfy { line in
            guard line.sources.contains(0) else { return true }
            guard case .layer(let kind) = line.content else { return false }
            return kind.readsVectors
        }
    }

    func nodes() throws -> NodeList {
        var places = try Places(count: lines.count, input: input)
        if !input.isVector {
            if inputIsVector {
                places.flattened[0] = -1
            } else {
                let image = try layer(0, inputs: [input], border: borders[0])
                try places.list.append(image, reading: -1, name: lines[0].name)
                (places.nodes[0], places.shapes[0]) = (0, image.output)
            }
        }
        for (index, line) in lines.enumerated().dropFirst() where owners[index] == index {
            do {
                try append(line, index, to: &places)
            } catch let error as TeleportError {
                throw error.inLine(line.number)
            }
        }
        return places.list
    }

    /// Where the values of lines are among the nodes.
    private struct Places {
        let list: NodeList
        var nodes: [Int]
        var shapes: [Shape]
        /// The same values as vectors, where somebody reads them so.
        var flattened: [Int?]

        init(count: Int, input: Shape) throws {
            list = try NodeList()
            nodes = Array(repeating: -1, count: count)
            shapes = Array(repeating: input, count: count)
            flattened = Array(repeating: nil, count: count)
        }
    }

    private func append(
        _ line: ArchitectureText.Line, _ index: Int, to places: inout Places
    ) throws {
        let sources = line.sources.map { owners[$0] }
        var inputs = sources.map { places.shapes[$0] }
        var reading = sources.map { places.nodes[$0] }
        if case .layer(let kind) = line.content, kind.readsVectors, !inputs[0].isVector {
            let node = try places.flattened[sources[0]] ?? flatten(sources[0], in: &places)
            reading[0] = node
            if node >= 0 { inputs[0] = places.list[node].facts.output }
        }
        let made = try layer(index, inputs: inputs, border: borders[index])
        for (position, shape) in inputs.enumerated() where shape.border < made.inputBorder {
            throw TeleportError(
                .unsupported,
                "layer '\(line.name)' reads images, but '\(lines[line.sources[position]].name)' gives a vector of \(shape)"
            )
        }
        places.nodes[index] = places.list.count
        places.shapes[index] = made.output
        try places.list.append(
            made, reading: reading[0], reading.count > 1 ? reading[1] : nil, name: line.name)
    }

    private func flatten(_ line: Int, in places: inout Places) throws -> Int {
        let flatten = try LayerKinds.layer("flatten", inputs: [places.shapes[line]])
        let node = places.list.count
        try places.list.append(flatten, reading: places.nodes[line])
        places.flattened[line] = node
        return node
    }
}

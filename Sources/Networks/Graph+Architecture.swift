import Layers
import Runtime

// A net as text: the host's own where it gave one.

extension Graph {
    /// The text that makes the net again, UTF-8.
    public func architecture() throws -> Buffer<UInt8> {
        if let text { return text }
        let writer = try TextWriter()
        try writer.line("input \(input)")
        var names = valueNames()
        for index in 0..<nodes.count {
            let node = nodes[index]
            let facts = node.facts
            let kind = type(of: facts)
            // An image that goes in is the input's line, an activation that is no part of a layer
            // its own.
            if kind.word == "input" {
                names[index] = "input"
                continue
            }
            let activation = facts.activation.line
            let isAlone = kind.word == "activate"
            var line = isAlone ? activation : facts.line
            let sources = [node.first, node.second].compactMap { $0 }
            if sources != [index - 1] {
                line += " of"
                for source in sources { line += " " + (source < 0 ? "input" : names[source]) }
            }
            let name = names[index].isEmpty ? "" : names[index] + " = "
            let isLast = isAlone || activation.isEmpty
            try writer.line((isLast ? name : "") + line)
            if !isLast { try writer.line(name + activation) }
        }
        return try writer.text()
    }

    /// Names of the values that a layer other than the next one reads; empty for the rest.
    private func valueNames() -> [String] {
        var names = Array(repeating: "", count: nodes.count)
        for index in 0..<nodes.count {
            for source in [nodes[index].first, nodes[index].second].compactMap({ $0 })
            where source >= 0 && (source != index - 1 || nodes[index].second != nil) {
                names[source] = "v\(source + 1)"
            }
        }
        return names
    }

    /// Whether the net is one that its widths tell, and its text no more than them: files keep such
    /// nets as they did before there were texts.
    public var isPlainPerceptron: Bool {
        get throws {
            guard isRow, let last = layers.elements.last, last.activation.kind == .identity else {
                return false
            }
            let first = layers.pointer[0]
            let isUniform = layers.elements.dropLast().allSatisfy {
                $0.activation == first.activation && $0.hasBias == first.hasBias
            }
            guard isUniform, first.hasBias == last.hasBias, nodes[0].facts.inputs[0].isVector,
                layers.elements.allSatisfy({ !$0.readsTable })
            else { return false }
            guard let text else { return true }
            let plain = try Graph(
                widths: widths, activation: hiddenActivation, hasBias: first.hasBias
            ).architecture()
            return text.elements.elementsEqual(plain.elements)
        }
    }

    /// The first activation that is none but the identity.
    public var hiddenActivation: Activation {
        for index in 0..<nodes.count where nodes[index].facts.activation.kind != .identity {
            return nodes[index].facts.activation
        }
        return Activation(.identity)
    }

    /// Whether its first layer with parameters has a bias.
    var hasBias: Bool { parts(0).biasOffset != nil }
}

/// A table for people: a layer a line with its shape and numbers.
extension Graph {
    /// UTF-8.
    public func summary() throws -> Buffer<UInt8> {
        var rows = [["name", "layer", "reads", "output", "parameters"]]
        rows.append(["input", "input \(input)", "", "\(input)", "0"])
        for index in 0..<nodes.count where type(of: nodes[index].facts).word != "input" {
            let node = nodes[index]
            let facts = node.facts
            let activation = facts.activation.line
            let sources = [node.first, node.second].compactMap { $0 }
                .map { $0 < 0 ? "input" : name(of: $0) }
            rows.append([
                name(of: index), facts.line + (activation.isEmpty ? "" : ", " + activation),
                sources.joined(separator: " "), "\(facts.output)", "\(facts.parameterCount)",
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let writer = try TextWriter()
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                let isLast = column == row.count - 1
                line += isLast ? blanks + cell : cell + blanks + "  "
            }
            try writer.line(line)
        }
        let work = (0..<nodes.count).reduce(0) { $0 &+ nodes[$1].facts.multiplyAdds }
        try writer.line(
            "\(parameterCount) parameters, \(statisticCount) running statistics, about \(work) multiply-adds a sample"
        )
        return try writer.text()
    }
}

/// Lines of text in checked memory.
struct TextWriter {
    private let bytes: GrowingBuffer<UInt8>

    init() throws { bytes = try GrowingBuffer(capacity: 1_024) }

    func line(_ text: String) throws {
        try bytes.reserve(text.utf8.count + 1)
        for byte in text.utf8 { try bytes.append(byte) }
        try bytes.append(UInt8(ascii: "\n"))
    }

    func text() throws -> Buffer<UInt8> {
        try Buffer(copying: bytes.pointer, count: bytes.count)
    }
}

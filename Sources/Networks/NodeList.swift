import Layers
import Runtime

/// The layers of a net in order, each with what it reads, as a graph is made of them.
///
/// A file or a host says how many there are: the list is from the checked allocator, and only the
/// layers themselves are Swift's small objects.
public final class NodeList: @unchecked Sendable {
    public struct Node: BitwiseCopyable {
        let layer: Unmanaged<AnyLayer>
        /// The nodes whose values it reads; -1: the net's input.
        public let first: Int
        /// Nil: it reads one value.
        public let second: Int?

        /// The layer's facts, while the list lives.
        public var facts: any Layer { layer._withUnsafeGuaranteedRef { $0.facts } }

        func reads(_ index: Int) -> Bool { first == index || second == index }
    }

    private let entries: GrowingBuffer<Node>
    /// Empty for those that a graph names.
    private let names: StringTable

    public init() throws {
        entries = try GrowingBuffer()
        names = try StringTable()
    }

    deinit { for node in entries.elements { node.layer.release() } }

    public var count: Int { entries.count }
    public subscript(index: Int) -> Node { entries[index] }

    /// `first`, `second`: earlier nodes, counted from 0, or -1 for the net's input.
    public func append(
        _ layer: any Layer, reading first: Int, _ second: Int? = nil, name: String = ""
    ) throws {
        let shapes = layer.inputs
        guard shapes.count == (second == nil ? 1 : 2) else {
            throw TeleportError.invalid(
                "layer \(count) ('\(layer.line)') reads \(shapes.count) layers")
        }
        for source in [first, second ?? first] where source < -1 || source >= count {
            throw TeleportError.invalid(
                "layer \(count) reads layer \(source); it may read those before it")
        }
        try entries.reserve(1)
        try names.append(name)
        try entries.append(
            Node(
                layer: Unmanaged.passRetained(layer.boxed()), first: first, second: second))
    }
}

extension NodeList {
    /// The names of all nodes; those that have none yet get the next number of their kind.
    func automaticNames() throws -> StringTable {
        var taken = Set<String>()
        for index in 0..<count where names[index].pointee != 0 {
            taken.insert(String(cString: names[index]))
        }
        let table = try StringTable()
        var counts: [String: Int] = [:]
        for index in 0..<count {
            guard names[index].pointee == 0 else {
                try table.append(names[index])
                continue
            }
            let prefix = type(of: self[index].facts).namePrefix
            var number = counts[prefix, default: 0]
            repeat { number += 1 } while taken.contains(prefix + String(number))
            counts[prefix] = number
            try table.append(prefix + String(number))
        }
        return table
    }
}

import Layers
import Networks
import Runtime

// Hosts number layers with parameters; the scaling group moves the classes of the channels that
// they make.

extension ChannelClasses {
    /// The class that a layer's rows make.
    func made(byLayer layer: Int, of graph: Graph) throws -> Int {
        guard layer >= 0, layer < graph.hiddenLayerCount else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has \(graph.hiddenLayerCount) hidden layers, counted from 0"
            )
        }
        if let made = classMade(byLayer: layer, of: graph) { return made }
        let node = graph.weighted.pointer[layer]
        let name = graph.name(of: node)
        if let norm = graph.norm(reading: node) {
            throw TeleportError(
                .unsupported,
                "layer '\(name)' feeds '\(norm)', which takes its scale away; scale '\(norm)'")
        }
        throw TeleportError(
            .unsupported,
            "the channels of layer '\(name)' cannot be scaled: they reach an output, an input or an activation without f(c x) = c f(x)"
        )
    }

    func classMade(byLayer layer: Int, of graph: Graph) -> Int? {
        let offset = graph.parts(layer).weightOffset
        guard let block = blocks.first(where: { $0.offset == offset }), block.rowClass >= 0 else {
            return nil
        }
        return block.rowClass
    }

    func firstLayer(making index: Int, of graph: Graph) -> Int? {
        (0..<graph.layerCount).first { classMade(byLayer: $0, of: graph) == index }
    }
}

extension Graph {
    /// The norm that reads a node's value, if one does.
    fileprivate func norm(reading node: Int) -> String? {
        for index in 0..<nodes.count
        where nodes[index].first == node && type(of: nodes[index].facts).isNorm {
            return name(of: index)
        }
        return nil
    }
}

extension Model {
    /// For every row of a layer's weights, the number of its channel among all that the scaling
    /// group moves, or -1 (`tp_model_scaling_variables`).
    public func scalingVariables(
        ofLayer layer: Int, into variables: UnsafeMutablePointer<Int64>
    ) throws {
        let outputs = try parts(ofLayer: layer).outputs
        let classes = try ChannelClasses(graph)
        let first = classes.classMade(byLayer: layer, of: graph)
            .map { classes.channels(of: $0).lowerBound }
        for i in 0..<outputs { variables[i] = first.map { Int64($0 + i) } ?? -1 }
    }
}

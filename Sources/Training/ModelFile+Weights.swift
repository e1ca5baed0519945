import Files
import Layers
import Networks
import Runtime

// The arrays of a file into a model that is there already: by name, or in the order of the layers.

extension Model {
    /// Takes over the arrays of a file (`tp_model_load_weights`). On failure nothing changes.
    public func loadWeights(from path: UnsafePointer<CChar>) throws {
        try reading(path, as: "model file") { file in
            let read = try Model(graph, options: options)
            try read.readWeights(file)
            weights.copy(from: read.weights)
        }
    }

    private func readWeights(_ file: SafetensorsReader) throws {
        let isOwn = try file.isOwn()
        let names =
            try isOwn && file.format() == ModelFile.perceptronVersion
            ? nil : namesOfOwn(file)
        let prefixes = try names == nil ? prefixesInOrder(file) : nil
        var (layer, found) = (-1, 0)
        var lastNode = -1
        try graph.forEachTensor { place in
            if place.node != lastNode { (layer, lastNode) = (layer + 1, place.node) }
            let name = prefixes.map { $0[layer] + place.tensor.name } ?? place.name
            if place.tensor.role == .counter, file.tensor(named: name) == nil {
                // Files of before PyTorch 0.4.1 have none.
                values(of: place)[0] = 0
                return true
            }
            try read(try file.tensor(place, named: name), into: place, file)
            found += 1
            return true
        }
        guard !isOwn, found < file.tensorCount else { return }
        try refuseRest(file, prefixes)
    }

    /// Not nil where the file has every array by the model's own name.
    private func namesOfOwn(_ file: SafetensorsReader) throws -> Bool? {
        var hasAll = true
        graph.forEachTensor { place in
            hasAll = place.tensor.role == .counter || file.tensor(named: place.name) != nil
            return hasAll
        }
        return hasAll ? true : nil
    }

    /// What the names of each layer's arrays begin with, in the order of the model's layers.
    private func prefixesInOrder(_ file: SafetensorsReader) throws -> [String] {
        let weights = try file.weightTensors()
        let nodes = (0..<graph.nodes.count).filter { !graph.nodes[$0].facts.tensors.isEmpty }
        guard weights.count == nodes.count else {
            throw FileFailure(
                .shapeMismatch,
                "it has \(weights.count) layers with weights, but the model has \(nodes.count)")
        }
        let prefixes = weights.elements.map { file.prefix(of: $0) }
        let tensors = nodes.map { graph.nodes[$0].facts.tensors }
        let order = try file.order(of: weights) { place, next, _ in
            file.fits(prefixes[next], tensors[place])
        }
        return order.elements.map { prefixes[$0] }
    }

    /// What a file has beside the model's arrays would be lost without a word.
    private func refuseRest(_ file: SafetensorsReader, _ prefixes: [String]?) throws {
        var names = Set<String>()
        var (layer, lastNode) = (-1, -1)
        graph.forEachTensor { place in
            if place.node != lastNode { (layer, lastNode) = (layer + 1, place.node) }
            names.insert(prefixes.map { $0[layer] + place.tensor.name } ?? place.name)
            return true
        }
        for position in 0..<file.tensorCount {
            let name = file.name(of: file.tensor(position))
            guard names.contains(String(decoding: name, as: UTF8.self)) else {
                throw FileFailure(
                    .unsupported, "tensor \(quoted(name)) has no place in the model")
            }
        }
    }
}

extension SafetensorsReader {
    /// All arrays named "weight" or "*.weight", as their names are sorted.
    fileprivate func weightTensors() throws -> GrowingBuffer<Tensor> {
        let weights = try GrowingBuffer<Tensor>()
        for position in 0..<tensorCount {
            let tensor = tensor(position)
            if ends(name(of: tensor), with: "weight") { try weights.append(tensor) }
        }
        weights.elements.sortInPlace { NameParting(name(of: $0), name(of: $1)).isBefore }
        return weights
    }

    fileprivate func prefix(of weight: Tensor) -> String {
        String(decoding: name(of: weight).dropLast("weight".utf8.count), as: UTF8.self)
    }

    /// The arrays of a layer are those that the names beginning with `prefix` have.
    fileprivate func fits(_ prefix: String, _ tensors: [LayerTensor]) -> Bool {
        let hasBias = tensors.contains { $0.name == "bias" }
        return hasBias == (tensor(named: prefix + "bias") != nil)
            && tensors.allSatisfy { expected in
                guard let tensor = tensor(named: prefix + expected.name) else {
                    return expected.role == .counter
                }
                return tensor.hasShape(expected.dimensions)
            }
    }
}

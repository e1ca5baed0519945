import Files
import Layers
import Networks
import Runtime

extension Model {
    /// The model in a file. `options` say what a file of another program does not.
    convenience init(from file: SafetensorsReader, options: ModelConfig) throws {
        if try file.format() > ModelFile.perceptronVersion {
            try self.init(graphFrom: file, options: options)
        } else {
            try self.init(perceptronFrom: file, options: options)
        }
        for position in 0..<file.textCount {
            let (key, value) = file.text(position)
            try keep(key, value)
        }
    }

    private convenience init(
        perceptronFrom file: SafetensorsReader, options: ModelConfig
    ) throws {
        var options = options
        let layers: GrowingBuffer<FileLayer>
        if try file.isOwn() {
            try options.read(from: file)
            try options.validate()
            layers = try file.ownLayers()
        } else {
            layers = try file.foreignLayers()
        }
        let widths =
            [layers[0].weight.dimensions.1] + layers.elements.map { $0.weight.dimensions.0 }
        options.hasBias = layers[0].bias != nil
        try self.init(
            try Graph(
                widths: widths,
                activation: Activation(options.activation, negativeSlope: options.negativeSlope),
                hasBias: options.hasBias),
            options: options)
        for (index, layer) in layers.elements.enumerated() {
            let shape = graph.layers.pointer[index]
            try read(layer.weight, at: shape.weightOffset, file)
            if let bias = layer.bias { try read(bias, at: shape.biasOffset, file) }
        }
    }

    private convenience init(graphFrom file: SafetensorsReader, options: ModelConfig) throws {
        guard let text = file.text(ModelFile.architectureKey) else {
            throw FileFailure(.format, "its metadata lacks \(ModelFile.architectureKey)")
        }
        let graph: Graph
        do {
            graph = try Graph(text: text)
        } catch let error as TeleportError where error.status != .outOfMemory {
            throw FileFailure(.format, "\(ModelFile.architectureKey): \(error.message)")
        }
        var options = options
        options.initialization = try file.member(ModelFile.initializationKey)
        options.seed = try file.number(ModelFile.seedKey)
        // All of them are there before memory is taken for them.
        try graph.forEachTensor { place in
            _ = try file.tensor(place, named: place.name)
            return true
        }
        try self.init(graph, options: options.describing(graph))
        try graph.forEachTensor { place in
            try read(try file.tensor(place, named: place.name), into: place, file)
            return true
        }
    }

    private func read(_ tensor: Tensor, at offset: Int, _ file: SafetensorsReader) throws {
        try read(tensor, to: parameters.pointer + offset, file)
    }

    /// An array with the type and shape of its place.
    func read(_ tensor: Tensor, into place: NamedTensor, _ file: SafetensorsReader) throws {
        let target = values(of: place)
        if place.tensor.role == .counter {
            let counter = try Buffer<Int64>(count: 1)
            try file.read(tensor, into: counter.pointer)
            target[0] = Float(counter.pointer[0])
        } else {
            try read(tensor, to: target, file)
        }
        do {
            try place.requireUsable(target)
        } catch let error as TeleportError {
            throw FileFailure(.format, error.message)
        }
    }

    private func read(
        _ tensor: Tensor, to target: UnsafeMutablePointer<Float>, _ file: SafetensorsReader
    ) throws {
        try file.read(tensor, into: target)
        guard !allFinite(target, count: tensor.count) else { return }
        let index = (0..<tensor.count).first { !target[$0].isFinite } ?? 0
        throw FileFailure(
            .notFinite,
            "element \(index) of tensor \(quoted(file.name(of: tensor))) is \(target[index])")
    }

    /// Keeps metadata that a model may hold and leaves out the rest: another program's is no reason
    /// to refuse its file.
    private func keep(
        _ key: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
    ) throws {
        do {
            guard !key.contains(0), !value.contains(0) else { return }
            try metadata.set(key, to: value)
        } catch let error as TeleportError where error.status == .invalidArgument {}
    }
}

extension ModelConfig {
    fileprivate mutating func read(from file: SafetensorsReader) throws(FileFailure) {
        activation = try file.member(ModelFile.activationKey)
        negativeSlope = try file.number(ModelFile.negativeSlopeKey)
        initialization = try file.member(ModelFile.initializationKey)
        seed = try file.number(ModelFile.seedKey)
    }
}

/// The tensors of one layer.
struct FileLayer: BitwiseCopyable {
    let weight: Tensor
    let bias: Tensor?
}

// Metadata.
extension SafetensorsReader {
    /// Whether this library wrote the file, in a format that it knows.
    func isOwn() throws(FileFailure) -> Bool { try format() > 0 }

    /// 0: another program wrote it.
    func format() throws(FileFailure) -> Int {
        guard text(ModelFile.versionKey) != nil else { return 0 }
        let version: Int = try number(ModelFile.versionKey)
        guard version >= 1 else {
            throw FileFailure(.format, "its format is \(version); formats count from 1")
        }
        guard version <= ModelFile.version else {
            throw FileFailure(
                .version,
                "its format is \(version); this library knows formats up to \(ModelFile.version)")
        }
        return version
    }

    func requiredText(_ key: String) throws(FileFailure) -> String {
        guard let bytes = text(key) else {
            throw FileFailure(.format, "its metadata lacks \(key)")
        }
        guard bytes.count <= 64 else {
            throw FileFailure(.format, "\(key) has \(bytes.count) bytes")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func number<Number: LosslessStringConvertible>(_ key: String) throws(FileFailure) -> Number {
        let text = try requiredText(key)
        guard let number = Number(text) else {
            throw FileFailure(.format, "\(key) is '\(text)', which is no number")
        }
        return number
    }

    func member<Member: NamedInFiles>(_ key: String) throws(FileFailure) -> Member {
        let text = try requiredText(key)
        guard let member = Member.allCases.first(where: { $0.fileName == text }) else {
            throw FileFailure(.unsupported, "\(key) is '\(text)', which this library does not know")
        }
        return member
    }
}

// Tensors.
extension SafetensorsReader {
    /// The array of a name, which has the type and shape of its place.
    func tensor(_ place: NamedTensor, named name: String) throws(FileFailure) -> Tensor {
        guard let tensor = tensor(named: name) else {
            throw FileFailure(.format, "it has no tensor '\(name)'")
        }
        let type = place.tensor.role == .counter ? TensorType.i64 : .f32
        guard tensor.type == type else {
            throw FileFailure(
                .unsupported,
                "tensor '\(name)' is \(tensor.type.rawValue); \(type.rawValue) is read")
        }
        guard tensor.hasShape(place.tensor.dimensions) else {
            let sizes = place.tensor.dimensions.map { "\($0)" }.joined(separator: " x ")
            throw FileFailure(
                .shapeMismatch,
                "tensor '\(name)' is \(tensor.shapeText), but '\(place.name)' of the model is \(sizes.isEmpty ? "one number" : sizes)"
            )
        }
        return tensor
    }

    /// layers.0, layers.1, ... until there is none; other tensors belong to other readers.
    fileprivate func ownLayers() throws -> GrowingBuffer<FileLayer> {
        let layers = try GrowingBuffer<FileLayer>()
        while let weight = tensor(named: ModelFile.weightName(layers.count)) {
            try layers.append(
                FileLayer(weight: weight, bias: tensor(named: ModelFile.biasName(layers.count))))
        }
        guard layers.count > 0 else {
            throw FileFailure(.format, "it has no tensor '\(ModelFile.weightName(0))'")
        }
        try check(layers)
        return layers
    }

    /// Every tensor, named as PyTorch names those of linear layers, in the order that numbers in
    /// their names or their shapes give: `0.weight`, `2.weight`, `10.weight`; `net.0.weight`;
    /// `fc1.weight`, `fc2.weight`.
    fileprivate func foreignLayers() throws -> GrowingBuffer<FileLayer> {
        let weights = try GrowingBuffer<Tensor>()
        var biasCount = 0
        for position in 0..<tensorCount {
            let tensor = tensor(position)
            let name = name(of: tensor)
            if tensor.rank == 2, ends(name, with: "weight") {
                try weights.append(tensor)
            } else if tensor.rank == 1, ends(name, with: "bias") {
                biasCount += 1
            } else {
                throw FileFailure(
                    .unsupported,
                    "tensor \(quoted(name)) of \(tensor.rank) dimensions has no place in a plain multi-layer perceptron"
                )
            }
        }
        guard weights.count > 0 else {
            throw FileFailure(.unsupported, "it has no tensor named *.weight")
        }
        let layers = try GrowingBuffer<FileLayer>(capacity: weights.count)
        weights.elements.sortInPlace { NameParting(name(of: $0), name(of: $1)).isBefore }
        for weight in weights.elements {
            let prefix = String(
                decoding: name(of: weight).dropLast("weight".utf8.count), as: UTF8.self)
            try layers.append(FileLayer(weight: weight, bias: tensor(named: prefix + "bias")))
        }
        guard layers.elements.count(where: { $0.bias != nil }) == biasCount else {
            throw FileFailure(.unsupported, "it has a bias without a weight")
        }
        let ordered = try inOrder(layers)
        try check(ordered)
        return ordered
    }

    /// "weight" itself or "<anything>.weight".
    func ends(_ name: UnsafeBufferPointer<UInt8>, with last: String) -> Bool {
        guard name.suffix(last.utf8.count).elementsEqual(last.utf8) else { return false }
        let rest = name.dropLast(last.utf8.count)
        return rest.isEmpty || rest.last == UInt8(ascii: ".")
    }

    private func check(_ layers: GrowingBuffer<FileLayer>) throws(FileFailure) {
        guard layers.count < Graph.maximumWidthCount else {
            throw FileFailure(
                .unsupported,
                "it has \(layers.count) layers; at most \(Graph.maximumWidthCount - 1) are read"
            )
        }
        for (index, layer) in layers.elements.enumerated() {
            let weight = quoted(name(of: layer.weight))
            try requireFloat(layer.weight, rank: 2)
            guard layer.weight.dimensions.0 > 0, layer.weight.dimensions.1 > 0 else {
                throw FileFailure(.unsupported, "tensor \(weight) is empty")
            }
            if index > 0 {
                let before = layers[index - 1].weight
                guard before.dimensions.0 == layer.weight.dimensions.1 else {
                    throw FileFailure(
                        .shapeMismatch,
                        "tensor \(weight) has \(layer.weight.dimensions.1) columns but \(quoted(name(of: before))) before it has \(before.dimensions.0) rows"
                    )
                }
            }
            guard (layer.bias == nil) == (layers[0].bias == nil) else {
                throw FileFailure(
                    .unsupported,
                    "one of \(quoted(name(of: layers[0].weight))) and \(weight) has a bias and the other has not"
                )
            }
            guard let bias = layer.bias else { continue }
            try requireFloat(bias, rank: 1)
            guard bias.count == layer.weight.dimensions.0 else {
                throw FileFailure(
                    .shapeMismatch,
                    "tensor \(quoted(name(of: bias))) has \(bias.count) elements but \(weight) has \(layer.weight.dimensions.0) rows"
                )
            }
        }
    }

    private func requireFloat(_ tensor: Tensor, rank: Int) throws(FileFailure) {
        guard tensor.type == .f32, tensor.rank == rank else {
            throw FileFailure(
                .unsupported,
                "tensor \(quoted(name(of: tensor))) is \(tensor.type.rawValue) of \(tensor.rank) dimensions; F32 of \(rank) is read"
            )
        }
    }
}

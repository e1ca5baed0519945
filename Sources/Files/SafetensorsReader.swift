import Glibc
import Runtime

/// One tensor of a safetensors file.
public struct Tensor: BitwiseCopyable {
    /// Where the name stands in the header.
    fileprivate var name = JSONReader.Text(start: 0, count: 0)
    fileprivate var typeIndex: UInt8 = 0
    public fileprivate(set) var rank = 0
    /// Its first four dimensions; 1 where it has fewer.
    public fileprivate(set) var dimensions = (1, 1, 1, 1)
    public fileprivate(set) var count = 1
    /// Bytes of the data section.
    fileprivate var begin = 0
    fileprivate var end = 0

    public var type: TensorType { TensorType.allCases[Int(typeIndex)] }

    /// Of the dimensions of at most four, whether it has these.
    public func hasShape(_ sizes: [Int]) -> Bool {
        let own = [dimensions.0, dimensions.1, dimensions.2, dimensions.3]
        return sizes.count == rank && rank <= 4 && sizes.elementsEqual(own.prefix(rank))
    }

    /// For messages: "3 x 4".
    public var shapeText: String {
        guard rank > 0 else { return "no dimension" }
        let own = [dimensions.0, dimensions.1, dimensions.2, dimensions.3].prefix(rank)
        return own.map { "\($0)" }.joined(separator: " x ") + (rank > 4 ? " x ..." : "")
    }
}

/// The header of a safetensors file, checked as the reference implementation checks it and where
/// the format's description is stricter than that (https://huggingface.co/docs/safetensors): the
/// header's length before memory is taken, duplicate keys, overflow, tensors without gaps or
/// overlaps, the file's exact length.
public final class SafetensorsReader {
    /// The reference's own limit.
    public static let mostHeaderBytes = 100_000_000
    /// Names of tensors, and keys of metadata. A net of 1,024 norms has 5,120 tensors, a trainer
    /// some more.
    public static let mostNames = 8_192
    /// Of a tensor's name, which becomes a string.
    public static let mostNameBytes = 1_024

    private let source: any ByteSource
    private let header: Buffer<UInt8>
    private let tensors: GrowingBuffer<Tensor>
    private let tensorsByName: SortedList
    private let texts: GrowingBuffer<MetadataText>
    private let textsByKey: SortedList
    private let dataStart: Int

    private struct MetadataText: BitwiseCopyable {
        let key: JSONReader.Text
        let value: JSONReader.Text
    }

    public init(_ source: any ByteSource) throws(FileFailure) {
        self.source = source
        guard source.size >= 8 else {
            throw FileFailure(
                .format, "it has \(source.size) bytes; a safetensors file has at least 8")
        }
        let length: UInt64
        do {
            let field = try Buffer<UInt64>(count: 1)
            try source.read(into: field.pointer, count: 8, at: 0)
            length = UInt64(littleEndian: field.pointer.pointee)
        } catch { throw FileFailure(error) }
        guard length <= Self.mostHeaderBytes else {
            throw FileFailure(
                .format,
                ForeignFormat.sentence(first: length)
                    ?? "its header would have \(length) bytes; at most \(Self.mostHeaderBytes) are read"
            )
        }
        guard Int(length) <= source.size - 8 else {
            throw FileFailure(
                .format,
                ForeignFormat.sentence(first: length)
                    ?? "its header would have \(length) bytes, but only \(source.size - 8) follow")
        }
        do {
            header = try Buffer(count: Int(length))
            tensors = try GrowingBuffer()
            tensorsByName = try SortedList()
            texts = try GrowingBuffer()
            textsByKey = try SortedList()
        } catch { throw FileFailure(error) }
        dataStart = 8 + Int(length)
        try source.read(into: header.pointer, count: header.count, at: 8)
        // White space may follow the header but not come before it.
        guard header.count > 0, header.pointer[0] == 0x7B else {
            throw FileFailure(.format, "its header does not begin with {")
        }
        try parse()
        try checkPlaces()
    }

    // Reading.

    public var tensorCount: Int { tensors.count }

    /// The tensors in the order of their names' bytes.
    public func tensor(_ position: Int) -> Tensor { tensors[tensorsByName[position]] }

    public func tensor(named name: String) -> Tensor? {
        let position = tensorsByName.position { isBefore(self.name(of: self.tensors[$0]), name) }
        guard position < tensors.count, equal(self.name(of: tensor(position)), name) else {
            return nil
        }
        return tensor(position)
    }

    public func name(of tensor: Tensor) -> UnsafeBufferPointer<UInt8> { content(of: tensor.name) }

    /// Copies the bytes of a tensor.
    public func read(_ tensor: Tensor, into target: UnsafeMutableRawPointer) throws(FileFailure) {
        try source.read(
            into: target, count: tensor.end - tensor.begin, at: dataStart + tensor.begin)
    }

    public var textCount: Int { texts.count }

    /// A key of `__metadata__` and its value, in the order of the keys' bytes.
    public func text(
        _ position: Int
    ) -> (key: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        let text = texts[textsByKey[position]]
        return (content(of: text.key), content(of: text.value))
    }

    public func text(_ key: String) -> UnsafeBufferPointer<UInt8>? {
        let position = textsByKey.position { isBefore(self.content(of: self.texts[$0].key), key) }
        guard position < texts.count, equal(text(position).key, key) else { return nil }
        return text(position).value
    }

    private func content(of text: JSONReader.Text) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: header.pointer + text.start, count: text.count)
    }

    private func isBefore(_ bytes: UnsafeBufferPointer<UInt8>, _ text: String) -> Bool {
        bytes.lexicographicallyPrecedes(text.utf8)
    }

    private func equal(_ bytes: UnsafeBufferPointer<UInt8>, _ text: String) -> Bool {
        bytes.elementsEqual(text.utf8)
    }
}

// Parsing.
extension SafetensorsReader {
    private func parse() throws(FileFailure) {
        var json = JSONReader(header.pointer, count: header.count)
        var hasMetadata = false
        try json.object { (json, key) throws(FileFailure) in
            if self.equal(self.content(of: key), "__metadata__") {
                guard !hasMetadata else { throw self.duplicate(key) }
                hasMetadata = true
                try json.object { (json, key) throws(FileFailure) in
                    let text = MetadataText(key: key, value: try json.string())
                    try self.add(text, key, to: self.texts, self.textsByKey) { $0.key }
                }
            } else {
                guard key.count <= Self.mostNameBytes else {
                    throw FileFailure(
                        .unsupported,
                        "a tensor's name has \(key.count) bytes; at most \(Self.mostNameBytes) are read"
                    )
                }
                let tensor = try self.tensor(key, &json)
                try self.add(tensor, key, to: self.tensors, self.tensorsByName) { $0.name }
            }
        }
        try json.finish()
    }

    private func add<Entry>(
        _ entry: Entry, _ name: JSONReader.Text, to entries: GrowingBuffer<Entry>,
        _ order: SortedList, _ nameOf: (Entry) -> JSONReader.Text
    ) throws(FileFailure) {
        let bytes = content(of: name)
        let place = order.position {
            content(of: nameOf(entries[$0])).lexicographicallyPrecedes(bytes)
        }
        if place < order.count,
            content(of: nameOf(entries[order[place]])).elementsEqual(bytes)
        {
            throw duplicate(name)
        }
        guard entries.count < Self.mostNames else {
            throw FileFailure(
                .unsupported, "it has more than \(Self.mostNames) tensors or metadata keys")
        }
        do {
            try order.insert(entries.count, at: place)
            try entries.append(entry)
        } catch { throw FileFailure(error) }
    }

    private func duplicate(_ name: JSONReader.Text) -> FileFailure {
        FileFailure(.format, "its header names \(quoted(content(of: name))) twice")
    }

    /// {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} in any order; other members are
    /// skipped.
    private func tensor(
        _ name: JSONReader.Text, _ json: inout JSONReader
    ) throws(FileFailure) -> Tensor {
        var tensor = Tensor()
        tensor.name = name
        var (hasType, hasShape, hasPlace) = (false, false, false)
        try json.object { (json, key) throws(FileFailure) in
            let member = self.content(of: key)
            if self.equal(member, "dtype") {
                guard !hasType else { throw self.duplicate(key) }
                hasType = true
                tensor.typeIndex = try self.type(try json.string(), of: name)
            } else if self.equal(member, "shape") {
                guard !hasShape else { throw self.duplicate(key) }
                hasShape = true
                try self.shape(of: &tensor, &json)
            } else if self.equal(member, "data_offsets") {
                guard !hasPlace else { throw self.duplicate(key) }
                hasPlace = true
                try self.place(of: &tensor, &json)
            } else {
                try json.skip(depth: 2)
            }
        }
        guard hasType, hasShape, hasPlace else {
            throw FileFailure(
                .format, "tensor \(quoted(content(of: name))) lacks dtype, shape or data_offsets")
        }
        let (bits, overflow) = tensor.count.multipliedReportingOverflow(by: tensor.type.bits)
        guard !overflow else { throw tooLarge(tensor) }
        guard bits % 8 == 0, tensor.end - tensor.begin == bits / 8 else {
            throw FileFailure(
                .format,
                "tensor \(quoted(content(of: name))) has \(tensor.end - tensor.begin) bytes for \(tensor.count) elements of \(tensor.type.bits) bits"
            )
        }
        return tensor
    }

    private func type(_ text: JSONReader.Text, of name: JSONReader.Text) throws(FileFailure)
        -> UInt8
    {
        let bytes = content(of: text)
        for (index, type) in TensorType.allCases.enumerated() where equal(bytes, type.rawValue) {
            return UInt8(truncatingIfNeeded: index)
        }
        throw FileFailure(
            .format, "tensor \(quoted(content(of: name))) has the unknown dtype \(quoted(bytes))")
    }

    private func shape(of tensor: inout Tensor, _ json: inout JSONReader) throws(FileFailure) {
        var (rank, count, dimensions) = (0, 1, (1, 1, 1, 1))
        var overflows = false
        try json.array { (json) throws(FileFailure) in
            let size = try json.natural()
            switch rank {
            case 0: dimensions.0 = size
            case 1: dimensions.1 = size
            case 2: dimensions.2 = size
            case 3: dimensions.3 = size
            default: break
            }
            rank += 1
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            overflows = overflows || overflow
            count = product
        }
        guard !overflows else { throw tooLarge(tensor) }
        (tensor.rank, tensor.count, tensor.dimensions) = (rank, count, dimensions)
    }

    private func place(of tensor: inout Tensor, _ json: inout JSONReader) throws(FileFailure) {
        var offsets = (0, 0)
        var count = 0
        try json.array { (json) throws(FileFailure) in
            let offset = try json.natural()
            if count == 0 { offsets.0 = offset } else { offsets.1 = offset }
            count += 1
        }
        guard count == 2, offsets.0 <= offsets.1 else {
            throw FileFailure(
                .format,
                "the data_offsets of tensor \(quoted(name(of: tensor))) are not a begin and an end")
        }
        (tensor.begin, tensor.end) = offsets
    }

    private func tooLarge(_ tensor: Tensor) -> FileFailure {
        FileFailure(
            .format, "the shape of tensor \(quoted(name(of: tensor))) is larger than any memory")
    }

    /// The tensors cover the data section, one after another.
    private func checkPlaces() throws(FileFailure) {
        let order: SortedList
        do {
            order = try SortedList()
            for index in 0..<tensors.count {
                let place = (tensors[index].begin, tensors[index].end)
                try order.insert(
                    index, at: order.position { (tensors[$0].begin, tensors[$0].end) < place })
            }
        } catch { throw FileFailure(error) }
        var next = 0
        for position in 0..<order.count {
            let tensor = tensors[order[position]]
            guard tensor.begin == next else {
                throw FileFailure(
                    .format,
                    "tensor \(quoted(name(of: tensor))) begins at byte \(tensor.begin) of the data; the one before it ends at \(next)"
                )
            }
            next = tensor.end
        }
        guard next == source.size - dataStart else {
            throw FileFailure(
                .format,
                "its tensors take \(next) bytes, but \(source.size - dataStart) follow the header")
        }
    }
}

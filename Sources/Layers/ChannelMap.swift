import Runtime

/// Which channels of a net may be scaled, and which numbers move with them.
///
/// Every value belongs to a class of channels. An element of the scaling group is a positive factor
/// for every channel of every class that moves; an entry of a block with row channel r and column
/// channel c is multiplied by s_r / s_c. Classes that must move together (what a sum adds up) are
/// joined: union-find.
public struct ChannelMap: Sendable {
    /// Entries of one tensor that scale by the same rule: rows x columns, row-major.
    public struct Block: BitwiseCopyable, Sendable {
        public let offset: Int
        public let rows: Int
        public let columns: Int
        /// Neighbouring columns that belong to one channel: H x W where an image was flattened.
        public let columnsPerChannel: Int
        /// Classes of the rows' and the columns' channels; -1: they do not scale.
        public fileprivate(set) var rowClass: Int
        public fileprivate(set) var columnClass: Int
        /// The channels of the first row and the first column: a group of a convolution has some of
        /// its class's.
        public var firstRow = 0
        public var firstColumn = 0
    }

    private let parents: GrowingBuffer<Int>
    private let sizes: GrowingBuffer<Int>
    private let pinned: GrowingBuffer<Bool>
    private let found: GrowingBuffer<Block>

    public init() throws {
        parents = try GrowingBuffer()
        sizes = try GrowingBuffer()
        pinned = try GrowingBuffer()
        found = try GrowingBuffer()
    }

    /// A new class of `count` channels.
    public mutating func newClass(_ count: Int, isPinned: Bool = false) throws -> Int {
        try parents.append(parents.count)
        try sizes.append(count)
        try pinned.append(isPinned)
        return parents.count - 1
    }

    public func root(_ index: Int) -> Int {
        var index = index
        while parents[index] != index { index = parents[index] }
        return index
    }

    /// The channels of a class cannot be scaled.
    public mutating func pin(_ index: Int) { pinned[root(index)] = true }

    /// Both move together. Where they count channels in two ways, as an image that was flattened
    /// and a vector of units do, neither can be scaled.
    public mutating func join(_ a: Int, _ b: Int) -> Int {
        let (first, second) = (min(root(a), root(b)), max(root(a), root(b)))
        guard sizes[first] == sizes[second] else {
            pin(first)
            pin(second)
            return first
        }
        parents[second] = first
        pinned[first] = pinned[first] || pinned[second]
        return first
    }

    /// z = W h + b with its activation: consumes the input's class by columns, produces one by
    /// rows.
    public mutating func linear(_ map: LinearMap, input: Int) throws -> Int {
        let output = try newClass(
            map.outputs, isPinned: !map.activation.isPositivelyHomogeneous)
        try found.append(
            Block(
                offset: map.weightOffset, rows: map.outputs, columns: map.inputs,
                columnsPerChannel: map.inputs / sizes[root(input)], rowClass: output,
                columnClass: input))
        guard map.hasBias else { return output }
        try found.append(
            Block(
                offset: map.biasOffset, rows: map.outputs, columns: 1, columnsPerChannel: 1,
                rowClass: output, columnClass: -1))
        return output
    }

    /// A convolution with its activation: each of `groups` makes its share of the rows from its
    /// share of the input's channels, `taps` neighbouring columns each. The weights begin at
    /// `offset`, the bias follows them.
    public mutating func convolution(
        offset: Int, outputs: Int, groups: Int, taps: Int, hasBias: Bool, activation: Activation,
        input: Int
    ) throws -> Int {
        let output = try newClass(outputs, isPinned: !activation.isPositivelyHomogeneous)
        let (rows, channels) = (outputs / groups, sizes[root(input)] / groups)
        for group in 0..<groups {
            try found.append(
                Block(
                    offset: offset + group * rows * channels * taps, rows: rows,
                    columns: channels * taps, columnsPerChannel: taps, rowClass: output,
                    columnClass: input, firstRow: group * rows, firstColumn: group * channels))
        }
        guard hasBias else { return output }
        try found.append(
            Block(
                offset: offset + outputs * channels * taps, rows: outputs, columns: 1,
                columnsPerChannel: 1, rowClass: output, columnClass: -1))
        return output
    }

    /// The blocks with classes numbered 0, 1, ... in the order of the net, -1 for those that do not
    /// move; and the number of channels of each class.
    public func numbered() throws -> (blocks: GrowingBuffer<Block>, sizes: GrowingBuffer<Int>) {
        let numbers = try Buffer(repeating: -1, count: parents.count)
        let counts = try GrowingBuffer<Int>()
        for index in 0..<parents.count where root(index) == index && !pinned[index] {
            numbers.pointer[index] = counts.count
            try counts.append(sizes[index])
        }
        let blocks = try GrowingBuffer<Block>(capacity: found.count)
        for var block in found.elements {
            block.rowClass = block.rowClass < 0 ? -1 : numbers.pointer[root(block.rowClass)]
            block.columnClass =
                block.columnClass < 0 ? -1 : numbers.pointer[root(block.columnClass)]
            try blocks.append(block)
        }
        return (blocks, counts)
    }
}

extension ChannelMap {
    /// A factor and an offset for each channel of a class of its own, with their activation: the
    /// factors begin at `offset`, the offsets follow them.
    public mutating func affine(
        offset: Int, channels: Int, activation: Activation
    ) throws -> Int {
        let output = try newClass(channels, isPinned: !activation.isPositivelyHomogeneous)
        for place in [offset, offset + channels] {
            try found.append(
                Block(
                    offset: place, rows: channels, columns: 1, columnsPerChannel: 1,
                    rowClass: output, columnClass: -1))
        }
        return output
    }
}

import Layers
import Networks
import Runtime

/// The classes of channels that the scaling group moves, in the order of the net, and the blocks of
/// numbers that move with them. A perceptron's classes are its hidden layers.
public struct ChannelClasses: Sendable {
    private let list: GrowingBuffer<ChannelMap.Block>
    /// Where the channels of each class begin among those of all.
    private let firsts: Buffer<Int>
    let count: Int
    let channelCount: Int
    let parameterCount: Int

    init(_ graph: Graph) throws {
        let (blocks, sizes) = try graph.channels().numbered()
        list = blocks
        count = sizes.count
        firsts = try Buffer(count: sizes.count)
        var channels = 0
        for (index, size) in sizes.elements.enumerated() {
            firsts.pointer[index] = channels
            channels += size
        }
        channelCount = channels
        parameterCount = graph.parameterCount
    }

    /// While the classes live.
    var blocks: UnsafeMutableBufferPointer<ChannelMap.Block> { list.elements }

    /// The channels of a class, among those of all.
    func channels(of index: Int) -> Range<Int> {
        let end = index + 1 < count ? firsts.pointer[index + 1] : channelCount
        return firsts.pointer[index]..<end
    }

    /// What a vector over all channels has for a class; nil where nothing moves.
    func part<Value>(_ values: UnsafePointer<Value>, _ index: Int) -> UnsafePointer<Value>? {
        index < 0 ? nil : values + firsts.pointer[index]
    }

    func part<Value>(_ values: UnsafeMutablePointer<Value>, _ index: Int)
        -> UnsafeMutablePointer<Value>?
    {
        index < 0 ? nil : values + firsts.pointer[index]
    }
}

extension ChannelClasses {
    /// What a vector over all channels has for a block's rows, and for its columns.
    func rows<Value>(_ values: UnsafePointer<Value>, _ block: ChannelMap.Block)
        -> UnsafePointer<Value>?
    {
        part(values, block.rowClass).map { $0 + block.firstRow }
    }

    func rows<Value>(_ values: UnsafeMutablePointer<Value>, _ block: ChannelMap.Block)
        -> UnsafeMutablePointer<Value>?
    {
        part(values, block.rowClass).map { $0 + block.firstRow }
    }

    func columns<Value>(_ values: UnsafePointer<Value>, _ block: ChannelMap.Block)
        -> UnsafePointer<Value>?
    {
        part(values, block.columnClass).map { $0 + block.firstColumn }
    }

    func columns<Value>(_ values: UnsafeMutablePointer<Value>, _ block: ChannelMap.Block)
        -> UnsafeMutablePointer<Value>?
    {
        part(values, block.columnClass).map { $0 + block.firstColumn }
    }
}

extension ChannelMap.Block {
    /// Channels that the columns belong to.
    var columnChannels: Int { columns / columnsPerChannel }

    /// Calls `body` with every channel of row i and where its columns begin among the parameters,
    /// in their order.
    @inline(__always)
    func forEachChannel(ofRow i: Int, _ body: (_ channel: Int, _ place: Int) -> Void) {
        var place = offset + i * columns
        for channel in 0..<columnChannels {
            body(channel, place)
            place += columnsPerChannel
        }
    }
}

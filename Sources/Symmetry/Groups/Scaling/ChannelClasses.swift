import Layers
import Networks

/// The classes of channels that the scaling group moves, in the order of the net, and the blocks of numbers that move
/// with them. A perceptron's classes are its hidden layers.
public struct ChannelClasses: Sendable {
    let blocks: [ChannelMap.Block]
    /// Where the channels of each class begin among those of all; then how many there are.
    private let firsts: [Int]
    let parameterCount: Int

    init(_ graph: Graph) {
        let (blocks, sizes) = graph.channels().numbered()
        self.blocks = blocks
        firsts = sizes.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        parameterCount = graph.parameterCount
    }

    var count: Int { firsts.count - 1 }
    var channelCount: Int { firsts[count] }

    /// The channels of a class, among those of all.
    func channels(of index: Int) -> Range<Int> { firsts[index]..<firsts[index + 1] }

    /// What a vector over all channels has for a class; nil where nothing moves.
    func part<Value>(_ values: UnsafePointer<Value>, _ index: Int) -> UnsafePointer<Value>? {
        index < 0 ? nil : values + firsts[index]
    }

    func part<Value>(_ values: UnsafeMutablePointer<Value>, _ index: Int)
        -> UnsafeMutablePointer<Value>?
    {
        index < 0 ? nil : values + firsts[index]
    }
}

extension ChannelMap.Block {
    /// Channels that the columns belong to.
    var columnChannels: Int { columns / columnsPerChannel }

    /// Calls `body` with every channel of row i and where its columns begin among the parameters, in their order.
    @inline(__always)
    func forEachChannel(ofRow i: Int, _ body: (_ channel: Int, _ place: Int) -> Void) {
        var place = offset + i * columns
        for channel in 0..<columnChannels {
            body(channel, place)
            place += columnsPerChannel
        }
    }
}

import CShims
import Layers
import LinearAlgebra
import Networks
import Runtime

/// The frame of one layer: where its numbers are among those of all frames, and what they mean.
struct LayerFrame {
    enum Kind {
        case centred
        case dense(FrameKind)
        case lowRank(LowRankFrame)
    }

    let kind: Kind
    let node: Int
    /// Among the layers with weights.
    let index: Int
    let map: LinearMap
    let coordinates: FrameCoordinates
    /// Its first number; `count` follow.
    let offset: Int
    let count: Int

    /// Why a layer can have no frame; nil where it can.
    static func refusal(
        _ graph: Graph, node: Int, map: LinearMap, _ options: FrameConfig
    ) -> StaticString? {
        if map.readsTable { return "it reads samples by their index" }
        guard graph.nodes[node].first < 0 else {
            if options.kind == .centre { return "kind is CENTRE, which is of the inputs alone" }
            let isWide = map.inputs > FrameConfig.widest
            return isWide && options.kind == .rotate
                ? "it reads more than 256 values, and kind is ROTATE" : nil
        }
        if options.input == .none { return "it reads the samples, and input is NONE" }
        return map.hasBias ? nil : "it has no bias that could take the mean of the samples it reads"
    }

    /// Of a layer that can have one.
    init(
        _ graph: Graph, node: Int, index: Int, map: LinearMap, _ options: FrameConfig,
        _ coordinates: FrameCoordinates, offset: Int
    ) throws {
        let isFolded = coordinates == .folded
        if graph.nodes[node].first < 0 {
            if options.input == .rank {
                // One more, whose level all others have.
                kind = .lowRank(
                    LowRankFrame(
                        width: map.inputs, rank: min(options.inputRank + 1, map.inputs),
                        hasLast: true, isCentred: true, isFolded: isFolded))
            } else {
                kind = .centred
            }
        } else if map.inputs > FrameConfig.widest {
            kind = .lowRank(
                LowRankFrame(
                    width: map.inputs, rank: options.rank, hasLast: map.hasBias,
                    isCentred: false, isFolded: isFolded))
        } else {
            kind = .dense(options.kind)
        }
        switch kind {
        case .centred: count = try Memory.product(map.inputs, 2)
        case .dense:
            let size = try RowMap.denseCount(width: map.inputs, hasLast: map.hasBias)
            count = try Memory.product(size, isFolded ? 1 : 4)
        case .lowRank(let frame):
            // At most this, for ranks are at most 257.
            _ = try Memory.product(map.inputs, 1_024)
            count = frame.count
        }
        self.node = node
        self.index = index
        self.map = map
        self.coordinates = coordinates
        self.offset = offset
    }

    /// Rows of C.
    var size: Int { map.inputs + (map.hasBias ? 1 : 0) }

    // What rows are multiplied by, with the numbers of all frames.

    /// Inputs and gradients: P where it is folded, else A.
    func forward(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred:
            let negative = numbers + offset + map.inputs
            return .shear(
                width: map.inputs, row: negative, column: coordinates == .folded ? negative : nil)
        case .dense: return dense(0, numbers)
        case .lowRank(let frame): return frame.map(0, numbers + offset)
        }
    }

    /// Steps, back to the weights: A^T
    func back(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred:
            return .shear(width: map.inputs, row: nil, column: numbers + offset + map.inputs)
        case .dense: return dense(1, numbers)
        case .lowRank(let frame): return frame.map(1, numbers + offset)
        }
    }

    /// Gradients, out of the frame: A^-1
    func inverse(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred: return .shear(width: map.inputs, row: numbers + offset, column: nil)
        case .dense: return dense(2, numbers)
        case .lowRank(let frame): return frame.map(2, numbers + offset)
        }
    }

    /// Differences of weights, into the frame: A^-T
    func difference(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred: return .shear(width: map.inputs, row: nil, column: numbers + offset)
        case .dense: return dense(3, numbers)
        case .lowRank(let frame): return frame.map(3, numbers + offset)
        }
    }

    private func dense(_ index: Int, _ numbers: UnsafePointer<Float>) -> RowMap {
        return .dense(
            width: map.inputs, hasLast: map.hasBias, numbers + offset + index * size * size)
    }

    /// target <- (the layer's part of source) T
    func apply(
        _ t: RowMap, _ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>
    ) {
        t.apply(
            source + map.weightOffset, last: map.hasBias ? source + map.biasOffset : nil,
            rows: map.outputs, into: target + map.weightOffset,
            lastOut: map.hasBias ? target + map.biasOffset : nil)
    }

    /// The identity's numbers.
    func reset(_ numbers: UnsafeMutablePointer<Float>) throws {
        let own = numbers + offset
        switch kind {
        case .centred: own.update(repeating: 0, count: count)
        case .lowRank(let frame): frame.reset(own)
        case .dense:
            let identity = try Matrix(identity: size)
            for first in stride(from: 0, to: count, by: size * size) {
                RowMap.write(identity, hasLast: map.hasBias, to: own + first)
            }
        }
    }

    /// What `write` works with; nil where nothing is needed.
    func makeRoom() throws -> (any FrameMaker)? {
        switch kind {
        case .centred: return nil
        case .dense(let frame):
            return try FrameRoom(
                size: map.inputs + (map.hasBias ? 1 : 0), hasLast: map.hasBias, frame,
                coordinates)
        case .lowRank(let frame): return try LowRankRoom(frame)
        }
    }

    /// The samples' own frame takes no pass.
    var readsSamples: Bool {
        switch kind {
        case .centred: return true
        case .dense: return false
        case .lowRank(let frame): return frame.isCentred
        }
    }

    var isLowRank: Bool {
        if case .lowRank = kind { return true }
        return false
    }

    /// Writes the frame of inputs `h` (rows x inputs); gives the condition of what was inverted, or
    /// nil where there is none. `current`: all frames at hand. Allocates nothing.
    func write(
        _ h: UnsafePointer<Float>, rows: Int, damping: Double, in room: (any FrameMaker)?,
        from current: UnsafePointer<Float>, to numbers: UnsafeMutablePointer<Float>
    ) -> Double? {
        let own = numbers + offset
        if let room {
            let condition = room.write(
                h, rows: rows, damping: damping, from: current + offset, to: own)
            return condition.flatMap { $0 <= FrameMatrices.mostCondition ? $0 : nil }
        }
        shim_column_sums(h, rows, map.inputs, map.inputs, 1 / Float(rows), 0, own)
        for j in 0..<map.inputs { own[map.inputs + j] = -own[j] }
        return allFinite(own, count: map.inputs) ? 1 : nil
    }
}

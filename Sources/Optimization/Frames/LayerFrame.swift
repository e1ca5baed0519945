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
            return map.inputs > FrameConfig.widest ? "it reads more than 256 values" : nil
        }
        if options.input == .none { return "it reads the samples, and input is NONE" }
        return map.hasBias ? nil : "it has no bias that could take the mean of the samples it reads"
    }

    /// Of a layer that can have one.
    init(
        _ graph: Graph, node: Int, index: Int, map: LinearMap, _ options: FrameConfig,
        _ coordinates: FrameCoordinates, offset: Int
    ) throws {
        if graph.nodes[node].first < 0 {
            kind = .centred
            count = try Memory.product(map.inputs, 2)
        } else {
            kind = .dense(options.kind)
            let size = try RowMap.denseCount(width: map.inputs, hasLast: map.hasBias)
            count = try Memory.product(size, coordinates == .folded ? 1 : 4)
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
        }
    }

    /// Steps, back to the weights: A^T
    func back(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred:
            return .shear(width: map.inputs, row: nil, column: numbers + offset + map.inputs)
        case .dense: return dense(1, numbers)
        }
    }

    /// Gradients, out of the frame: A^-1
    func inverse(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred: return .shear(width: map.inputs, row: numbers + offset, column: nil)
        case .dense: return dense(2, numbers)
        }
    }

    /// Differences of weights, into the frame: A^-T
    func difference(_ numbers: UnsafePointer<Float>) -> RowMap {
        switch kind {
        case .centred: return .shear(width: map.inputs, row: nil, column: numbers + offset)
        case .dense: return dense(3, numbers)
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
        case .dense:
            let identity = try Matrix(identity: size)
            for first in stride(from: 0, to: count, by: size * size) {
                RowMap.write(identity, hasLast: map.hasBias, to: own + first)
            }
        }
    }

    /// Writes the frame of inputs `h` (rows x inputs); gives the condition of what was inverted, or
    /// nil where there is none.
    func write(
        _ h: UnsafePointer<Float>, rows: Int, _ options: FrameConfig,
        to numbers: UnsafeMutablePointer<Float>
    ) throws -> Double? {
        let own = numbers + offset
        switch kind {
        case .centred:
            shim_column_sums(h, rows, map.inputs, map.inputs, 1 / Float(rows), 0, own)
            for j in 0..<map.inputs { own[map.inputs + j] = -own[j] }
            return allFinite(own, count: map.inputs) ? 1 : nil
        case .dense(let frame):
            let c = try statistics(h, rows: rows)
            guard c.storage.elements.allSatisfy({ $0.isFinite }),
                let matrices = try FrameMatrices.of(c, frame, coordinates, options),
                matrices.isFinite, matrices.condition <= FrameMatrices.mostCondition
            else { return nil }
            let size = c.count
            for (index, t) in ([matrices.forward] + matrices.others).enumerated() {
                RowMap.write(t, hasLast: map.hasBias, to: own + index * size)
            }
            return matrices.condition
        }
    }

    /// C: the mean of h_bar h_bar^T, h_bar = (h, 1) where there is a bias.
    func statistics(_ h: UnsafePointer<Float>, rows: Int) throws -> Matrix {
        let c = try Matrix.gramOfColumns(try extended(h, rows: rows))
        c.scale(by: 1 / Double(rows))
        return c
    }
}

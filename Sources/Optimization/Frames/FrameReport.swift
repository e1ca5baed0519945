import Layers
import LinearAlgebra
import Networks
import Runtime

/// What a layer's frame is, and what the last refresh or teleport came to for it; the fields of
/// `tp_frame_report`.
public struct FrameReport: Sendable {
    public var isFramed = false
    public var isRenewed = false
    /// Rows of C.
    public var size = 0
    /// Measured by teleports alone: the rank of C, 0 for none, and its condition by the old and by
    /// the new coordinates.
    public var rank = 0
    public var conditionBefore = Double.nan
    public var conditionAfter = Double.nan
    /// Why there is no frame, or none that is new.
    public var reason: StaticString?

    public init() {}

    static let unfit: StaticString =
        "what it reads is not finite or too badly conditioned: its old frame stays"
}

/// What can be measured of a layer's C: its eigenvalues, ascending; none where C is not finite.
public struct FrameSpectrum {
    let values: Buffer<Double>?

    /// Eigenvalues under this part of the largest are the rounding of floats.
    private static let smallest = 1e-12

    var rank: Int {
        guard let values, let most = values.elements.last, most > 0 else { return 0 }
        return values.elements.reduce(0) { $0 + ($1 > Self.smallest * most ? 1 : 0) }
    }

    /// The largest eigenvalue over the `rank`th of them; NaN where there is none.
    func condition(rank: Int) -> Double {
        guard let values, let most = values.elements.last, (1...values.count).contains(rank)
        else { return .nan }
        let least = values.pointer[values.count - rank]
        return least > 0 ? most / least : .infinity
    }
}

// Measuring: for teleports alone, as it takes longer than a refresh.
extension Frames {
    /// The eigenvalues of every frame's C by the coordinates at hand, A^T C A.
    public func spectra(
        _ model: Model, x: UnsafePointer<Float>, count: Int
    ) throws -> [FrameSpectrum] {
        let workspace = try Workspace(graph, capacity: count, backward: false)
        workspace.forward(model.weights, x: x, count: count, .batch)
        return try layers.map { layer in
            let input = try workspace.input(of: layer.node, x: x)
            return try layer.spectrum(input.values, rows: count, numbers.pointer)
        }
    }

    /// Writes into the layers' reports what was measured before and after a refresh.
    public func report(_ before: [FrameSpectrum], _ after: [FrameSpectrum]) {
        for (layer, (old, new)) in zip(layers, zip(before, after)) {
            let rank = old.rank
            reports[layer.index].rank = rank
            reports[layer.index].conditionBefore = old.condition(rank: rank)
            reports[layer.index].conditionAfter = new.condition(rank: rank)
        }
    }
}

extension LayerFrame {
    /// The cheaper of the two products of h_bar A with itself has the same eigenvalues but for
    /// zeros.
    func spectrum(
        _ h: UnsafePointer<Float>, rows: Int, _ numbers: UnsafePointer<Float>
    ) throws -> FrameSpectrum {
        let framed = try inCoordinates(h, rows: rows, numbers)
        let gram =
            framed.columns > rows
            ? try Matrix.gramOfRows(framed) : try Matrix.gramOfColumns(framed)
        guard gram.isFinite else { return FrameSpectrum(values: nil) }
        return FrameSpectrum(values: try SymmetricEigen(gram).values)
    }

    /// h_bar A, a row each; where P alone is kept, with the A that is Cholesky's factor of it.
    private func inCoordinates(
        _ h: UnsafePointer<Float>, rows: Int, _ numbers: UnsafePointer<Float>
    ) throws -> Matrix {
        let plain = try extended(h, rows: rows)
        if case .centred = kind {
            let negative = numbers + offset + map.inputs
            for row in 0..<rows {
                for j in 0..<map.inputs { plain[row, j] += Double(negative[j]) }
            }
            return plain
        }
        let t = try matrix(of: forward(numbers))
        guard coordinates == .folded else { return try Matrix.product(plain, .no, t) }
        guard let factor = try Cholesky(t)?.lowerFactor() else {
            throw TeleportError(.linearAlgebra, "the frame of a layer is not positive definite")
        }
        return try Matrix.product(plain, .no, factor)
    }

    /// (h, 1), or h without a bias.
    func extended(_ h: UnsafePointer<Float>, rows: Int) throws -> Matrix {
        let wide = try Matrix(rows, size)
        for row in 0..<rows {
            for j in 0..<map.inputs { wide[row, j] = Double(h[row * map.inputs + j]) }
            if map.hasBias { wide[row, map.inputs] = 1 }
        }
        return wide
    }

    private func matrix(of t: RowMap) throws -> Matrix {
        let identity = try Matrix(identity: size).floats()
        let last = try Buffer<Float>(repeating: 0, count: size)
        let narrow = try Buffer<Float>(count: try Memory.product(size, map.inputs))
        let (values, lastOut) = (
            try Buffer<Float>(count: narrow.count), try Buffer<Float>(repeating: 0, count: size)
        )
        for row in 0..<size {
            (narrow.pointer + row * map.inputs).update(
                from: identity.pointer + row * size, count: map.inputs)
        }
        if map.hasBias { last.pointer[map.inputs] = 1 }
        t.apply(
            narrow.pointer, last: map.hasBias ? last.pointer : nil, rows: size,
            into: values.pointer, lastOut: map.hasBias ? lastOut.pointer : nil)
        let matrix = try Matrix(size, size)
        for row in 0..<size {
            for j in 0..<map.inputs {
                matrix[row, j] = Double(values.pointer[row * map.inputs + j])
            }
            if map.hasBias { matrix[row, map.inputs] = Double(lastOut.pointer[row]) }
        }
        return matrix
    }
}

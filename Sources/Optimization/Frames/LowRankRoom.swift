import CShims
import Layers
import LinearAlgebra
import Runtime

/// Where the frame of a wide layer is made: the top directions of C by iterations of a subspace,
/// which begin with those of the last frame, so that C itself is never made.
final class LowRankRoom: FrameMaker {
    private let frame: LowRankFrame
    /// Of h_bar: a direction a row, and what the iterations make of it.
    private let rows: Matrix
    private let turned: Matrix
    private let gram: Matrix
    private let cholesky: Cholesky.Room
    private let eigen: SymmetricEigen
    /// The same directions in single precision, what they have of the 1 in h_bar or of the negative
    /// mean; and products with samples.
    private let directions: Buffer<Float>
    private let ends: Buffer<Float>
    private let sums: Buffer<Float>
    private let means: Buffer<Float>
    private let projected: Buffer<Float>
    private let products: Buffer<Float>

    /// Samples at a time.
    private static let block = 256
    /// From directions of no meaning, and from those of the last frame.
    private static let (first, later) = (8, 2)
    /// Of the mean eigenvalue: what C is shifted by, so that no direction vanishes.
    private static let shift = 1e-4

    private var size: Int { rows.columns }
    private var rank: Int { frame.rank }
    private var width: Int { frame.width }
    private var hasLast: Bool { size > width }

    init(_ frame: LowRankFrame) throws {
        self.frame = frame
        let size = frame.width + (frame.hasLast && !frame.isCentred ? 1 : 0)
        rows = try Matrix(frame.rank, size)
        turned = try Matrix(frame.rank, size)
        gram = try Matrix(frame.rank, frame.rank)
        cholesky = try Cholesky.Room(size: frame.rank)
        eigen = try SymmetricEigen(size: frame.rank)
        directions = try Buffer(count: try Memory.product(frame.rank, frame.width))
        sums = try Buffer(count: directions.count)
        ends = try Buffer(count: frame.rank)
        means = try Buffer(count: frame.rank)
        projected = try Buffer(count: frame.rank * Self.block)
        products = try Buffer(count: gram.count)
    }

    func write(
        _ h: UnsafePointer<Float>, rows count: Int, damping: Double,
        from current: UnsafePointer<Float>, to numbers: UnsafeMutablePointer<Float>
    ) -> Double? {
        if frame.isCentred {
            let mean = frame.mean(numbers)
            shim_column_sums(h, count, width, width, 1 / Float(count), 0, mean)
            for j in 0..<width { mean[width + j] = -mean[j] }
        }
        let negative = frame.negative(numbers)
        let trace = trace(h, count, negative)
        guard trace > 0, trace.isFinite else { return nil }
        let iterations = start(current) ? Self.later : Self.first
        for _ in 0..<iterations {
            round(negative)
            multiply(h, count)
            guard orthonormalize(negative, Self.shift * trace / Double(size)) else { return nil }
        }
        round(negative)
        guard turn(h, count) else { return nil }
        return finish(trace: trace, damping: damping, numbers)
    }

    /// The sum of all eigenvalues.
    private func trace(
        _ h: UnsafePointer<Float>, _ count: Int, _ negative: UnsafePointer<Float>
    ) -> Double {
        let squares = shim_squared_distance(h, nil, count * width) / Double(count)
        guard frame.isCentred else { return squares + (hasLast ? 1 : 0) }
        return squares - squaredNorm(negative, count: width)
    }

    /// The directions of the last frame; false, and any directions, where there is none.
    private func start(_ current: UnsafePointer<Float>) -> Bool {
        let own = frame.directions(current)
        let isKnown = squaredNorm(own, count: directions.count) > 0
        var generator = RandomGenerator(seed: 1)
        for i in 0..<rank {
            for j in 0..<width {
                rows[i, j] = isKnown ? Double(own[i * width + j]) : generator.nextNormal()
            }
            if hasLast {
                rows[i, width] =
                    isKnown ? Double(frame.ends(current)[i]) : generator.nextNormal()
            }
        }
        if !isKnown { _ = makeOrthonormal() }
        return isKnown
    }

    /// The directions in single precision.
    private func round(_ negative: UnsafePointer<Float>) {
        for i in 0..<rank {
            let row = directions.pointer + i * width
            for j in 0..<width { row[j] = Float(rows[i, j]) }
            ends.pointer[i] =
                frame.isCentred
                ? Float(dot(row, negative, count: width)) : hasLast ? Float(rows[i, width]) : 0
        }
    }

    /// projected <- the samples' products with the directions.
    private func project(_ x: UnsafePointer<Float>, _ count: Int) {
        BatchProducts.rows(
            x, directions.pointer, into: projected.pointer, m: count, n: rank, k: width)
        shim_add_bias(projected.pointer, count, rank, ends.pointer)
    }

    /// sums <- directions C, but for the mean, and means <- the projections' means.
    private func multiply(_ h: UnsafePointer<Float>, _ count: Int) {
        let share = 1 / Float(count)
        for first in stride(from: 0, to: count, by: Self.block) {
            let (x, part) = (h + first * width, min(Self.block, count - first))
            project(x, part)
            let beta: Float = first == 0 ? 0 : 1
            BatchProducts.columns(
                projected.pointer, stride: rank, x, into: sums.pointer, m: rank, n: width,
                k: part, alpha: share, beta: beta)
            shim_column_sums(projected.pointer, part, rank, rank, share, beta, means.pointer)
        }
    }

    /// rows <- the directions of sums + shift rows. False where these have none.
    private func orthonormalize(_ negative: UnsafePointer<Float>, _ shift: Double) -> Bool {
        for i in 0..<rank {
            let (from, mean) = (sums.pointer + i * width, Double(means.pointer[i]))
            for j in 0..<width {
                let centred = frame.isCentred ? mean * Double(negative[j]) : 0
                rows[i, j] = Double(from[j]) + centred + shift * rows[i, j]
            }
            if hasLast { rows[i, width] = mean + shift * rows[i, width] }
        }
        return makeOrthonormal()
    }

    /// By Cholesky's factor of their products, twice: the first time leaves what a bad condition
    /// does.
    private func makeOrthonormal() -> Bool {
        for _ in 0..<2 {
            for i in 0..<rank {
                let row = rows.pointer + i * size
                var norm2 = 0.0
                for j in 0..<size { norm2 += row[j] * row[j] }
                let factor = 1 / norm2.squareRoot()
                guard factor.isFinite else { return false }
                for j in 0..<size { row[j] *= factor }
            }
            BLAS.multiply(
                rows.pointer, stride: size, rows.pointer, .yes, stride: size, into: gram.pointer,
                stride: rank, m: rank, n: rank, k: size)
            guard gram.isFinite, let factor = Cholesky(gram, in: cholesky) else { return false }
            factor.divideByFactor(rows)
        }
        return true
    }

    /// turned <- the eigenvectors of C among the directions, with values ascending.
    private func turn(_ h: UnsafePointer<Float>, _ count: Int) -> Bool {
        let c = eigen.rows
        c.pointer.update(repeating: 0, count: c.count)
        for first in stride(from: 0, to: count, by: Self.block) {
            let part = min(Self.block, count - first)
            project(h + first * width, part)
            BatchProducts.columns(
                projected.pointer, stride: rank, projected.pointer, into: products.pointer,
                m: rank, n: rank, k: part, alpha: 1, beta: 0)
            for i in 0..<c.count {
                c.pointer[i] += Double(products.pointer[i]) / Double(count)
            }
        }
        guard c.isFinite, eigen.decompose() else { return false }
        BLAS.multiply(
            c.pointer, stride: rank, rows.pointer, stride: size, into: turned.pointer,
            stride: size, m: rank, n: size, k: rank)
        return true
    }

    /// P = k (C' + l I)^-1 with tr(P C) = tr(C); C' is C with all other eigenvalues at their mean,
    /// or, of the samples, at the least one that is known.
    private func finish(
        trace: Double, damping: Double, _ numbers: UnsafeMutablePointer<Float>
    ) -> Double? {
        let values = eigen.values.pointer
        let l = damping * trace / Double(size)
        var (known, product) = (0.0, 0.0)
        for i in 0..<rank {
            values[i] = max(values[i], 0)
            known += values[i]
            product += values[i] / (values[i] + l)
        }
        let rest = max(trace - known, 0)
        let level = frame.isCentred ? values[0] : rest / Double(max(size - rank, 1))
        let k = trace / (product + rest / (level + l))
        guard k > 0, k.isFinite else { return nil }
        let (own, ends) = (frame.directions(numbers), frame.ends(numbers))
        for i in 0..<rank {
            let row = own + i * width
            for j in 0..<width { row[j] = Float(turned[i, j]) }
            ends[i] =
                frame.isCentred
                ? Float(dot(row, frame.negative(numbers), count: width))
                : hasLast ? Float(turned[i, width]) : 0
        }
        for index in 0..<frame.mapCount {
            func factor(_ value: Double) -> Double {
                let p = k / (value + l)
                return frame.isFolded ? p : index < 2 ? p.squareRoot() : 1 / p.squareRoot()
            }
            frame.write(index, to: numbers, outside: factor(level)) { factor(values[$0]) }
        }
        guard allFinite(numbers, count: frame.count) else { return nil }
        return (values[rank - 1] + l) / (min(values[0], level) + l)
    }
}

import Glibc
import Layers
import LinearAlgebra
import Networks
import Runtime

/// phi(s) = |grad L|^2 after the scaling exp(s), known for every s from one gradient G at s = 0:
///
///     phi(s) = sum over blocks, rows i, columns j of G[i,j]^2 exp(2 (s_col(j) - s_row(i)))
///
/// Gradients move as the inverse of what they belong to (arXiv 2205.10637, section 4). Two classes
/// of channels share the terms of a block, channels of one class do not; so with the other classes
/// fixed phi is a sum over the class's channels of
///
///     into[i] exp(-2 s[i]) + from[i] exp(2 s[i])
///
/// and all that a search needs are these two numbers a channel. Only where a layer reads and makes
/// one class, that of a residual stream, do its channels share terms; there they are taken one by
/// one.
public final class ScalingObjective {
    /// Squares of the gradient of a block whose rows and columns both move.
    private struct Squares {
        let rowClass: Int
        let columnClass: Int
        /// Among the channels of all.
        let rows: Range<Int>
        let columns: Range<Int>
        let values: Buffer<Double>  // rows x columns, a column for each channel
    }

    let classes: ChannelClasses
    /// Of two classes, and of one with itself.
    private let shared: [Squares]
    private let own: [Squares]
    /// Squares of what moves with its row, or with its column, alone: sums for each channel.
    private let fixedInto: Buffer<Double>
    private let fixedFrom: Buffer<Double>
    /// Squares of what no scaling moves.
    private let constant: Double
    let into: Buffer<Double>
    let from: Buffer<Double>
    private let scratch: Buffer<Double>
    let next: Buffer<Double>

    /// - Complexity: O(parameters).
    public convenience init(_ graph: Graph, gradient: UnsafePointer<Float>) throws {
        try self.init(ChannelClasses(graph), gradient: gradient)
    }

    init(_ classes: ChannelClasses, gradient: UnsafePointer<Float>) throws {
        try BLAS.reserve()
        self.classes = classes
        let channels = classes.channelCount
        fixedInto = try Buffer(repeating: 0, count: channels)
        fixedFrom = try Buffer(repeating: 0, count: channels)
        into = try Buffer(repeating: 0, count: channels)
        from = try Buffer(repeating: 0, count: channels)
        scratch = try Buffer(repeating: 0, count: channels)
        next = try Buffer(repeating: 0, count: channels)
        var shared: [Squares] = []
        var own: [Squares] = []
        var constant = 0.0
        for block in classes.blocks {
            let values = gradient + block.offset
            let into = classes.rows(fixedInto.pointer, block)
            let from = classes.columns(fixedFrom.pointer, block)
            switch (into, from) {
            case (nil, nil): constant += squaredNorm(values, count: block.rows * block.columns)
            case (let into?, nil):
                for i in 0..<block.rows {
                    into[i] += squaredNorm(values + i * block.columns, count: block.columns)
                }
            case (nil, let from?): Self.addSquares(block, gradient, to: from, rowStride: 0)
            case (_?, _?):
                let columns = block.columnChannels
                let firstRow = classes.channels(of: block.rowClass).lowerBound + block.firstRow
                let firstColumn =
                    classes.channels(of: block.columnClass).lowerBound + block.firstColumn
                let squares = Squares(
                    rowClass: block.rowClass, columnClass: block.columnClass,
                    rows: firstRow..<firstRow + block.rows,
                    columns: firstColumn..<firstColumn + columns,
                    values: try Buffer(
                        repeating: 0, count: Memory.product(block.rows, columns)))
                Self.addSquares(block, gradient, to: squares.values.pointer, rowStride: columns)
                if squares.rowClass == squares.columnClass {
                    // As many groups of rows as of columns: each reads what it makes.
                    constant += Self.takeDiagonal(squares.values.pointer, size: columns)
                    own.append(squares)
                } else {
                    shared.append(squares)
                }
            }
        }
        self.shared = shared
        self.own = own
        self.constant = constant
    }

    /// target[i rowStride + channel] += the sum of squares over the channel's columns
    private static func addSquares(
        _ block: ChannelMap.Block, _ gradient: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Double>, rowStride: Int
    ) {
        for i in 0..<block.rows {
            let row = target + i * rowStride
            block.forEachChannel(ofRow: i) { channel, first in
                for place in first..<first + block.columnsPerChannel {
                    row[channel] += Double(gradient[place]) * Double(gradient[place])
                }
            }
        }
    }

    /// A channel's own term does not change with its factor.
    private static func takeDiagonal(_ values: UnsafeMutablePointer<Double>, size: Int) -> Double {
        var sum = 0.0
        for i in 0..<size {
            sum += values[i * (size + 1)]
            values[i * (size + 1)] = 0
        }
        return sum
    }

    /// phi(s), and d phi / d s into `gradient` if given. s: all channels, class after class.
    /// - Complexity: O(products of the sizes of classes that share a block).
    public func value(
        _ s: UnsafePointer<Double>, gradient: UnsafeMutablePointer<Double>? = nil
    ) -> Double {
        var sum = constant
        forEachChannel(s, layer: nil) { i in
            let growth = exp(2 * s[i])
            let incoming = into.pointer[i] * exp(-2 * s[i])
            // Terms between two classes are counted with the rows' class.
            let isRead = fixedFrom.pointer[i] > 0
            sum += incoming + (isRead ? fixedFrom.pointer[i] * growth : 0)
            gradient?[i] = 2 * (from.pointer[i] * growth - incoming)
        }
        return sum
    }

    /// Calls `body` for every channel that moves, class by class, into and from at hand for the s
    /// of that moment.
    func forEachChannel(_ s: UnsafePointer<Double>, layer: Int?, _ body: (Int) -> Void) {
        for index in 0..<classes.count where layer == nil || layer == index {
            fillCoefficients(of: index, s)
            for i in classes.channels(of: index) {
                for block in own where block.rowClass == index { addOwnTerms(block, i, s) }
                body(i)
            }
        }
    }

    /// Fills into and from for the channels of a class, but for what they share with each other.
    private func fillCoefficients(of index: Int, _ s: UnsafePointer<Double>) {
        let range = classes.channels(of: index)
        let (first, width) = (range.lowerBound, range.count)
        (into.pointer + first).update(from: fixedInto.pointer + first, count: width)
        (from.pointer + first).update(from: fixedFrom.pointer + first, count: width)
        for block in shared {
            let (rows, columns) = (block.rows, block.columns)
            if block.rowClass == index {
                for (j, channel) in columns.enumerated() {
                    scratch.pointer[j] = exp(2 * s[channel])
                }
                BLAS.multiply(
                    block.values.pointer, stride: columns.count, scratch.pointer, stride: 1,
                    into: into.pointer + rows.lowerBound, stride: 1, m: rows.count, n: 1,
                    k: columns.count, beta: 1)
            } else if block.columnClass == index {
                for (i, channel) in rows.enumerated() {
                    scratch.pointer[i] = exp(-2 * s[channel])
                }
                BLAS.multiply(
                    scratch.pointer, stride: rows.count, block.values.pointer,
                    stride: columns.count, into: from.pointer + columns.lowerBound,
                    stride: columns.count, m: 1, n: columns.count, k: rows.count, beta: 1)
            }
        }
    }

    /// What channel i shares with others of its class.
    private func addOwnTerms(_ block: Squares, _ i: Int, _ s: UnsafePointer<Double>) {
        guard block.rows.contains(i) else { return }
        let (own, size) = (i - block.rows.lowerBound, block.columns.count)
        for (other, channel) in block.columns.enumerated() {
            let there = s[channel]
            into.pointer[i] += block.values.pointer[own * size + other] * exp(2 * there)
            from.pointer[i] += block.values.pointer[other * size + own] * exp(-2 * there)
        }
    }
}

import Glibc
import Layers
import LinearAlgebra
import Networks
import Runtime

/// phi(s) = |grad L|^2 after the scaling exp(s), known for every s from one gradient G at s = 0:
///
///     phi(s) = sum over m, i, j of G_m[i,j]^2 exp(2 (s_in[j] - s_out[i])) + bias terms exp(-2 s_out[i])
///
/// Gradients move as the inverse of what they belong to (arXiv 2205.10637, section 4). Neighbouring layers share
/// terms, units of one layer do not; so with the other layers fixed phi is a sum over the layer's units of
///
///     into[i] exp(-2 s[i]) + from[i] exp(2 s[i])
///
/// and all that a search needs are these two numbers a unit.
public final class ScalingObjective {
    let graph: Graph
    let hidden: Int
    /// Squares of G_m for m = 1 ..< hidden (outputs x inputs): layers between two hidden ones.
    private let squares: [Buffer<Double>]
    /// Row sums of the squares of G_0 with bias, and squares of the biases of the other hidden layers.
    private let constantInto: Buffer<Double>
    /// Column sums of the squares of the last G.
    private let constantFrom: Buffer<Double>
    /// Squares of the last bias and of whatever else no scaling moves.
    private let constant: Double
    let into: Buffer<Double>
    let from: Buffer<Double>
    private let scratch: Buffer<Double>
    let next: Buffer<Double>

    /// - Complexity: O(parameters).
    public init(_ graph: Graph, gradient: UnsafePointer<Float>) throws {
        try BLAS.reserve()
        self.graph = graph
        hidden = graph.hiddenLayerCount
        let units = graph.hiddenUnitCount
        constantInto = try Buffer(repeating: 0, count: units)
        into = try Buffer(repeating: 0, count: units)
        from = try Buffer(repeating: 0, count: units)
        scratch = try Buffer(repeating: 0, count: units)
        next = try Buffer(repeating: 0, count: units)
        let last = graph.layers.pointer[hidden]
        constantFrom = try Buffer(repeating: 0, count: last.inputs)

        var squares: [Buffer<Double>] = []
        var unit = 0
        for (m, layer) in graph.layers.elements.enumerated() where m < hidden {
            if m > 0 { squares.append(try Buffer(count: layer.weightCount)) }
            for i in 0..<layer.outputs {
                let row = gradient + layer.weightOffset + i * layer.inputs
                var sum = layer.hasBias ? square(gradient[layer.biasOffset + i]) : 0
                if m == 0 {
                    sum += squaredNorm(row, count: layer.inputs)
                } else {
                    let target = squares[m - 1].pointer + i * layer.inputs
                    for j in 0..<layer.inputs { target[j] = square(row[j]) }
                }
                constantInto.pointer[unit + i] = sum
            }
            unit += layer.outputs
        }
        self.squares = squares

        for i in 0..<last.outputs {
            let row = gradient + last.weightOffset + i * last.inputs
            for j in 0..<last.inputs { constantFrom.pointer[j] += square(row[j]) }
        }
        let bias = last.hasBias ? squaredNorm(gradient + last.biasOffset, count: last.outputs) : 0
        // Without a hidden layer nothing moves at all.
        constant = hidden == 0 ? constantFrom.elements.reduce(bias, +) : bias
    }

    /// phi(s), and d phi / d s into `gradient` if given. s: hidden units, layer after layer.
    /// - Complexity: O(products of neighbouring hidden widths).
    public func value(
        _ s: UnsafePointer<Double>, gradient: UnsafeMutablePointer<Double>? = nil
    ) -> Double {
        var sum = constant
        var first = 0
        for m in 0..<hidden {
            let count = coefficients(ofHiddenLayer: m, first: first, s)
            for i in first..<first + count {
                let incoming = into.pointer[i] * exp(-2 * s[i])
                let outgoing = from.pointer[i] * exp(2 * s[i])
                // Terms between two hidden layers are counted with the upper one.
                sum += incoming + (m == hidden - 1 ? outgoing : 0)
                gradient?[i] = 2 * (outgoing - incoming)
            }
            first += count
        }
        return sum
    }

    /// Fills into and from for the units of hidden layer m; returns how many there are.
    @discardableResult
    func coefficients(
        ofHiddenLayer m: Int, first: Int, _ s: UnsafePointer<Double>
    ) -> Int {
        let layer = graph.layers.pointer[m]
        let width = layer.outputs
        (into.pointer + first).update(from: constantInto.pointer + first, count: width)
        if m > 0 {
            let below = first - layer.inputs
            for j in 0..<layer.inputs { scratch.pointer[j] = exp(2 * s[below + j]) }
            BLAS.multiply(
                squares[m - 1].pointer, stride: layer.inputs, scratch.pointer, stride: 1,
                into: into.pointer + first, stride: 1, m: width, n: 1, k: layer.inputs, beta: 1)
        }
        if m == hidden - 1 {
            (from.pointer + first).update(from: constantFrom.pointer, count: width)
        } else {
            let above = graph.layers.pointer[m + 1].outputs
            for i in 0..<above { scratch.pointer[i] = exp(-2 * s[first + width + i]) }
            BLAS.multiply(
                scratch.pointer, stride: above, squares[m].pointer, stride: width,
                into: from.pointer + first, stride: width, m: 1, n: width, k: above)
        }
        return width
    }
}

private func square(_ value: Float) -> Double { Double(value) * Double(value) }

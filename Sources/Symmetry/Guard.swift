import Glibc
import Layers
import Networks
import Runtime

/// What a move must not change: the loss and the outputs on a batch, measured before and after it
/// on the same samples.
struct Guard {
    let model: Model
    let batch: Batch
    let loss: Loss
    let workspace: Workspace
    /// As losses are measured, or as predictions are: of samples held out.
    let mode: PassMode
    private let before: Buffer<Float>
    private let after: Buffer<Float>
    private(set) var lossBefore = Double.nan
    private(set) var lossAfter = Double.nan

    /// Measures the model where it stands.
    init(
        _ model: Model, _ batch: Batch, _ loss: Loss, workspace: Workspace,
        _ mode: PassMode = .batch
    ) throws {
        self.model = model
        self.batch = batch
        self.loss = loss
        self.workspace = workspace
        self.mode = mode
        let elements = try Memory.product(batch.count, model.graph.outputWidth)
        before = try Buffer(count: elements)
        after = try Buffer(count: elements)
        lossBefore = try measure(into: before)
    }

    /// Measures it again after a move.
    mutating func measureAfter() throws {
        lossAfter = try measure(into: after)
    }

    /// The same where the loss after the move may be known already.
    mutating func recordAfter(loss: Double?) throws {
        if let loss { lossAfter = loss } else { try measureAfter() }
    }

    private func measure(into outputs: Buffer<Float>) throws -> Double {
        let width = model.graph.outputWidth
        let scale = loss.scale(totalWeight: batch.totalWeight, outputs: width)
        var sum = 0.0
        try Model.forEachPiece(of: batch.count, workspace) { first, count in
            sum += workspace.loss(
                model.weights, batch: batch.slice(first, count), loss: loss, scale: scale, mode)
            (outputs.pointer + first * width).update(from: workspace.outputs, count: count * width)
        }
        return sum
    }

    /// Both losses are numbers.
    var isFinite: Bool { lossBefore.isFinite && lossAfter.isFinite }

    /// |L1 - L0| <= tolerance |L0| + what rounding alone may do to a float network.
    func keepsLoss(tolerance: Double) -> Bool {
        abs(lossAfter - lossBefore) <= tolerance * abs(lossBefore) + rounding
    }

    private var rounding: Double {
        switch loss.kind {
        case .crossEntropy:
            return 1e-7 * before.elements.reduce(0) { max($0, Double(abs($1))) }
        case .meanSquaredError, .halfSquaredError:
            let meanSquare = squaredNorm(before.pointer, count: before.count) / Double(before.count)
            return 1e-6 * meanSquare.squareRoot() * abs(lossBefore).squareRoot()
        }
    }

    /// The largest change of an output over the range of the outputs.
    var outputChange: Double {
        var low = Double.infinity
        var high = -Double.infinity
        var change = 0.0
        for i in 0..<before.count {
            let value = Double(before.pointer[i])
            low = min(low, value)
            high = max(high, value)
            change = max(change, abs(Double(after.pointer[i]) - value))
        }
        // One output for all samples has no range: then relative to its size.
        let range = high > low ? high - low : max(abs(high), abs(low))
        return change == 0 ? 0 : change / range
    }

    /// Not one bit of an output changed.
    var outputsAreIdentical: Bool {
        memcmp(before.pointer, after.pointer, before.count * MemoryLayout<Float>.size) == 0
    }
}

extension Weights {
    /// No parameter left the normal floats on the way from `before`: with powers of two the move
    /// then changed exponents alone, and no output changes by one bit.
    func areExact(from before: Weights) -> Bool {
        let (before, after) = (before.parameters.pointer, parameters.pointer)
        for i in 0..<parameters.count {
            guard before[i] == after[i] || (after[i].isNormal && before[i].isNormal) else {
                return false
            }
        }
        return true
    }
}

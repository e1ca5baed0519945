import Layers
import Networks
import Optimization
import Runtime

/// Scaling by the objective's derivative, for objectives without a closed form. Length: the largest
/// |s|.
final class ScalingMoves: DirectedGroup {
    private let classes: ChannelClasses
    private let layers: [Int]
    private let exact: Bool
    private let total: Scaling

    init(_ graph: Graph, layers: [Int], exact: Bool) throws {
        classes = try ChannelClasses(graph)
        self.layers = layers
        self.exact = exact
        total = try Scaling(classes)
    }

    /// d / d s_i: the sum of S W over the rows that channel i makes less that over the columns that
    /// read it, the largest scaled to 1.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double>? {
        let result = try Buffer<Double>(repeating: 0, count: classes.channelCount)
        for block in classes.blocks {
            let rows = classes.rows(result.pointer, block)
            let columns = classes.columns(result.pointer, block)
            addDerivative(
                block, model.parameters.pointer, covector,
                rows: layers.contains(block.rowClass) ? rows : nil,
                columns: layers.contains(block.columnClass) ? columns : nil)
        }
        var largest = 0.0
        for i in 0..<result.count { largest = max(largest, abs(result.pointer[i])) }
        guard largest > 0, largest.isFinite else { return nil }
        for i in 0..<result.count { result.pointer[i] /= largest }
        return result
    }

    private func addDerivative(
        _ block: ChannelMap.Block, _ weights: UnsafePointer<Float>,
        _ covector: UnsafePointer<Float>, rows: UnsafeMutablePointer<Double>?,
        columns: UnsafeMutablePointer<Double>?
    ) {
        guard rows != nil || columns != nil else { return }
        for i in 0..<block.rows {
            block.forEachChannel(ofRow: i) { channel, first in
                for place in first..<first + block.columnsPerChannel {
                    let term = Double(covector[place]) * Double(weights[place])
                    rows?[i] += term
                    columns?[channel] -= term
                }
            }
        }
    }

    func move(_ model: Model, along direction: Buffer<Double>, by length: Double) throws -> Bool {
        try element(direction, length).apply(to: model)
    }

    private func element(_ direction: Buffer<Double>, _ length: Double) throws -> Scaling {
        let element = try Scaling(classes)
        let scaled = try Buffer(copying: direction)
        for i in 0..<scaled.count { scaled.pointer[i] *= length }
        element.setLogFactors(scaled.pointer, exact: exact)
        return element
    }

    func accept(_ direction: Buffer<Double>, _ length: Double) throws {
        let element = try element(direction, length)
        for i in 0..<element.factors.count {
            total.factors.pointer[i] *= element.factors.pointer[i]
        }
    }

    func describe(_ report: inout TeleportReport) throws {
        report.condition = total.condition
    }

    func found(_ model: Model, along direction: Buffer<Double>, by length: Double) throws
        -> any Move
    {
        ScaledWeights(weights: try MovedWeights(model), element: try element(direction, length))
    }

    func found(_ model: Model) throws -> any Move {
        ScaledWeights(weights: try MovedWeights(model), element: total)
    }
}

/// Weights that were found step by step, and the element of the group that all steps make.
private struct ScaledWeights: Move {
    let weights: MovedWeights
    let element: Scaling

    func apply(to model: Model) -> Bool { weights.apply(to: model) }
    func transform(_ state: OptimizerState) throws { try element.transform(state) }
}

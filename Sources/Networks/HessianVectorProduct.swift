import CShims
import Layers
import Runtime

/// Hessian-vector products by one forward-over-reverse pass (Pearlmutter, Neural Computation 6(1),
/// 1994): every quantity q of the two passes is carried along with R q, its derivative in the
/// direction v of the weights.
///
/// No finite differences; about three times the cost of a gradient.
public final class HessianVectorProduct {
    private let model: Model
    private let workspace: Workspace
    // R h and R delta of every layer, placed like the workspace's values and deltas.
    private let tangents: Buffer<Float>
    private let deltaTangents: Buffer<Float>
    private let weights: WeightPointers

    public convenience init(_ model: Model, count: Int) throws {
        try self.init(
            model, workspace: try model.measuringWorkspace(count: count, backward: true))
    }

    /// With a workspace that others use too.
    public init(_ model: Model, workspace: Workspace) throws {
        self.model = model
        self.workspace = workspace
        let elements = try Memory.product(model.graph.valueCount, workspace.capacity)
        tangents = try Buffer(repeating: 0, count: elements)
        deltaTangents = try Buffer(repeating: 0, count: elements)
        weights = WeightPointers(model.weights)
    }

    /// H v of the loss of a valid batch that fits the workspace, where `lossAndDeltas` of the same
    /// batch under the same weights was the last to write it. What it wrote is lost.
    public func productAfterDeltas(
        of batch: Batch, _ loss: Loss, v: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws {
        let scale = loss.scale(
            totalWeight: batch.totalWeight, outputs: model.graph.outputWidth)
        try carry(batch, loss, scale, v, into: result, beta: 0)
    }

    /// R of every quantity of a piece whose values and deltas are in the workspace.
    private func carry(
        _ piece: Batch, _ loss: Loss, _ scale: Double, _ v: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>, beta: Float
    ) throws {
        try Stop.ask()
        try forward(piece, v)
        outputTangent(piece, loss, scale)
        try backward(piece, v)
        try accumulate(piece, v, into: result, beta: beta)
    }

    /// H v of the loss of a valid batch into `result` (parameterCount, other memory than v);
    /// returns the loss.
    @discardableResult
    public func product(
        _ batch: Batch, _ loss: Loss, v: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws -> Double {
        let scale = loss.scale(
            totalWeight: batch.totalWeight, outputs: model.graph.outputWidth)
        var sum = 0.0
        try Model.forEachPiece(of: batch.count, workspace) { first, count in
            let piece = batch.slice(first, count)
            sum +=
                workspace.lossAndDeltas(
                    model.weights, batch: piece, loss: loss, scale: scale, .batch)
            try carry(piece, loss, scale, v, into: result, beta: first == 0 ? 0 : 1)
        }
        return sum
    }

    private func forward(_ batch: Batch, _ v: UnsafePointer<Float>) throws {
        let pass = workspace.pass()
        for index in 0..<pass.stepCount where pass.steps[index].learns {
            try Stop.ask()
            let step = pass.steps[index]
            let layerPass = layerPass(index, batch, v)
            step.layer._withUnsafeGuaranteedRef {
                if step.prepares { $0.prepareTangent(layerPass) }
                meet(step, $0, layerPass, .forwardTangent)
                $0.forwardTangent(layerPass)
            }
        }
    }

    private func backward(_ batch: Batch, _ v: UnsafePointer<Float>) throws {
        let pass = workspace.pass()
        for index in stride(from: pass.stepCount - 1, through: 0, by: -1)
        where pass.steps[index].learns {
            try Stop.ask()
            let step = pass.steps[index]
            let layerPass = layerPass(index, batch, v)
            step.layer._withUnsafeGuaranteedRef {
                meet(step, $0, layerPass, .backwardTangent)
                $0.backwardTangent(layerPass)
            }
        }
    }

    private func meet(
        _ step: Plan.Step, _ layer: AnyLayer, _ pass: LayerPass, _ phase: PassPhase
    ) {
        guard step.meets else { return }
        layer.gather(pass, phase)
        layer.meet(pass, phase)
    }

    private func accumulate(
        _ batch: Batch, _ v: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>,
        beta: Float
    ) throws {
        let pass = workspace.pass()
        for index in 0..<pass.stepCount where pass.steps[index].learns {
            try Stop.ask()
            let layerPass = layerPass(index, batch, v)
            let target = result + pass.steps[index].parameterOffset
            pass.steps[index].layer._withUnsafeGuaranteedRef {
                $0.accumulateTangent(layerPass, into: target, beta: beta)
            }
        }
    }

    /// What a step works on, with its tangents.
    private func layerPass(_ index: Int, _ batch: Batch, _ v: UnsafePointer<Float>) -> LayerPass {
        let places = workspace.pass()
        let step = places.steps[index]
        var pass = places.layerPass(index, weights, batch, first: 0, count: batch.count)
        pass.direction = v + step.parameterOffset
        pass.outputTangent = tangents.pointer + step.offset
        pass.outputDeltaTangent = deltaTangents.pointer + step.offset
        addTangents(to: &pass.input, step.input)
        if var second = pass.second {
            addTangents(to: &second, step.second)
            pass.second = second
        }
        return pass
    }

    private func addTangents(to input: inout LayerPass.Input, _ source: Plan.Source) {
        guard source.learns else { return }
        input.tangent = UnsafePointer(tangents.pointer + source.offset)
        input.deltaTangent = deltaTangents.pointer + source.offset
    }

    /// R delta of the outputs: the loss's second derivative applied to R z.
    private func outputTangent(_ batch: Batch, _ loss: Loss, _ scale: Double) {
        let pass = workspace.pass()
        let last = pass.steps[pass.stepCount - 1]
        let width = last.width
        let tangent = tangents.pointer + last.offset
        let result = deltaTangents.pointer + last.offset
        if loss.kind == .crossEntropy { shim_softmax(pass.outputs, batch.count, width) }
        for row in 0..<batch.count {
            let weight = batch.weights.map { Double($0[row]) } ?? 1
            let rz = tangent + row * width
            let out = result + row * width
            // No share, whatever the outputs are.
            guard weight > 0 else {
                out.update(repeating: 0, count: width)
                continue
            }
            if loss.kind == .crossEntropy {
                // (diag p - p p^T) R z, p the softmax
                let p = pass.outputs + row * width
                var mean = 0.0
                for j in 0..<width { mean += Double(p[j]) * Double(rz[j]) }
                let factor = Float(weight * scale)
                for j in 0..<width { out[j] = factor * p[j] * (rz[j] - Float(mean)) }
            } else {
                let factor = Float(2 * weight * scale)
                for j in 0..<width { out[j] = factor * rz[j] }
            }
        }
    }
}

import CShims
import LinearAlgebra
import Runtime

/// Hessian-vector products by one forward-over-reverse pass (Pearlmutter, Neural Computation 6(1), 1994): every
/// quantity q of the two passes is carried along with R q, its derivative in the direction v of the weights.
///
/// No finite differences; about three times the cost of a gradient.
public final class HessianVectorProduct {
    private let model: Model
    private let workspace: Workspace
    // R h and R delta of every layer, placed like the workspace's activations and errors.
    private let tangents: Buffer<Float>
    private let errorTangents: Buffer<Float>

    public convenience init(_ model: Model, count: Int) throws {
        try self.init(
            model, workspace: try model.measuringWorkspace(count: count, backward: true))
    }

    /// With a workspace that others use too.
    public init(_ model: Model, workspace: Workspace) throws {
        self.model = model
        self.workspace = workspace
        let elements = try Memory.product(
            model.architecture.widths.dropFirst().reduce(0, +), workspace.capacity)
        tangents = try Buffer(count: elements)
        errorTangents = try Buffer(count: elements)
    }

    /// H v of the loss of a valid batch that fits the workspace, where `lossAndErrors` of the same batch under the
    /// same weights was the last to write it. What it wrote is lost.
    public func productAfterErrors(
        of batch: Batch, _ loss: Loss, v: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws {
        let normalization = loss.normalization(
            totalWeight: batch.totalWeight, outputs: model.architecture.outputWidth)
        try carry(batch, loss, normalization, v, into: result, beta: 0)
    }

    /// R of every quantity of a piece whose activations and errors are in the workspace.
    private func carry(
        _ piece: Batch, _ loss: Loss, _ normalization: Double, _ v: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>, beta: Float
    ) throws {
        try Stop.ask()
        try forward(piece, v)
        outputTangent(piece, loss, normalization: normalization)
        try backward(piece, v)
        try accumulate(piece, into: result, beta: beta)
    }

    /// H v of the loss of a valid batch into `result` (parameterCount, other memory than v); returns the loss.
    @discardableResult
    public func product(
        _ batch: Batch, _ loss: Loss, v: UnsafePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws -> Double {
        let normalization = loss.normalization(
            totalWeight: batch.totalWeight, outputs: model.architecture.outputWidth)
        var sum = 0.0
        try Model.forEachPiece(of: batch.count, workspace) { first, count in
            let piece = batch.slice(first, count)
            sum +=
                workspace.lossAndErrors(
                    model.parameters.pointer, batch: piece, loss: loss, normalization: normalization
                )
            try carry(piece, loss, normalization, v, into: result, beta: first == 0 ? 0 : 1)
        }
        return sum
    }

    // Shapes: V_m: outputs x inputs like W_m; h, R h, delta, R delta: rows x outputs.

    /// R z_m = V_m h_(m-1) + v_b + W_m R h_(m-1),  R h_m = f'(z_m) R z_m
    private func forward(_ batch: Batch, _ v: UnsafePointer<Float>) throws {
        let pass = workspace.pass
        let weights = model.parameters.pointer
        for m in 0..<pass.layerCount {
            try Stop.ask()
            let layer = pass.layers[m]
            let input =
                m == 0 ? batch.factor : UnsafePointer(pass.place(of: m - 1, in: pass.activations))
            let output = pass.place(of: m, in: tangents.pointer)
            pass.multiply(
                input, by: v + layer.weightOffset, layer, into: output, first: 0,
                count: batch.count)
            if m > 0 {
                BLAS.multiply(
                    pass.place(of: m - 1, in: tangents.pointer), stride: layer.inputs,
                    weights + layer.weightOffset, .yes, stride: layer.inputs, into: output,
                    stride: layer.outputs, m: batch.count, n: layer.outputs, k: layer.inputs,
                    beta: 1)
            }
            if layer.hasBias {
                shim_add_bias(output, batch.count, layer.outputs, v + layer.biasOffset)
            }
            if m < pass.layerCount - 1 {
                pass.activation.multiplyByDerivative(
                    output, h: pass.place(of: m, in: pass.activations),
                    count: batch.count * layer.outputs)
            }
        }
    }

    /// R delta of the outputs: the loss's second derivative applied to R z.
    private func outputTangent(_ batch: Batch, _ loss: Loss, normalization: Double) {
        let pass = workspace.pass
        let last = pass.layerCount - 1
        let width = pass.layers[last].outputs
        let tangent = pass.place(of: last, in: tangents.pointer)
        let result = pass.place(of: last, in: errorTangents.pointer)
        if loss == .crossEntropy { shim_softmax(pass.outputs, batch.count, width) }
        for row in 0..<batch.count {
            let weight = batch.weights.map { Double($0[row]) } ?? 1
            let rz = tangent + row * width
            let out = result + row * width
            // No share, whatever the outputs are.
            guard weight > 0 else {
                out.update(repeating: 0, count: width)
                continue
            }
            if loss == .crossEntropy {
                // (diag p - p p^T) R z, p the softmax
                let p = pass.outputs + row * width
                var mean = 0.0
                for j in 0..<width { mean += Double(p[j]) * Double(rz[j]) }
                let factor = Float(weight * normalization)
                for j in 0..<width { out[j] = factor * p[j] * (rz[j] - Float(mean)) }
            } else {
                let factor = Float(2 * weight * normalization)
                for j in 0..<width { out[j] = factor * rz[j] }
            }
        }
    }

    /// R delta_(m-1) = (R delta_m W_m + delta_m V_m) f'(z) + delta_(m-1) (f''(z) / f'(z)) R z
    private func backward(_ batch: Batch, _ v: UnsafePointer<Float>) throws {
        let pass = workspace.pass
        guard let errors = pass.errors else { return }
        let weights = model.parameters.pointer
        for m in stride(from: pass.layerCount - 1, to: 0, by: -1) {
            try Stop.ask()
            let layer = pass.layers[m]
            let below = pass.place(of: m - 1, in: errorTangents.pointer)
            let count = batch.count * layer.inputs
            BLAS.multiply(
                pass.place(of: m, in: errorTangents.pointer), stride: layer.outputs,
                weights + layer.weightOffset, stride: layer.inputs, into: below,
                stride: layer.inputs, m: batch.count, n: layer.inputs, k: layer.outputs)
            BLAS.multiply(
                pass.place(of: m, in: errors), stride: layer.outputs, v + layer.weightOffset,
                stride: layer.inputs, into: below, stride: layer.inputs, m: batch.count,
                n: layer.inputs, k: layer.outputs, beta: 1)
            let h = pass.place(of: m - 1, in: pass.activations)
            pass.activation.multiplyByDerivative(below, h: h, count: count)
            pass.activation.addCurvature(
                below, delta: pass.place(of: m - 1, in: errors), h: h,
                tangent: pass.place(of: m - 1, in: tangents.pointer), count: count)
        }
    }

    /// (H v)_m = R delta_m^T h_(m-1) + delta_m^T R h_(m-1);  biases: column sums of R delta_m
    private func accumulate(
        _ batch: Batch, into result: UnsafeMutablePointer<Float>, beta: Float
    ) throws {
        let pass = workspace.pass
        guard let errors = pass.errors else { return }
        for m in 0..<pass.layerCount {
            try Stop.ask()
            let layer = pass.layers[m]
            pass.accumulate(
                layer: m, rows: batch.count, first: 0, count: layer.outputs, x: batch.factor,
                errors: errorTangents.pointer, into: result, alpha: 1, beta: beta)
            guard m > 0 else { continue }
            BatchProducts.columns(
                pass.place(of: m, in: errors), stride: layer.outputs,
                pass.place(of: m - 1, in: tangents.pointer),
                into: result + layer.weightOffset, m: layer.outputs, n: layer.inputs,
                k: batch.count, alpha: 1, beta: 1)
        }
    }
}

extension Activation {
    /// target += delta (f''(z) / f'(z)) R z, where delta holds f' as a factor and R z = tangent / f'(z).
    fileprivate func addCurvature(
        _ target: UnsafeMutablePointer<Float>, delta: UnsafePointer<Float>,
        h: UnsafePointer<Float>, tangent: UnsafePointer<Float>, count: Int
    ) {
        switch kind {
        case .identity, .leakyReLU, .reLU:
            return
        case .sigmoid:
            // f'' / f'^2 = (1 - 2 h) / (h (1 - h)); a saturated unit has no derivative to speak of.
            for i in 0..<count {
                let slope = h[i] * (1 - h[i])
                if slope > 0 { target[i] += delta[i] * (1 - 2 * h[i]) / slope * tangent[i] }
            }
        case .tanh:
            // f'' / f'^2 = -2 h / (1 - h^2)
            for i in 0..<count {
                let slope = 1 - h[i] * h[i]
                if slope > 0 { target[i] -= delta[i] * 2 * h[i] / slope * tangent[i] }
            }
        }
    }
}

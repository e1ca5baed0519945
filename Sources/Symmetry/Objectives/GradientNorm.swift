import Layers
import LinearAlgebra
import Networks
import Runtime

/// phi = |grad L|^2, with derivative 2 H grad L.
final class GradientNorm: ObjectiveFunction {
    private let batch: Batch
    private let loss: Loss
    private let workspace: Workspace
    private let gradient: Buffer<Float>
    // K and M, see `init`.
    private let metric: Buffer<Float>?
    private let scaled: Buffer<Float>
    private var hessian: HessianVectorProduct?
    private var hessianModel: Model?
    // What was measured last, so that the derivative where a search has gone costs no second
    // gradient.
    private let weights: Weights
    private var measured: Measured?
    /// Activations and errors of all samples under `weights` are in the workspace.
    private var workspaceIsFresh = false

    /// `metric`: K, n x n for a first layer with n inputs. phi is then g . M g, where M multiplies
    /// the first layer's part of g by K from the right and leaves the rest, and its derivative 2 H
    /// M g.
    init(_ model: Model, _ batch: Batch, _ loss: Loss, metric: Buffer<Float>? = nil) throws {
        self.batch = batch
        self.loss = loss
        self.metric = metric
        workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        gradient = try Buffer(count: model.graph.parameterCount)
        scaled = metric == nil ? gradient : try Buffer(count: gradient.count)
        weights = try Weights(model.graph)
    }

    func value(_ model: Model) throws -> Double { try measure(model).value }

    func measure(_ model: Model) throws -> Measured {
        if let known = known(model) { return known }
        // What is overwritten from here on is not what was measured, should the work be stopped.
        measured = nil
        workspaceIsFresh = false
        weights.copy(from: model.weights)
        let lossValue = try model.gradient(
            batch, loss, into: gradient.pointer, workspace: workspace)
        workspaceIsFresh = batch.count <= workspace.capacity
        let result = Measured(value: squaredNorm(model.graph), loss: lossValue)
        measured = result
        return result
    }

    /// g . M g; M g goes to `scaled`.
    private func squaredNorm(_ graph: Graph) -> Double {
        guard let metric else {
            return dot(gradient.pointer, gradient.pointer, count: gradient.count)
        }
        let first = graph.layers.pointer[0]
        scaled.pointer.update(from: gradient.pointer, count: gradient.count)
        BLAS.multiply(
            gradient.pointer, stride: first.inputs, metric.pointer, stride: first.inputs,
            into: scaled.pointer, stride: first.inputs, m: first.outputs, n: first.inputs,
            k: first.inputs)
        return dot(gradient.pointer, scaled.pointer, count: gradient.count)
    }

    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double {
        let value = try value(model)
        let product: HessianVectorProduct
        if let hessian, hessianModel === model {
            product = hessian
        } else {
            product = try HessianVectorProduct(model, workspace: workspace)
            hessian = product
            hessianModel = model
        }
        if workspaceIsFresh {
            try product.productAfterDeltas(of: batch, loss, v: scaled.pointer, into: covector)
        } else {
            try product.product(batch, loss, v: scaled.pointer, into: covector)
        }
        workspaceIsFresh = false
        for i in 0..<gradient.count { covector[i] *= 2 }
        return value
    }

    /// What was measured last, if it was at these weights.
    private func known(_ model: Model) -> Measured? {
        guard let measured, weights.isIdentical(to: model.weights) else { return nil }
        return measured
    }
}

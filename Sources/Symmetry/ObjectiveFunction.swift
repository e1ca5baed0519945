import Glibc
import Layers
import LinearAlgebra
import Networks
import Runtime

/// What a search makes larger or smaller, as a function of the weights.
protocol ObjectiveFunction: AnyObject {
    /// The value at the model's weights.
    func value(_ model: Model) throws -> Double

    /// The value with what else came of computing it.
    func measure(_ model: Model) throws -> Measured

    /// The value, and its derivative by the weights into `covector` (parameterCount).
    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double
}

struct Measured {
    let value: Double
    /// Of the objective's samples, where it is known.
    var loss: Double?
}

extension ObjectiveFunction {
    func measure(_ model: Model) throws -> Measured { Measured(value: try value(model)) }
}

extension TeleportOptions {
    /// The objective on given samples.
    func makeObjective(_ model: Model, _ batch: Batch, _ loss: Loss) throws -> any ObjectiveFunction
    {
        switch objective {
        case .gradientNormMaximize, .gradientNormMinimize, .lookahead:
            return try GradientNorm(model, batch, loss)
        case .sharpnessMaximize, .sharpnessMinimize:
            return try Sharpness(
                model, batch, loss, norms: resolvedPerturbationNorms(), count: perturbations,
                seed: seed)
        case .curvatureMaximize, .curvatureMinimize:
            return try Curvature(
                model, batch, group: group,
                layers: movedLayers(model.graph, samples: batch.count), count: curves,
                seed: seed)
        }
    }

    /// Hidden layers that may move; all where each candidate takes another one.
    ///
    /// With more samples than inputs a layer's weights can only fit what the linear group wants of it, and the loss
    /// drifts. So where other layers can follow exactly, such layers stay unless they are named.
    func movedLayers(_ graph: Graph, samples: Int = 0) -> [Int] {
        if case .one(let layer) = layers { return [layer] }
        let all = Array(0..<graph.hiddenLayerCount)
        guard group == .linear else { return all }
        let following = all.filter {
            let layer = graph.layers.pointer[$0]
            return layer.activation.kind == .identity || layer.inputs >= samples
        }
        return following.isEmpty ? all : following
    }
}

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
    // What was measured last, so that the derivative where a search has gone costs no second gradient.
    private let weights: Buffer<Float>
    private var measured: Measured?
    /// Activations and errors of all samples under `weights` are in the workspace.
    private var workspaceIsFresh = false

    /// `metric`: K, n x n for a first layer with n inputs. phi is then g . M g, where M multiplies the first layer's
    /// part of g by K from the right and leaves the rest, and its derivative 2 H M g.
    init(_ model: Model, _ batch: Batch, _ loss: Loss, metric: Buffer<Float>? = nil) throws {
        self.batch = batch
        self.loss = loss
        self.metric = metric
        workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        gradient = try Buffer(count: model.graph.parameterCount)
        scaled = metric == nil ? gradient : try Buffer(count: gradient.count)
        weights = try Buffer(count: model.graph.parameterCount)
    }

    func value(_ model: Model) throws -> Double { try measure(model).value }

    func measure(_ model: Model) throws -> Measured {
        if let known = known(model) { return known }
        // What is overwritten from here on is not what was measured, should the work be stopped.
        measured = nil
        workspaceIsFresh = false
        weights.pointer.update(from: model.parameters.pointer, count: weights.count)
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
        let bytes = weights.count * MemoryLayout<Float>.size
        guard let measured, memcmp(weights.pointer, model.parameters.pointer, bytes) == 0 else {
            return nil
        }
        return measured
    }
}

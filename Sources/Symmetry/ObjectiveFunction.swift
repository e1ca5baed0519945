import Networks
import Runtime

/// What a search makes larger or smaller, as a function of the weights.
protocol ObjectiveFunction: AnyObject {
    /// The value at the model's weights.
    func value(_ model: Model) throws -> Double

    /// The value, and its derivative by the weights into `covector` (parameterCount).
    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double
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
                model, batch, loss, norms: perturbationNorms, count: perturbations, seed: seed)
        case .curvatureMaximize, .curvatureMinimize:
            return try Curvature(
                model, batch, group: group, layers: movedLayers(model.architecture), count: curves,
                seed: seed)
        }
    }

    /// Hidden layers that move; all where each candidate takes another one.
    func movedLayers(_ architecture: Architecture) -> [Int] {
        if case .one(let layer) = layers { return [layer] }
        return Array(0..<architecture.hiddenLayerCount)
    }
}

/// phi = |grad L|^2, with derivative 2 H grad L.
final class GradientNorm: ObjectiveFunction {
    private let batch: Batch
    private let loss: Loss
    private let workspace: Workspace
    private let gradient: Buffer<Float>
    private var hessian: HessianVectorProduct?
    private var hessianModel: Model?

    init(_ model: Model, _ batch: Batch, _ loss: Loss) throws {
        self.batch = batch
        self.loss = loss
        workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        gradient = try Buffer(count: model.architecture.parameterCount)
    }

    func value(_ model: Model) throws -> Double {
        _ = model.gradient(batch, loss, into: gradient.pointer, workspace: workspace)
        return squaredNorm(gradient.pointer, count: gradient.count)
    }

    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double {
        let value = try value(model)
        let product: HessianVectorProduct
        if let hessian, hessianModel === model {
            product = hessian
        } else {
            product = try HessianVectorProduct(model, count: batch.count)
            hessian = product
            hessianModel = model
        }
        product.product(batch, loss, v: gradient.pointer, into: covector)
        for i in 0..<gradient.count { covector[i] *= 2 }
        return value
    }
}

import Layers
import Networks
import Runtime

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

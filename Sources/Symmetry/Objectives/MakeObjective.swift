import Networks

extension SymmetryGroup {
    /// What a task asks for, on the samples that are to say it.
    func makeObjective(_ task: SearchTask) throws -> any ObjectiveFunction {
        let (model, batch, options) = (task.model, task.objectiveBatch, task.options)
        switch options.objective {
        case .gradientNormMaximize, .gradientNormMinimize, .lookahead:
            return try GradientNorm(model, batch, task.loss)
        case .sharpnessMaximize, .sharpnessMinimize:
            return try Sharpness(
                model, batch, task.loss, norms: options.resolvedPerturbationNorms(),
                count: options.perturbations, seed: options.seed)
        case .curvatureMaximize, .curvatureMinimize:
            let layers = try movedLayers(options.layers, model.graph, samples: batch.count)
            return try Curvature(
                model.graph, try curves(model.graph, batch, layers: layers),
                count: options.curves, seed: options.seed)
        case .pathConditioning, .equalNorms: throw TeleportConfig.onlyScaling
        }
    }
}

import Runtime

extension TeleportConfig {
    /// What has one minimum is taken to it, as far as numbers allow.
    var resolvedRadius: Double {
        radius ?? (objective.isOfWeights ? Self.largestRadius : symmetry.radius)
    }
    var resolvedSteps: Int { steps ?? symmetry.steps(for: objective) }

    /// Checks the numbers by themselves.
    public func validate() throws {
        let radius = resolvedRadius
        let steps = resolvedSteps
        try require(
            "radius", radius, radius > 0 && radius <= Self.largestRadius,
            "in (0, 16], or 0 for the group's own")
        try require(
            "steps", steps, (1...10_000).contains(steps), "1 to 10,000, or 0 for the group's own")
        try require(
            "candidates", candidates, (1...1_000_000).contains(candidates), "1 to 1,000,000")
        try require(
            "rollout_steps", rolloutSteps, (3...10_000).contains(rolloutSteps), "3 to 10,000")
        try require(
            "rollout_batch", rolloutBatch, (1...1_000_000).contains(rolloutBatch), "1 to 1,000,000")
        try require(
            "learning_rate", learningRate, learningRate >= 0 && Float(learningRate).isFinite,
            "finite and not negative")
        try require(
            "loss_tolerance", lossTolerance, lossTolerance >= 0 && lossTolerance.isFinite,
            "finite and not negative")
        try require("held_out_tolerance", heldOutTolerance, heldOutTolerance.isFinite, "finite")
        try require(
            "null_tolerance", nullTolerance, nullTolerance > 0 && nullTolerance < 1, "in (0, 1)")
        try require(
            "perturbations", perturbations, (1...10_000).contains(perturbations), "1 to 10,000")
        try require("curves", curves, (1...10_000).contains(curves), "1 to 10,000")
        guard let norms = perturbationNorms else { return }
        for (i, norm) in norms.elements.enumerated() {
            try require(
                "perturbation_norms[\(i)]", norm, norm > 0 && norm.isFinite, "positive and finite")
        }
    }
}

import Runtime

extension TeleportOptions {
    var resolvedRadius: Double { radius ?? symmetry.radius }
    var resolvedSteps: Int { steps ?? symmetry.steps(for: objective) }

    /// Checks the numbers by themselves.
    public func validate() throws {
        let radius = resolvedRadius
        let steps = resolvedSteps
        try check(
            "radius", radius, radius > 0 && radius <= Self.largestRadius,
            "in (0, 16], or 0 for the group's own")
        try check(
            "steps", steps, (1...10_000).contains(steps), "1 to 10,000, or 0 for the group's own")
        try check(
            "candidates", candidates, (1...1_000_000).contains(candidates), "1 to 1,000,000")
        try check(
            "rollout_steps", rolloutSteps, (3...10_000).contains(rolloutSteps), "3 to 10,000")
        try check(
            "rollout_batch", rolloutBatch, (1...1_000_000).contains(rolloutBatch), "1 to 1,000,000")
        try check(
            "learning_rate", learningRate, learningRate >= 0 && Float(learningRate).isFinite,
            "finite and not negative")
        try check(
            "loss_tolerance", lossTolerance, lossTolerance >= 0 && lossTolerance.isFinite,
            "finite and not negative")
        try check("held_out_tolerance", heldOutTolerance, heldOutTolerance.isFinite, "finite")
        try check(
            "null_tolerance", nullTolerance, nullTolerance > 0 && nullTolerance < 1, "in (0, 1)")
        try check(
            "perturbations", perturbations, (1...10_000).contains(perturbations), "1 to 10,000")
        try check("curves", curves, (1...10_000).contains(curves), "1 to 10,000")
        guard let norms = perturbationNorms else { return }
        for (i, norm) in norms.elements.enumerated() where !(norm > 0 && norm.isFinite) {
            throw TeleportError.wrong("perturbation_norms[\(i)]", norm, "positive and finite")
        }
    }

    private func check(_ name: String, _ value: Double, _ isRight: Bool, _ rule: String) throws {
        guard isRight else { throw TeleportError.wrong(name, value, rule) }
    }

    private func check(_ name: String, _ value: Int, _ isRight: Bool, _ rule: String) throws {
        guard isRight else {
            throw TeleportError.invalid("\(name) is \(value); it must be \(rule)")
        }
    }
}

import Networks

// How a move is found for a group that has no way of its own.
extension SymmetryGroup {
    func findMove(_ task: SearchTask, _ check: Guard, _ report: inout TeleportReport) throws
        -> (any Move)?
    {
        try findMoveByObjective(task, check, &report)
    }

    func improve(
        _ objective: any ObjectiveFunction, from value: Double, _ task: SearchTask,
        _ check: Guard, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        try searchMoves(objective, task, &report)
    }

    /// Measures the objective before and after what `improve` finds.
    func findMoveByObjective(
        _ task: SearchTask, _ check: Guard, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let objective = try makeObjective(task)
        let before = try objective.value(task.model)
        // A gradient of zero is one that nothing can be told from.
        let isFlat = task.options.objective.isGradientNorm && before == 0
        let move = isFlat ? nil : try improve(objective, from: before, task, check, &report)
        // Bounded activations hide an infinite input from the loss, not from the gradient.
        if move == nil, !before.isFinite { report.outcome = .notFinite }
        let moved = try Model(copying: task.model)
        let after =
            move == nil || move?.apply(to: moved) == false ? before : try objective.value(moved)
        if objective is GradientNorm {
            report.gradientNorm2Before = before
            report.gradientNorm2After = after
        }
        // Candidates that are scored by rollouts have these for an objective.
        let isScored = task.options.objective == .lookahead
        report.objectiveBefore = isScored ? report.scoreBefore : before
        report.objectiveAfter = isScored ? report.scoreAfter : after
        return move
    }

    /// The search that the options name, among this group's moves.
    func searchMoves(
        _ objective: any ObjectiveFunction, _ task: SearchTask, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let graph = task.model.graph
        let layers = try movedLayers(task.options.layers, graph, samples: task.batch.count)
        if layers.count == 1, try layerCount(graph) > 1 { report.layer = layers[0] }
        guard task.options.search == .random else {
            let moves = try moves(task, layers: layers)
            return try directedMove(along: moves, task, objective, &report)
        }
        return try RandomSearch(sampler: try sampler(task, layers: layers), task: task)
            .findMove(task.options.objective == .lookahead ? nil : objective, &report)
    }

    private func directedMove(
        along moves: some DirectedGroup, _ task: SearchTask,
        _ objective: any ObjectiveFunction, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        try DirectedSearch(moves: moves, task: task).findMove(objective, &report)
    }
}

import Networks
import Optimization
import Runtime

// What fits together, and the sentence that says why something does not.
extension TeleportConfig {
    /// Checks that this teleport has a meaning for the model, and for a trainer's `optimizer` where
    /// there is one; the error says why not.
    public func validate(for graph: Graph, optimizer: Optimizer? = nil) throws {
        let group = symmetry
        try group.require(graph, optimizer)
        try validateLayers(of: group, graph)
        try validateSearch(of: group)
        try validateObjective(graph)
        guard !exact || group.hasExactElements else {
            throw TeleportError(
                .unsupported,
                "exact needs factors that are powers of two, which only the scaling group has")
        }
        guard state != .transform || group.transformsState else {
            throw TeleportError(
                .unsupported,
                "an optimizer's state can be transformed under the scaling group only: its averages of squares have no image under a \(group.name)"
            )
        }
    }

    /// Checks all that does not depend on the batch.
    public func validate(
        for graph: Graph, loss: Loss, optimizer: Optimizer? = nil
    ) throws {
        try validate(for: graph, optimizer: optimizer)
        guard let heldOut else { return }
        do {
            try heldOut.validate(for: graph, loss: loss)
            if heldOutTolerance >= 0 { try heldOut.requireFinite() }
        } catch let error as TeleportError {
            // The sentence speaks of a batch: it must be clear of which.
            throw TeleportError(error.status, "held_out: " + error.message)
        }
    }

    private func validateLayers(of group: any SymmetryGroup, _ graph: Graph) throws {
        guard layers == .all || group.movesLayers else {
            throw TeleportError(
                .unsupported, "a \(group.name) has no layer of its own; layer must be -1")
        }
        switch layers {
        case .all: return
        case .one(let layer):
            let count = graph.hiddenLayerCount
            guard layer >= 0, layer < count else {
                throw TeleportError.invalid(
                    "layer is \(layer); the model has hidden layers 0 to \(count - 1), -1 means all and -2 a random one"
                )
            }
            try group.requireMovable(layer, graph)
        case .random:
            guard search == .random else {
                throw TeleportError(.unsupported, "a random layer needs the random search")
            }
        }
    }

    private func validateObjective(_ graph: Graph) throws {
        guard objective.isOfWeights else { return }
        guard group == .scaling else { throw Self.onlyScaling }
        guard search == .ascent else {
            throw TeleportError(
                .unsupported,
                "path conditioning and equal norms are found in closed form, which is the ascent search"
            )
        }
        try BalanceSearch.requireRow(graph)
    }

    static var onlyScaling: TeleportError {
        TeleportError(
            .unsupported, "path conditioning and equal norms are objectives of the scaling group")
    }

    private func validateSearch(of group: any SymmetryGroup) throws {
        if search == .random {
            guard group.hasElements else { throw group.noElements }
            guard objective != .lookahead || candidates <= Self.mostRolloutCandidates else {
                throw TeleportError.invalid(
                    "candidates is \(candidates); scored by rollouts the most is \(Self.mostRolloutCandidates)"
                )
            }
        } else {
            guard !objective.isCurvature else {
                throw TeleportError(
                    .unsupported,
                    "curvature has no derivative here; it needs the random search")
            }
            guard objective != .lookahead else {
                throw TeleportError(
                    .unsupported,
                    "the lookahead objective scores candidates of the random search; the lookahead search needs an objective that gives its direction"
                )
            }
        }
    }
}

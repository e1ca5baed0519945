import Layers
import Networks
import Runtime

// What fits together, and the sentence that says why something does not.
extension TeleportOptions {
    /// Checks that this teleport has a meaning for the model; the error says why not.
    public func validate(for graph: Graph) throws {
        guard group != .frame else {
            throw TeleportError(
                .unsupported,
                "a frame belongs to a trainer, not to its model: use tp_trainer_teleport or tp_trainer_set_frames"
            )
        }
        guard graph.hiddenLayerCount > 0 else {
            throw TeleportError(
                .unsupported, "the model has no hidden layer, and every group acts on hidden layers"
            )
        }
        switch group {
        case .scaling: try Scaling.requireHomogeneous(graph)
        case .linear: try LinearAction.requireBijective(graph)
        case .nullSpace, .levelSet, .frame:
            guard layers == .all else {
                throw TeleportError(
                    .unsupported, "a \(group.name) has no layer of its own; layer must be -1")
            }
        }
        try validateLayers(graph)
        try validateSearch()
        guard !exact || group == .scaling else {
            throw TeleportError(
                .unsupported,
                "exact needs factors that are powers of two, which only the scaling group has")
        }
        guard state != .transform || group == .scaling else {
            throw TeleportError(
                .unsupported,
                "an optimizer's state can be transformed under the scaling group only: its averages of squares have no image under a \(group.name)"
            )
        }
    }

    private func validateLayers(_ graph: Graph) throws {
        switch layers {
        case .all: return
        case .one(let layer):
            guard layer >= 0, layer < graph.hiddenLayerCount else {
                throw TeleportError.invalid(
                    "layer is \(layer); the model has hidden layers 0 to \(graph.hiddenLayerCount - 1), -1 means all and -2 a random one"
                )
            }
        case .random:
            guard search == .random else {
                throw TeleportError(.unsupported, "a random layer needs the random search")
            }
        }
    }

    private func validateSearch() throws {
        if search == .random {
            guard group == .scaling || group == .linear else {
                throw TeleportError(
                    .unsupported,
                    "the random search draws group elements, and a \(group.name) has none to draw")
            }
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

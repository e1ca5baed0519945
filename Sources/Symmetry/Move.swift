import LinearAlgebra
import Networks
import Optimization
import Runtime

/// The value, or nil where a trial leaves the range of numbers: that refuses the trial and not the
/// teleport.
func ifInRange<Value>(_ trial: () throws -> Value?) throws -> Value? {
    do {
        return try trial()
    } catch let error as TeleportError where error.status == .notFinite {
        return nil
    }
}

/// What a search has found: a way from the weights it started at to others with the same loss.
protocol Move {
    /// Takes a model at the starting weights there; false when a weight is not finite then.
    func apply(to model: Model) -> Bool

    /// Moves an optimizer's averages along, where the group knows how.
    func transform(_ state: OptimizerState) throws
}

/// The weights themselves, for moves that are found by going there.
struct MovedWeights: Move {
    private let weights: Weights

    init(_ model: Model) throws { weights = try Weights(copying: model.weights) }

    func apply(to model: Model) -> Bool {
        model.weights.copy(from: weights)
        return weights.areFinite
    }

    func transform(_ state: OptimizerState) throws {
        throw TeleportError(
            .unsupported, "an optimizer's state can be transformed under the scaling group only")
    }
}

extension StatePolicy {
    /// What becomes of an optimizer's state after a move.
    func apply(_ move: any Move, to state: OptimizerState) throws {
        switch self {
        case .keep: return
        case .reset: state.reset()
        case .transform: try move.transform(state)
        }
    }
}

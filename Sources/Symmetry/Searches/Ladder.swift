import Networks
import Optimization

/// The lookahead's candidates, whatever the group.
enum Ladder {
    /// Radii as factors of the config's; a negative one means the opposite direction.
    static let factors = [-1, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 1.5, 2]

    /// Rolls out from every candidate and from where the model is; nil when staying ends best.
    static func choose(
        _ candidates: [any Move], _ task: SearchTask, _ report: inout TeleportReport
    ) throws -> Int? {
        let outcome = try task.rollout.run(
            task.model, optimizer: try task.rolloutOptimizer(), candidates: candidates.count + 1
        ) { candidate, copy, optimizer in
            guard candidates[candidate - 1].apply(to: copy) else { return false }
            try task.options.state.apply(candidates[candidate - 1], to: optimizer.state)
            return true
        }
        report.candidates = candidates.count + 1
        report.refused += outcome.diverged
        report.scoreBefore = outcome.scoreOfStaying
        report.scoreAfter = outcome.scoreOfChosen
        return outcome.chosen > 0 ? outcome.chosen - 1 : nil
    }
}

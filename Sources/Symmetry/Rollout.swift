import Networks
import Optimization
import Runtime

/// Looks ahead: real training steps from several starting points, all on the same mini-batches, on copies of the
/// weights and of the optimizer. Starting points that fall behind are dropped early (successive halving, after a
/// third and two thirds of the steps); staying, candidate 0, runs to the end.
struct Rollout {
    struct Outcome {
        /// 0: stay.
        var chosen = 0
        var scoreOfStaying = Double.nan
        var scoreOfChosen = Double.nan
        var diverged = 0
    }

    private struct Runner {
        let candidate: Int
        let step: TrainingStep
        var score = Double.infinity
        var isOut = false
    }

    let training: Batch
    let scoring: Batch
    let loss: Loss
    let steps: Int
    let batchSize: Int
    /// Of the trainer's steps; 0: no bound.
    var clipNorm = 0.0

    /// Scores `candidates` starting points; `move` takes copies of the model and the optimizer to one of them and
    /// says whether it could. Candidate 0 is the model as it is and is not moved.
    func run(
        _ model: Model, optimizer: any Optimizer, candidates: Int,
        move: (Int, Model, any Optimizer) throws -> Bool
    ) throws -> Outcome {
        var outcome = Outcome()
        let scoringWorkspace = try model.measuringWorkspace(count: scoring.count)
        var runners: [Runner] = []
        for candidate in 0..<candidates {
            let copy = try Model(copying: model)
            let optimizer = try optimizer.copy()
            guard try candidate == 0 || move(candidate, copy, optimizer) else {
                outcome.diverged += 1
                continue
            }
            runners.append(
                Runner(
                    candidate: candidate,
                    step: try TrainingStep(
                        model: copy, loss: loss, optimizer: optimizer, clipNorm: clipNorm,
                        batchSize: min(batchSize, training.count))))
        }

        let rungs = [steps / 3, steps * 2 / 3, steps]
        var done = 0
        for (rung, end) in rungs.enumerated() {
            let isLast = rung == rungs.count - 1
            for index in runners.indices {
                let score = advance(runners[index].step, from: done, to: end, scoringWorkspace)
                // A loss that rises over the last third is about to diverge, however low it still is.
                let rises = isLast && !(score <= runners[index].score)
                runners[index].isOut = !score.isFinite || rises
                runners[index].score = score
            }
            done = end
            outcome.diverged += runners.count { $0.isOut && $0.candidate != 0 }
            let staying = runners[0]
            let others = runners.dropFirst().filter { !$0.isOut }.sorted { $0.score < $1.score }
            runners = [staying] + (isLast ? others : Array(others.prefix((others.count + 1) / 2)))
        }
        outcome.scoreOfStaying = runners[0].score
        outcome.scoreOfChosen = runners[0].score
        // A start whose own rollout diverges has no score that another could be compared with.
        if let best = runners.dropFirst().first,
            best.score < runners[0].score || !runners[0].score.isFinite
        {
            outcome.chosen = best.candidate
            outcome.scoreOfChosen = best.score
        }
        return outcome
    }

    private func advance(
        _ step: TrainingStep, from first: Int, to end: Int, _ workspace: Workspace
    ) -> Double {
        let size = min(batchSize, training.count)
        let batches = training.count / size
        for index in first..<end {
            guard step.take(training.slice(index % batches * size, size)) != nil else {
                return .infinity
            }
        }
        return step.model.loss(scoring, loss, workspace: workspace)
    }
}

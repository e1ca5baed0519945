import Networks
import Optimization
import Runtime

/// Looks ahead: real training steps from several starting points, all on the same mini-batches, on
/// copies of the weights and of the optimizer. Starting points that fall behind are dropped on the
/// way: three go on after a third of the steps, two after two thirds. Staying, candidate 0, runs to
/// the end.
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

    /// Scores `candidates` starting points; `move` takes copies of the model and the optimizer to
    /// one of them and says whether it could. Candidate 0 is the model as it is and is not moved.
    func run(
        _ model: Model, optimizer: Optimizer, candidates: Int,
        move: (Int, Model, Optimizer) throws -> Bool
    ) throws -> Outcome {
        var outcome = Outcome()
        let scoringWorkspace = try model.measuringWorkspace(count: scoring.count)
        var runners: [Runner] = []
        for candidate in 0..<candidates {
            try Stop.ask()
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

        var done = 0
        for rung in Rung.all(steps: steps, scoring: scoring.count, weighted: scoring.weights != nil)
        {
            for index in runners.indices {
                try advance(&runners[index], from: done, to: rung, scoringWorkspace)
            }
            done = rung.steps
            outcome.diverged += runners.count { $0.isOut && $0.candidate != 0 }
            let staying = runners[0]
            let others = runners.dropFirst().filter { !$0.isOut }.sorted { $0.score < $1.score }
            runners = [staying] + others.prefix(rung.survivors)
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
        _ runner: inout Runner, from first: Int, to rung: Rung, _ workspace: Workspace
    ) throws {
        let size = min(batchSize, training.count)
        let batches = training.count / size
        for index in first..<rung.steps {
            try Stop.ask()
            guard try runner.step.take(training.slice(index % batches * size, size)) != nil else {
                runner.isOut = true
                runner.score = .infinity
                return
            }
        }
        let model = runner.step.model
        let earlier = runner.score
        runner.score = try model.loss(scoring.slice(0, rung.scored), loss, workspace: workspace)
        if rung.isLast {
            // A loss that rises over the last third is about to diverge, however low it still is.
            runner.isOut = !(runner.score <= earlier)
            let rest = scoring.count - rung.scored
            if rest > 0 {
                let other = try model.loss(
                    scoring.slice(rung.scored, rest), loss, workspace: workspace)
                runner.score = loss.combined(runner.score, rung.scored, other, rest)
            }
        }
        runner.isOut = runner.isOut || !runner.score.isFinite
    }
}

/// Where candidates are compared on the way.
private struct Rung {
    let steps: Int
    /// Samples of the scoring half that are looked at.
    let scored: Int
    /// Candidates besides staying that go on.
    let survivors: Int
    let isLast: Bool

    /// A third, two thirds and all of the steps. The first comparison takes a quarter of the
    /// samples and the second half of them; the last one scores on all, and on the second's to see
    /// whether the loss rises.
    static func all(steps: Int, scoring: Int, weighted: Bool) -> [Rung] {
        // A part of few samples, or of samples that may have no weight, would say too little.
        let isWhole = weighted || scoring < 256
        let half = isWhole ? scoring : scoring / 2
        return [
            Rung(
                steps: steps / 3, scored: isWhole ? scoring : scoring / 4, survivors: 3,
                isLast: false),
            Rung(steps: steps * 2 / 3, scored: half, survivors: 2, isLast: false),
            Rung(steps: steps, scored: half, survivors: 2, isLast: true),
        ]
    }
}

extension Loss {
    /// The loss of two sets of samples together, from that of each.
    fileprivate func combined(_ a: Double, _ countA: Int, _ b: Double, _ countB: Int) -> Double {
        switch kind {
        case .crossEntropy, .meanSquaredError:
            return (a * Double(countA) + b * Double(countB)) / Double(countA + countB)
        case .halfSquaredError:
            return a + b
        }
    }
}

import Networks
import Optimization
import Runtime

/// Ascent and lookahead over a group that knows its direction.
struct DirectedSearch<Moves: DirectedGroup> {
    /// A step is halved at most this often.
    static var mostBacktracks: Int { 30 }

    let moves: Moves
    let model: Model
    let loss: Loss
    let options: TeleportOptions
    /// The samples whose loss every step must keep.
    let batch: Batch

    /// Steps along the direction within a trust radius, which halves while the objective does not improve or the
    /// loss drifts past its tolerance, and grows again after a success.
    func ascent(
        _ objective: any ObjectiveFunction, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let here = try Model(copying: model)
        let trial = try Model(copying: model)
        let covector = try Buffer<Float>(count: model.parameters.count)
        var check = try Guard(
            trial, batch, loss, workspace: try model.measuringWorkspace(count: batch.count))
        let sign = options.objective.sign
        let largest = options.resolvedRadius
        var radius = largest
        for _ in 0..<options.resolvedSteps {
            let value = try objective.derivative(here, into: covector.pointer)
            guard value.isFinite, allFinite(covector.pointer, count: covector.count),
                let direction = try moves.direction(at: here, covector.pointer)
            else { break }
            var isMoved = false
            for _ in 0...Self.mostBacktracks {
                isMoved = try attempt(from: here, to: trial, direction, sign * radius) {
                    let measured = try objective.measure(trial)
                    try check.recordAfter(loss: measured.loss)
                    return check.isFinite && check.keepsLoss(tolerance: options.lossTolerance)
                        && options.objective.isBetter(measured.value, than: value)
                }
                if isMoved { break }
                radius /= 2
                report.backtracks += 1
            }
            guard isMoved else { break }
            try moves.accept(direction, sign * radius)
            here.parameters.pointer.update(
                from: trial.parameters.pointer, count: trial.parameters.count)
            report.steps += 1
            report.radius += radius
            radius = min(2 * radius, largest)
        }
        report.candidates = report.steps + 1
        guard report.steps > 0 else { return nil }
        try moves.describe(&report)
        return try moves.found(here)
    }

    /// The rung of the ladder along the direction at the present weights whose rollout ends best.
    func lookahead(
        _ objective: any ObjectiveFunction, rollout: Rollout, optimizer: any Optimizer,
        _ report: inout TeleportReport
    ) throws -> (any Move)? {
        report.candidates = 1
        let covector = try Buffer<Float>(count: model.parameters.count)
        let value = try objective.derivative(model, into: covector.pointer)
        guard value.isFinite, allFinite(covector.pointer, count: covector.count),
            let direction = try moves.direction(at: model, covector.pointer)
        else { return nil }
        let sign = options.objective.sign
        let trial = try Model(copying: model)
        var check = try Guard(
            trial, batch, loss, workspace: try model.measuringWorkspace(count: batch.count))
        var candidates: [any Move] = []
        var lengths: [Double] = []
        for factor in Ladder.factors {
            let length = factor * options.resolvedRadius
            let isMoved = try attempt(from: model, to: trial, direction, sign * length) {
                try check.measureAfter()
                return check.isFinite && check.keepsLoss(tolerance: options.lossTolerance)
            }
            guard isMoved else {
                report.refused += 1
                continue
            }
            candidates.append(try moves.found(trial, along: direction, by: sign * length))
            lengths.append(length)
        }
        let chosen = try Ladder.choose(
            candidates, model, rollout: rollout, optimizer: optimizer, state: options.state, &report
        )
        report.candidates = Ladder.factors.count + 1
        guard let chosen else { return nil }
        report.radius = lengths[chosen]
        // Once more, so that the group knows what it did.
        _ = try attempt(from: model, to: trial, direction, sign * lengths[chosen]) { true }
        try moves.accept(direction, sign * lengths[chosen])
        try moves.describe(&report)
        return candidates[chosen]
    }

    /// Moves a copy and asks whether the result will do.
    private func attempt(
        from start: Model, to trial: Model, _ direction: Moves.Direction, _ length: Double,
        _ isGood: () throws -> Bool
    ) throws -> Bool {
        trial.parameters.pointer.update(
            from: start.parameters.pointer, count: start.parameters.count)
        guard try ifInRange({ try moves.move(trial, along: direction, by: length) }) ?? false,
            allFinite(trial.parameters.pointer, count: trial.parameters.count)
        else { return false }
        return try isGood()
    }
}

/// The lookahead's candidates, whatever the group.
enum Ladder {
    /// Radii as factors of the config's; a negative one means the opposite direction.
    static let factors = [-1, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 1.5, 2]

    /// Rolls out from every candidate and from where the model is; nil when staying ends best.
    static func choose(
        _ candidates: [any Move], _ model: Model, rollout: Rollout, optimizer: any Optimizer,
        state: StatePolicy, _ report: inout TeleportReport
    ) throws -> Int? {
        let outcome = try rollout.run(model, optimizer: optimizer, candidates: candidates.count + 1)
        {
            candidate, copy, optimizer in
            guard candidates[candidate - 1].apply(to: copy) else { return false }
            try state.apply(candidates[candidate - 1], to: optimizer.state)
            return true
        }
        report.candidates = candidates.count + 1
        report.refused += outcome.diverged
        report.scoreBefore = outcome.scoreOfStaying
        report.scoreAfter = outcome.scoreOfChosen
        return outcome.chosen > 0 ? outcome.chosen - 1 : nil
    }
}

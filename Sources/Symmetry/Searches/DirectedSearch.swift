import Networks
import Optimization
import Runtime

/// Ascent and lookahead over a group that knows its direction.
struct DirectedSearch<Moves: DirectedGroup> {
    /// A step is halved at most this often.
    static var mostBacktracks: Int { 30 }

    let moves: Moves
    let task: SearchTask
    private var model: Model { task.model }
    private var options: TeleportConfig { task.options }

    /// Where it ends, or nil to stay; `report` says so when nothing could move at all.
    func findMove(_ objective: any ObjectiveFunction, _ report: inout TeleportReport) throws
        -> (any Move)?
    {
        let move =
            options.search == .lookahead
            ? try lookahead(objective, &report) : try ascent(objective, &report)
        if move == nil, moves.hasNoRoom {
            report.outcome = .noRoom
            try moves.describe(&report)
        }
        return move
    }

    /// Steps along the direction within a trust radius, which halves while the objective does not
    /// improve or the loss drifts past its tolerance, and grows again after a success.
    func ascent(
        _ objective: any ObjectiveFunction, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let here = try Model(copying: model)
        let trial = try Model(copying: model)
        let covector = try Buffer<Float>(count: model.parameters.count)
        var check = try Guard(
            trial, task.batch, task.loss,
            workspace: try model.measuringWorkspace(count: task.batch.count))
        let sign = options.objective.sign
        let largest = task.radius
        var radius = largest
        for _ in 0..<task.steps {
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
            here.weights.copy(from: trial.weights)
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
        _ objective: any ObjectiveFunction, _ report: inout TeleportReport
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
            trial, task.batch, task.loss,
            workspace: try model.measuringWorkspace(count: task.batch.count))
        var candidates: [any Move] = []
        var lengths: [Double] = []
        for factor in Ladder.factors {
            let length = factor * task.radius
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
        let chosen = try Ladder.choose(candidates, task, &report)
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
        trial.weights.copy(from: start.weights)
        guard try ifInRange({ try moves.move(trial, along: direction, by: length) }) ?? false,
            trial.weights.areFinite
        else { return false }
        return try isGood()
    }
}

import Networks
import Optimization
import Runtime

/// The best of random group elements, staying included (the scheme of
/// baubels/gradient_teleportation, with the true objective at the moved weights).
struct RandomSearch {
    let sampler: any ElementSampler
    let task: SearchTask

    /// Draws one candidate after the other and moves copies by them. `objective` nil: by rollouts.
    func findMove(
        _ objective: (any ObjectiveFunction)?, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let (model, options) = (task.model, task.options)
        var generator = RandomGenerator(seed: options.seed, stream: RandomStream.search)
        let trial = try Model(copying: model)
        var check = try Guard(
            trial, task.batch, task.loss,
            workspace: try model.measuringWorkspace(count: task.batch.count))
        var best: DrawnElement?
        var bestValue = try objective?.value(model) ?? .nan
        var kept: [DrawnElement] = []
        let ranked = try sampler.ranking(beyond: bestValue, generator, &report)
        for turn in 0..<(ranked?.count ?? options.candidates) {
            try Stop.ask()
            if let ranked { generator = ranked[turn].generator }
            trial.weights.copy(from: model.weights)
            guard var drawn = try ifInRange({ try sampler.draw(trial, &generator) }),
                trial.weights.areFinite
            else {
                report.refused += 1
                continue
            }
            let measured = try objective?.measure(trial)
            try check.recordAfter(loss: measured?.loss)
            guard check.isFinite, check.keepsLoss(tolerance: options.lossTolerance) else {
                report.refused += 1
                continue
            }
            guard let value = measured?.value else {
                try drawn.keep(trial)
                kept.append(drawn)
                continue
            }
            guard options.objective.isBetter(value, than: bestValue) else { continue }
            bestValue = value
            try drawn.keep(trial)
            best = drawn
            if ranked != nil { break }
        }
        report.candidates = options.candidates + 1
        if objective == nil {
            let refused = report.refused
            let chosen = try Ladder.choose(kept.compactMap(\.move), task, &report)
            report.candidates += refused
            best = chosen.map { kept[$0] }
        }
        guard let best else { return nil }
        report.radius = best.radius
        try best.describe(&report)
        if let layer = best.layer { report.layer = layer }
        return best.move
    }
}

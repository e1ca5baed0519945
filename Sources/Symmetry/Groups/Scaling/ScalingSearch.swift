import Layers
import Networks
import Runtime

/// The searches over the scaling group with |grad L|^2 as the objective, which is known in closed
/// form: each ends in one element, or in the identity.
struct ScalingSearch {
    private let task: SearchTask
    private let layers: [Int]
    private let s: Buffer<Double>
    private let classes: ChannelClasses
    private var options: TeleportConfig { task.options }

    /// `layers`: those that may move.
    init(_ task: SearchTask, layers: [Int]) throws {
        self.task = task
        self.layers = layers
        classes = try ChannelClasses(task.model.graph)
        s = try Buffer(repeating: 0, count: classes.channelCount)
    }

    func findMove(_ report: inout TeleportReport) throws -> (any Move)? {
        let (model, batch) = (task.model, task.objectiveBatch)
        let gradient = try Buffer<Float>(count: model.parameters.count)
        let value = try model.gradient(
            batch, task.loss, into: gradient.pointer,
            workspace: try model.measuringWorkspace(count: batch.count, backward: true))
        guard value.isFinite, allFinite(gradient.pointer, count: gradient.count) else {
            report.outcome = .notFinite
            return nil
        }
        let objective = try ScalingObjective(classes, gradient: gradient.pointer)
        let element: Scaling
        switch options.search {
        case .ascent: element = try ascent(objective, &report)
        case .random: element = try random(objective, &report)
        case .lookahead: element = try lookahead(objective, &report)
        }
        report.gradientNorm2Before = gradientNorm2(objective, at: try Scaling(classes))
        report.gradientNorm2After = gradientNorm2(objective, at: element)
        report.objectiveBefore = report.gradientNorm2Before
        report.objectiveAfter = report.gradientNorm2After
        report.condition = element.condition
        return element.isIdentity ? nil : element
    }

    private func gradientNorm2(_ objective: ScalingObjective, at element: Scaling) -> Double {
        for i in 0..<s.count { s.pointer[i] = element.logFactor(i) }
        return objective.value(s.pointer)
    }

    private func element() throws -> Scaling {
        let element = try Scaling(classes)
        element.setLogFactors(s.pointer, exact: options.exact)
        return element
    }

    /// Takes `s` to where the objective is best within the radius.
    private func climb(
        _ objective: ScalingObjective, radius: Double, _ report: inout TeleportReport
    ) throws {
        var layer: Int?
        if case .one(let single) = options.layers { layer = single }
        let climb =
            options.objective.isMaximized
            ? ScalingObjective.maximize(objective) : ScalingObjective.minimize(objective)
        let steps = try climb(s.pointer, radius, layer, task.steps)
        report.steps = max(report.steps, steps)
    }

    /// The element that the objective is best at within the radius.
    private func ascent(
        _ objective: ScalingObjective, _ report: inout TeleportReport
    ) throws -> Scaling {
        try climb(objective, radius: task.radius, &report)
        let element = try element()
        report.candidates = element.isIdentity ? 1 : 2
        report.radius = element.radius
        return element
    }

    /// The best of uniform draws from the box, the identity included.
    private func random(
        _ objective: ScalingObjective, _ report: inout TeleportReport
    ) throws -> Scaling {
        var generator = RandomGenerator(seed: options.seed, stream: RandomStream.search)
        let sampler = try ScalingSampler(task, layers: layers)
        let best = try Scaling(classes)
        let candidate = try Scaling(classes)
        var bestValue = gradientNorm2(objective, at: best)
        for _ in 0..<options.candidates {
            try Stop.ask()
            let layers = sampler.draw(into: candidate, &generator)
            let value = gradientNorm2(objective, at: candidate)
            if !value.isFinite {
                report.refused += 1
            } else if options.objective.isMaximized ? value > bestValue : value < bestValue {
                bestValue = value
                best.factors.pointer.update(from: candidate.factors.pointer, count: s.count)
                if layers.count == 1 { report.layer = layers[0] }
            }
        }
        report.candidates = options.candidates + 1
        report.radius = best.radius
        return best
    }

    /// The rung of the ladder whose rollout ends best on samples that took no part in it.
    private func lookahead(
        _ objective: ScalingObjective, _ report: inout TeleportReport
    ) throws -> Scaling {
        var elements: [Scaling] = []
        var radii: [Double] = []
        for factor in Ladder.factors {
            try climb(objective, radius: abs(factor) * task.radius, &report)
            if factor < 0 { for i in 0..<s.count { s.pointer[i].negate() } }
            let element = try element()
            // Rounded to powers of two, small rungs are the identity and others fall together.
            guard !element.isIdentity, !elements.contains(where: { $0.equals(element) }) else {
                continue
            }
            elements.append(element)
            radii.append(factor < 0 ? -element.radius : element.radius)
        }
        guard let chosen = try Ladder.choose(elements, task, &report) else {
            return try Scaling(classes)
        }
        report.radius = radii[chosen]
        return elements[chosen]
    }
}

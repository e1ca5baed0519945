import Layers
import Networks
import Optimization
import Runtime

/// The searches over the scaling group with |grad L|^2 as the objective, which is known in closed form: each ends in
/// one element, or in the identity.
struct ScalingSearch {
    let graph: Graph
    let objective: ScalingObjective
    let options: TeleportOptions
    private let s: Buffer<Double>

    init(_ graph: Graph, _ objective: ScalingObjective, _ options: TeleportOptions)
        throws
    {
        self.graph = graph
        self.objective = objective
        self.options = options
        s = try Buffer(repeating: 0, count: graph.hiddenUnitCount)
    }

    /// phi at an element.
    func gradientNorm2(_ element: Scaling) -> Double {
        for i in 0..<s.count { s.pointer[i] = element.logFactor(i) }
        return objective.value(s.pointer)
    }

    private func element() throws -> Scaling {
        let element = try Scaling(graph)
        element.setLogFactors(s.pointer, exact: options.exact)
        return element
    }

    /// Takes `s` to where the objective is best within the radius.
    private func climb(radius: Double, _ report: inout TeleportReport) throws {
        var layer: Int?
        if case .one(let single) = options.layers { layer = single }
        let climb =
            options.objective.isMaximized
            ? ScalingObjective.maximize(objective) : ScalingObjective.minimize(objective)
        let steps = try climb(s.pointer, radius, layer, options.resolvedSteps)
        report.steps = max(report.steps, steps)
    }

    /// The element that the objective is best at within the radius.
    func ascent(_ report: inout TeleportReport) throws -> Scaling {
        try climb(radius: options.resolvedRadius, &report)
        let element = try element()
        report.candidates = element.isIdentity ? 1 : 2
        report.radius = element.radius
        return element
    }

    /// The best of uniform draws from the box, the identity included.
    func random(_ report: inout TeleportReport) throws -> Scaling {
        var generator = RandomGenerator(seed: options.seed, stream: RandomStream.search)
        let movable = options.movedLayers(graph)
        let best = try Scaling(graph)
        let candidate = try Scaling(graph)
        var bestValue = gradientNorm2(best)
        for _ in 0..<options.candidates {
            try Stop.ask()
            s.pointer.update(repeating: 0, count: s.count)
            let layers =
                options.layers == .random
                ? [movable[generator.nextIndex(below: movable.count)]] : movable
            for m in layers {
                let units = Scaling.units(ofHiddenLayer: m, graph)
                for i in units.first..<units.first + units.count {
                    s.pointer[i] = generator.nextDouble(
                        from: -options.resolvedRadius, to: options.resolvedRadius)
                }
            }
            candidate.setLogFactors(s.pointer, exact: options.exact)
            let value = gradientNorm2(candidate)
            if !value.isFinite {
                report.refused += 1
            } else if options.objective == .gradientNormMaximize
                ? value > bestValue : value < bestValue
            {
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
    func lookahead(
        _ model: Model, rollout: Rollout, optimizer: any Optimizer, _ report: inout TeleportReport
    ) throws -> Scaling {
        let identity = try Scaling(graph)
        var elements: [Scaling] = []
        var radii: [Double] = []
        for factor in Ladder.factors {
            try climb(radius: abs(factor) * options.resolvedRadius, &report)
            if factor < 0 { for i in 0..<s.count { s.pointer[i].negate() } }
            let element = try element()
            // Rounded to powers of two, small rungs are the identity and others fall together.
            guard !element.isIdentity, !elements.contains(where: { $0.equals(element) }) else {
                continue
            }
            elements.append(element)
            radii.append(factor < 0 ? -element.radius : element.radius)
        }
        let chosen = try Ladder.choose(
            elements, model, rollout: rollout, optimizer: optimizer, state: options.state, &report)
        guard let chosen else { return identity }
        report.radius = radii[chosen]
        return elements[chosen]
    }
}

import Networks
import Optimization
import Runtime

/// The searches over the scaling group: each ends in one element, or in the identity.
struct ScalingSearch {
    /// Radii of the lookahead as factors of `options.radius`; a negative one means the negated corner.
    static let ladder = [-1, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 1.5, 2]

    let architecture: Architecture
    let objective: ScalingObjective
    let options: TeleportOptions
    private let s: Buffer<Double>

    init(_ architecture: Architecture, _ objective: ScalingObjective, _ options: TeleportOptions) throws {
        self.architecture = architecture
        self.objective = objective
        self.options = options
        s = try Buffer(repeating: 0, count: architecture.hiddenUnitCount)
    }

    /// phi at an element.
    func gradientNorm2(_ element: Scaling) -> Double {
        for i in 0..<s.count { s.pointer[i] = element.logFactor(i) }
        return objective.value(s.pointer)
    }

    private func element() throws -> Scaling {
        let element = try Scaling(architecture)
        element.setLogFactors(s.pointer, exact: options.exact)
        return element
    }

    /// Takes `s` to where the objective is best within the radius.
    private func climb(radius: Double, _ report: inout TeleportReport) {
        let steps: Int
        switch options.objective {
        case .gradientNormMaximize:
            steps = objective.maximize(
                s.pointer, radius: radius, layer: options.layer, steps: options.steps)
        case .gradientNormMinimize:
            steps = objective.minimize(
                s.pointer, radius: radius, layer: options.layer, steps: options.steps)
        }
        report.steps = max(report.steps, steps)
    }

    /// The element that the objective is best at within the radius.
    func ascent(_ report: inout TeleportReport) throws -> Scaling {
        climb(radius: options.radius, &report)
        let element = try element()
        report.candidates = element.isIdentity ? 1 : 2
        report.radius = element.radius
        return element
    }

    /// The best of uniform draws from the box, the identity included.
    func random(_ report: inout TeleportReport) throws -> Scaling {
        var generator = RandomGenerator(seed: options.seed, stream: RandomStream.search)
        let moving = options.layer.map { Scaling.units(ofHiddenLayer: $0, architecture) }
            ?? (first: 0, count: s.count)
        let best = try Scaling(architecture)
        let candidate = try Scaling(architecture)
        var bestValue = gradientNorm2(best)
        for _ in 0..<options.candidates {
            s.pointer.update(repeating: 0, count: s.count)
            for i in moving.first..<moving.first + moving.count {
                s.pointer[i] = generator.nextDouble(from: -options.radius, to: options.radius)
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
        var elements = [try Scaling(architecture)]
        var radii = [0.0]
        for factor in Self.ladder {
            climb(radius: abs(factor) * options.radius, &report)
            if factor < 0 { for i in 0..<s.count { s.pointer[i].negate() } }
            let element = try element()
            // Rounded to powers of two, small rungs are the identity and others fall together.
            guard !elements.contains(where: { $0.equals(element) }) else { continue }
            elements.append(element)
            radii.append(factor < 0 ? -element.radius : element.radius)
        }
        let outcome = try rollout.run(model, optimizer: optimizer, candidates: elements.count) {
            candidate, copy in
            elements[candidate].apply(to: copy.parameters.pointer)
            return allFinite(copy.parameters.pointer, count: copy.parameters.count)
        }
        report.candidates = elements.count
        report.refused = outcome.diverged
        report.radius = radii[outcome.chosen]
        report.scoreBefore = outcome.scoreOfStaying
        report.scoreAfter = outcome.scoreOfChosen
        return elements[outcome.chosen]
    }
}

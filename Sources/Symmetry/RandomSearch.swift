import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime

/// The best of random group elements, staying included (the scheme of baubels/gradient_teleportation, with the true
/// objective at the moved weights).
struct RandomSearch {
    let model: Model
    let batch: Batch
    let loss: Loss
    let options: TeleportOptions
    /// Hidden layers that may move.
    let layers: [Int]
    /// Of the samples, where it is known already.
    var inverse: PseudoInverse?
    /// Where the model is one of a row space: that.
    var rows: RowSpace?

    /// Draws one candidate after the other and moves copies by them. `objective` nil: by rollouts.
    func run(
        _ objective: (any ObjectiveFunction)?, rollout: Rollout, optimizer: any Optimizer,
        _ report: inout TeleportReport
    ) throws -> (any Move)? {
        var generator = RandomGenerator(seed: options.seed, stream: RandomStream.search)
        let trial = try Model(copying: model)
        let start = model.parameters
        var check = try Guard(
            trial, batch, loss, workspace: try model.measuringWorkspace(count: batch.count))
        let group =
            options.group == .linear
            ? try LinearGroup(model.graph, batch, layers: layers, inverse: inverse) : nil
        var best: Drawn?
        var bestValue = try objective?.value(model) ?? .nan
        var kept: [Drawn] = []
        let ranked = try ranking(in: group, beyond: bestValue, generator, &report)
        for turn in 0..<(ranked?.count ?? options.candidates) {
            try Stop.ask()
            if let ranked { generator = ranked[turn].generator }
            trial.parameters.pointer.update(from: start.pointer, count: start.count)
            guard var drawn = try ifInRange({ try draw(from: group, trial, &generator) }),
                allFinite(trial.parameters.pointer, count: start.count)
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
            let chosen = try Ladder.choose(
                kept.compactMap(\.move), model, rollout: rollout, optimizer: optimizer,
                state: options.state, &report)
            report.candidates += refused
            best = chosen.map { kept[$0] }
        }
        guard let best else { return nil }
        report.radius = best.radius
        report.condition = try best.condition()
        report.include(best.fit)
        if let layer = best.layer { report.layer = layer }
        return best.move
    }

    /// A candidate that is better than staying, with the generator that draws it.
    private struct Ranked: BitwiseCopyable {
        let gain: Double
        let turn: Int
        let generator: RandomGenerator
    }

    /// The candidates that are better than staying, the best first, where that is known without moving the model
    /// (`LinearScores`); otherwise nil.
    private func ranking(
        in group: LinearGroup?, beyond value: Double, _ generator: RandomGenerator,
        _ report: inout TeleportReport
    ) throws -> GrowingBuffer<Ranked>? {
        guard let group, let rows, options.objective.isGradientNorm, value.isFinite,
            options.layers == .random || layers.count == 1,
            let scores = try rows.scores(loss, moving: layers)
        else { return nil }
        let sign = options.objective.sign
        var generator = generator
        let better = try GrowingBuffer<Ranked>()
        for turn in 0..<options.candidates {
            try Stop.ask()
            let before = generator
            let score = try ifInRange { () -> Double? in
                guard let (m, matrix) = try drawMatrices(&generator).first else { return nil }
                let z = scores.preactivations(of: m)
                return try scores.value(m, try element(matrix, group, z, layer: m))
            }
            guard let score = score ?? nil, score.isFinite else {
                report.refused += 1
                continue
            }
            if sign * (score - value) > 0 {
                try better.append(Ranked(gain: sign * score, turn: turn, generator: before))
            }
        }
        better.elements.sortInPlace {
            $0.gain != $1.gain ? $0.gain > $1.gain : $0.turn < $1.turn
        }
        return better
    }

    /// A candidate that has been drawn and applied to the trial model.
    private struct Drawn {
        var move: (any Move)?
        var radius = 0.0
        var layer: Int?
        var fit = LinearAction.Fit()
        var condition: () throws -> Double

        mutating func keep(_ trial: Model) throws {
            if move == nil { move = try MovedWeights(trial) }
        }
    }

    /// `group`: nil for the scaling group.
    private func draw(
        from group: LinearGroup?, _ trial: Model, _ generator: inout RandomGenerator
    ) throws -> Drawn? {
        guard let group else { return try drawScaling(trial, &generator) }
        return try drawLinear(group, trial, &generator)
    }

    private func drawLayers(_ generator: inout RandomGenerator) -> [Int] {
        guard options.layers == .random else { return layers }
        return [layers[generator.nextIndex(below: layers.count)]]
    }

    private func drawScaling(_ trial: Model, _ generator: inout RandomGenerator) throws -> Drawn? {
        let graph = model.graph
        let s = try Buffer<Double>(repeating: 0, count: graph.hiddenUnitCount)
        let layers = drawLayers(&generator)
        for m in layers {
            let units = Scaling.units(ofHiddenLayer: m, graph)
            for i in units.first..<units.first + units.count {
                s.pointer[i] = generator.nextDouble(
                    from: -options.resolvedRadius, to: options.resolvedRadius)
            }
        }
        let element = try Scaling(graph)
        element.setLogFactors(s.pointer, exact: options.exact)
        guard !element.isIdentity, element.apply(to: trial) else { return nil }
        return Drawn(
            move: element, radius: element.radius, layer: layers.count == 1 ? layers[0] : nil,
            condition: { element.condition })
    }

    private func drawLinear(
        _ group: LinearGroup, _ trial: Model, _ generator: inout RandomGenerator
    ) throws -> Drawn? {
        let matrices = try drawMatrices(&generator)
        var fit = LinearAction.Fit()
        var elements: [Matrix] = []
        let isMoved = try group.act(on: trial, fit: &fit) { m, z in
            guard let matrix = matrices[m] else { return nil }
            let element = try element(matrix, group, z, layer: m)
            elements.append(element.g)
            return element
        }
        guard isMoved else { return nil }
        let acted = elements
        return Drawn(
            radius: options.sampler == .exponential ? options.resolvedRadius : 0,
            layer: matrices.count == 1 ? matrices.keys.first : nil, fit: fit,
            condition: { try acted.map { try SVD.condition($0) }.max() ?? 1 })
    }

    /// What the sampler draws for the layers that a candidate moves.
    private func drawMatrices(_ generator: inout RandomGenerator) throws -> [Int: Matrix] {
        let layers = drawLayers(&generator)
        switch options.sampler {
        case .exponential:
            return try LinearGroup.randomAlgebra(
                model.graph, layers: layers, norm: options.resolvedRadius, &generator)
        case .diagonallyDominant:
            var matrices: [Int: Matrix] = [:]
            for m in layers {
                matrices[m] = try LinearGroup.diagonallyDominant(
                    model.graph.layers.pointer[m].outputs, &generator)
            }
            return matrices
        }
    }

    /// The element of the group that it stands for.
    private func element(
        _ matrix: Matrix, _ group: LinearGroup, _ z: Matrix, layer m: Int
    ) throws -> LinearElement {
        guard options.sampler == .exponential else { return LinearElement(g: matrix) }
        return try group.element(matrix, 1, z, layer: m) {
            let (g, inverse) = try $0.exponentials()
            return LinearElement(g: g, inverse: inverse)
        }
    }
}

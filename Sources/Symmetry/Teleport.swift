import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime

/// One teleport of one model: search, move, check, and back to the bit when the check fails.
public struct Teleport {
    /// Below this many samples the direction and the scores of a lookahead share all of them.
    static let smallestSplit = 64

    private let model: Model
    private let loss: Loss
    private let options: TeleportOptions
    private let optimizer: (any Optimizer)?
    private let clipNorm: Double
    private let samples: TeleportSamples
    private var batch: Batch { samples.batch }
    private var heldOut: Batch? { samples.heldOut }

    /// Rollouts step with a copy of `optimizer`; without one, with plain SGD at the options' rate.
    public init(
        _ model: Model, _ batch: Batch, _ loss: Loss, _ options: TeleportOptions,
        optimizer: (any Optimizer)? = nil, clipNorm: Double = 0
    ) throws {
        try options.validate()
        try options.validate(for: model.graph, loss: loss)
        try batch.validate(for: model.graph, loss: loss)
        if options.needsRollouts, optimizer == nil, options.learningRate <= 0 {
            throw TeleportError.invalid(
                "learning_rate is \(options.learningRate); a lookahead without a trainer needs the rate of its steps"
            )
        }
        self.model = model
        self.loss = loss
        self.options = options
        self.optimizer = optimizer
        self.clipNorm = clipNorm
        samples = try TeleportSamples(batch, options)
    }

    /// Samples that give the direction, and those that score rollouts.
    private var halves: (direction: Batch, scoring: Batch, shared: Bool) {
        guard options.needsRollouts else { return (batch, batch, false) }
        guard batch.count >= Self.smallestSplit else { return (batch, batch, true) }
        let half = batch.count / 2
        return (batch.slice(0, half), batch.slice(half, batch.count - half), false)
    }

    /// Carries it out. On an error the model is as it was; on any outcome but `accepted` as well, to the bit.
    public func run() throws -> TeleportReport {
        let start = Clock.seconds()
        try BLAS.reserve()
        var report = TeleportReport()
        report.group = options.group
        report.search = options.search
        if case .one(let layer) = options.layers { report.layer = layer }
        let backup = try Buffer(copying: model.parameters)
        do {
            try withExtendedLifetime(samples) { try searchAndMove(&report, backup: backup) }
        } catch {
            model.parameters.pointer.update(from: backup.pointer, count: backup.count)
            throw error
        }
        report.seconds = Clock.seconds() - start
        return report
    }

    private func searchAndMove(_ report: inout TeleportReport, backup: Buffer<Float>) throws {
        let workspace = try model.measuringWorkspace(count: batch.count)
        report.halvesShared = halves.shared
        var check = try Guard(model, batch, loss, workspace: workspace)
        var heldOutCheck = try heldOut.map {
            try Guard(
                model, $0, loss, workspace: try model.measuringWorkspace(count: $0.count))
        }
        report.lossBefore = check.lossBefore
        report.heldOutBefore = heldOutCheck?.lossBefore ?? .nan
        guard check.lossBefore.isFinite, heldOutCheck?.lossBefore.isFinite ?? true else {
            report.outcome = .notFinite
            return
        }
        guard let move = try search(check, &report) else {
            if report.outcome == .none { report.outcome = .stayed }
            report.lossAfter = report.lossBefore
            report.heldOutAfter = report.heldOutBefore
            report.outputChange = 0
            return
        }
        let isFinite = move.apply(to: model)
        report.outcome =
            isFinite ? try judge(&check, &heldOutCheck, backup: backup, &report) : .notFinite
        guard report.outcome == .accepted else {
            model.parameters.pointer.update(from: backup.pointer, count: backup.count)
            return
        }
        if let optimizer { try options.state.apply(move, to: optimizer.state) }
    }

    /// Measures the moved model and says what becomes of the move.
    private func judge(
        _ check: inout Guard, _ heldOut: inout Guard?, backup: Buffer<Float>,
        _ report: inout TeleportReport
    ) throws -> TeleportOutcome {
        try check.measureAfter()
        try heldOut?.measureAfter()
        report.lossAfter = check.lossAfter
        report.outputChange = check.outputChange
        report.heldOutAfter = heldOut?.lossAfter ?? .nan
        guard check.isFinite else { return .notFinite }
        guard check.keepsLoss(tolerance: options.lossTolerance) else { return .lossChanged }
        if let heldOut {
            guard heldOut.isFinite else { return .notFinite }
            guard heldOut.keepsLoss(tolerance: options.heldOutTolerance) else {
                return .heldOutChanged
            }
        }
        if options.exact {
            let isExact = Scaling.isExact(
                from: backup.pointer, to: model.parameters.pointer, count: backup.count)
            guard isExact, check.outputsAreIdentical else { return .inexact }
        }
        return .accepted
    }
}

// The searches, by group.
extension Teleport {
    /// What to do, or nil to stay. Leaves the model as it is.
    private func search(_ check: Guard, _ report: inout TeleportReport) throws -> (any Move)? {
        if options.group == .scaling, options.objective.isGradientNorm {
            return try closedFormSearch(&report)
        }
        let objective = try options.makeObjective(model, halves.direction, loss)
        let before = try objective.value(model)
        // A gradient of zero is one that nothing can be told from.
        let isFlat = options.objective.isGradientNorm && before == 0
        let move = isFlat ? nil : try search(objective, from: before, check, &report)
        // Bounded activations hide an infinite input from the loss, not from the gradient.
        if move == nil, !before.isFinite { report.outcome = .notFinite }
        let moved = try Model(copying: model)
        let after =
            move == nil || move?.apply(to: moved) == false ? before : try objective.value(moved)
        if objective is GradientNorm {
            report.gradientNorm2Before = before
            report.gradientNorm2After = after
        }
        // Candidates that are scored by rollouts have these for an objective.
        let isScored = options.objective == .lookahead
        report.objectiveBefore = isScored ? report.scoreBefore : before
        report.objectiveAfter = isScored ? report.scoreAfter : after
        return move
    }

    /// The row space of the batch, for searches that see nothing but the batch.
    private func rowSpace() throws -> RowSpace? {
        guard options.group == .linear, options.search != .lookahead,
            options.objective.isGradientNorm,
            model.graph.layers.elements.dropLast().allSatisfy({ $0.activation.kind != .identity })
        else { return nil }
        return try RowSpace(of: model, batch)
    }

    /// `value`: of the objective where the model is.
    private func search(
        _ objective: any ObjectiveFunction, from value: Double, _ check: Guard,
        _ report: inout TeleportReport
    ) throws -> (any Move)? {
        // What the space multiplies with K may leave the range of floats where the whole model does not.
        if let space = try rowSpace(), case let inner = try space.gradientNorm(loss),
            try inner.value(space.model).isFinite
        {
            var inSpace = report
            let move = try search(space, inner, &inSpace)
            if try move.map({ try isGood($0, objective, from: value, check) }) ?? true {
                report = inSpace
                return move
            }
            // After large moves rounding alone may do more to the whole model than it did in the space.
        }
        return try search(
            SearchSpace(model: model, batch: batch, options: options), objective, &report)
    }

    /// Whether a move found in the row space keeps the loss of the whole model and improves its objective. What the
    /// objective measures for it is what the report asks for next.
    private func isGood(
        _ move: any Move, _ objective: any ObjectiveFunction, from value: Double, _ check: Guard
    ) throws -> Bool {
        let moved = try Model(copying: model)
        guard move.apply(to: moved) else { return false }
        let measured = try objective.measure(moved)
        guard let loss = measured.loss, options.objective.isBetter(measured.value, than: value)
        else { return false }
        var check = check
        try check.recordAfter(loss: loss)
        return check.isFinite && check.keepsLoss(tolerance: options.lossTolerance)
    }

    private func search(
        _ space: RowSpace, _ objective: GradientNorm, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        var options = options
        // Half of what the guard allows is left to the rounding of the whole model.
        options.lossTolerance /= 2
        let move = try search(
            SearchSpace(
                model: space.model, batch: space.batch, options: options, inverse: space.inverse,
                rows: space),
            objective, &report)
        guard let move else { return nil }
        let moved = try Model(copying: space.model)
        _ = move.apply(to: moved)
        return try MovedWeights(space.lift(moved))
    }

    private func search(
        _ space: SearchSpace, _ objective: any ObjectiveFunction, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let (model, batch, options) = (space.model, space.batch, space.options)
        let graph = model.graph
        let layers = options.movedLayers(graph, samples: batch.count)
        if layers.count == 1, graph.hiddenLayerCount > 1 { report.layer = layers[0] }
        guard options.search != .random else {
            let search = RandomSearch(
                model: model, batch: batch, loss: loss, options: options, layers: layers,
                inverse: space.inverse, rows: space.rows)
            return try search.run(
                options.objective == .lookahead ? nil : objective, rollout: rollout,
                optimizer: try rolloutOptimizer(), &report)
        }
        switch options.group {
        case .scaling:
            return try search(
                space, ScalingMoves(graph, layers: layers, exact: options.exact), objective,
                &report)
        case .linear:
            let group = try LinearGroup(
                graph, batch, layers: layers, inverse: space.inverse)
            return try search(space, LinearMoves(group), objective, &report)
        case .nullSpace:
            return try search(
                space,
                NullSpaceMoves(
                    NullSpace(graph, batch, tolerance: options.nullTolerance)),
                objective, &report)
        case .levelSet:
            return try search(
                space,
                LevelSetMoves(
                    try LevelSet(model, batch, loss, tolerance: options.lossTolerance)),
                objective, &report)
        case .frame: return nil  // refused before: it is a trainer's
        }
    }

    private func search(
        _ space: SearchSpace, _ moves: some DirectedGroup, _ objective: any ObjectiveFunction,
        _ report: inout TeleportReport
    ) throws -> (any Move)? {
        let search = DirectedSearch(
            moves: moves, model: space.model, loss: loss, options: space.options,
            batch: space.batch)
        let move =
            options.search == .lookahead
            ? try search.lookahead(
                objective, rollout: rollout, optimizer: try rolloutOptimizer(), &report)
            : try search.ascent(objective, &report)
        if move == nil, moves.hasNoRoom {
            report.outcome = .noRoom
            try moves.describe(&report)
        }
        return move
    }

    private func closedFormSearch(_ report: inout TeleportReport) throws -> (any Move)? {
        let gradient = try Buffer<Float>(count: model.parameters.count)
        let value = try model.gradient(
            halves.direction, loss, into: gradient.pointer,
            workspace: try model.measuringWorkspace(count: halves.direction.count, backward: true))
        guard value.isFinite, allFinite(gradient.pointer, count: gradient.count) else {
            report.outcome = .notFinite
            return nil
        }
        let objective = try ScalingObjective(model.graph, gradient: gradient.pointer)
        let search = try ScalingSearch(model.graph, objective, options)
        let element: Scaling
        switch options.search {
        case .ascent: element = try search.ascent(&report)
        case .random: element = try search.random(&report)
        case .lookahead:
            element = try search.lookahead(
                model, rollout: rollout, optimizer: try rolloutOptimizer(), &report)
        }
        report.gradientNorm2Before = search.gradientNorm2(try Scaling(model.graph))
        report.gradientNorm2After = search.gradientNorm2(element)
        report.objectiveBefore = report.gradientNorm2Before
        report.objectiveAfter = report.gradientNorm2After
        report.condition = element.condition
        return element.isIdentity ? nil : element
    }

    private var rollout: Rollout {
        Rollout(
            training: halves.direction, scoring: halves.scoring, loss: loss,
            steps: options.rolloutSteps, batchSize: options.rolloutBatch, clipNorm: clipNorm)
    }

    private func rolloutOptimizer() throws -> any Optimizer {
        if let optimizer { return optimizer }
        var plain = OptimizerOptions()
        plain.learningRate = options.learningRate
        return try plain.makeOptimizer(parameterCount: model.parameters.count)
    }
}

/// What a search looks at: the model and the samples themselves, or as a row space has them.
private struct SearchSpace {
    let model: Model
    let batch: Batch
    let options: TeleportOptions
    /// Of the samples, where it is known already.
    var inverse: PseudoInverse?
    var rows: RowSpace?
}

extension TeleportOptions {
    var needsRollouts: Bool { search == .lookahead || objective == .lookahead }
}

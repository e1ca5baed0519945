import Networks
import Optimization
import Runtime

/// One teleport of one model: search, move, check, and back to the bit when the check fails.
public struct Teleport {
    /// Below this many samples the direction and the scores of a lookahead share all of them.
    static let smallestSplit = 64

    let model: Model
    let batch: Batch
    let loss: Loss
    let options: TeleportOptions
    /// What rollouts step with; without one, plain SGD at the options' rate.
    let optimizer: (any Optimizer)?

    public init(
        _ model: Model, _ batch: Batch, _ loss: Loss, _ options: TeleportOptions,
        optimizer: (any Optimizer)? = nil
    ) throws {
        try options.validate()
        try options.validate(for: model.architecture)
        try batch.validate(for: model.architecture, loss: loss)
        if let heldOut = options.heldOut {
            try heldOut.validate(for: model.architecture, loss: loss)
        }
        if options.search == .lookahead, optimizer == nil, options.learningRate <= 0 {
            throw TeleportError.invalid(
                "learning_rate is \(options.learningRate); a lookahead without a trainer needs the rate of its steps"
            )
        }
        self.model = model
        self.batch = batch
        self.loss = loss
        self.options = options
        self.optimizer = optimizer
    }

    /// Samples that give the direction, and those that score rollouts.
    private var halves: (direction: Batch, scoring: Batch, shared: Bool) {
        guard options.search == .lookahead else { return (batch, batch, false) }
        guard batch.count >= Self.smallestSplit else { return (batch, batch, true) }
        let half = batch.count / 2
        return (batch.slice(0, half), batch.slice(half, batch.count - half), false)
    }

    /// Carries it out. On an error the model is as it was; on any outcome but `accepted` as well, to the bit.
    public func run() throws -> TeleportReport {
        let start = Clock.seconds()
        var report = TeleportReport()
        report.group = options.group
        report.search = options.search
        report.layer = options.layer
        try search(&report)
        report.seconds = Clock.seconds() - start
        return report
    }

    private func search(_ report: inout TeleportReport) throws {
        let workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        let backup = try Buffer(copying: model.parameters)
        let halves = halves
        report.halvesShared = halves.shared

        let gradient = try Buffer<Float>(count: model.parameters.count)
        let directionLoss = model.gradient(
            halves.direction, loss, into: gradient.pointer, workspace: workspace)
        guard directionLoss.isFinite, allFinite(gradient.pointer, count: gradient.count) else {
            report.outcome = .notFinite
            return
        }

        let objective = try ScalingObjective(model.architecture, gradient: gradient.pointer)
        let search = try ScalingSearch(model.architecture, objective, options)
        let element: Scaling
        switch options.search {
        case .ascent: element = try search.ascent(&report)
        case .random: element = try search.random(&report)
        case .lookahead:
            let rollout = Rollout(
                training: halves.direction, scoring: halves.scoring, loss: loss,
                steps: options.rolloutSteps, batchSize: options.rolloutBatch)
            element = try search.lookahead(
                model, rollout: rollout,
                optimizer: optimizer
                    ?? SGD(learningRate: options.learningRate, parameterCount: gradient.count),
                &report)
        }
        report.gradientNorm2Before = search.gradientNorm2(try Scaling(model.architecture))
        report.gradientNorm2After = search.gradientNorm2(element)
        report.condition = element.condition

        var check = try Guard(model, batch, loss, workspace: workspace)
        var heldOut: Guard?
        if let samples = options.heldOut, options.heldOutTolerance >= 0 {
            heldOut = try Guard(
                model, samples, loss,
                workspace: try model.measuringWorkspace(count: samples.count))
        }
        if element.isIdentity {
            report.outcome = .stayed
            report.lossBefore = check.lossBefore
            report.lossAfter = check.lossBefore
            report.heldOutBefore = heldOut?.lossBefore ?? .nan
            report.heldOutAfter = report.heldOutBefore
            report.outputChange = 0
            return
        }
        element.apply(to: model.parameters.pointer)
        report.outcome = judge(&check, &heldOut, backup: backup, &report)
        if report.outcome != .accepted {
            model.parameters.pointer.update(from: backup.pointer, count: backup.count)
        }
    }

    /// Measures the moved model and says what becomes of the move.
    private func judge(
        _ check: inout Guard, _ heldOut: inout Guard?, backup: Buffer<Float>,
        _ report: inout TeleportReport
    ) -> TeleportOutcome {
        let parameters = model.parameters
        guard allFinite(parameters.pointer, count: parameters.count) else {
            report.lossBefore = check.lossBefore
            return .notFinite
        }
        check.measureAfter()
        heldOut?.measureAfter()
        report.lossBefore = check.lossBefore
        report.lossAfter = check.lossAfter
        report.outputChange = check.outputChange
        report.heldOutBefore = heldOut?.lossBefore ?? .nan
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
                from: backup.pointer, to: parameters.pointer, count: parameters.count)
            guard isExact, check.outputsAreIdentical else { return .inexact }
        }
        return .accepted
    }
}

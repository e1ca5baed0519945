import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime

/// One teleport of one model: search, move, check, and back to the bit when the check fails.
public struct Teleport {
    private let model: Model
    private let loss: Loss
    private let options: TeleportConfig
    private let optimizer: Optimizer?
    private let samples: TeleportSamples
    private let task: SearchTask

    /// Rollouts step with a copy of `optimizer`, and number their steps from `step` on, as the ones
    /// that they look ahead to; without one, with plain SGD at the options' rate.
    public init(
        _ model: Model, _ batch: Batch, _ loss: Loss, _ options: TeleportConfig,
        optimizer: Optimizer? = nil, clipNorm: Double = 0, step: Int = 0
    ) throws {
        try options.validate()
        try options.validate(for: model.graph, loss: loss, optimizer: optimizer)
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
        samples = try TeleportSamples(batch, options)
        task = SearchTask(
            model, samples.batch, loss, options, radius: options.resolvedRadius,
            steps: options.resolvedSteps, optimizer: optimizer, clipNorm: clipNorm,
            firstStep: step)
    }

    /// Carries it out. On an error the model is as it was; on any outcome but `accepted` as well,
    /// to the bit.
    public func run() throws -> TeleportReport {
        let start = Clock.seconds()
        try BLAS.reserve()
        var report = TeleportReport()
        report.group = options.group
        report.search = options.search
        if case .one(let layer) = options.layers { report.layer = layer }
        let backup = try Weights(copying: model.weights)
        do {
            try withExtendedLifetime(samples) { try searchAndMove(&report, backup: backup) }
        } catch {
            model.weights.copy(from: backup)
            throw error
        }
        report.seconds = Clock.seconds() - start
        return report
    }

    private func searchAndMove(_ report: inout TeleportReport, backup: Weights) throws {
        report.halvesShared = task.halvesShared
        var check = try makeGuard(samples.batch)
        var heldOutCheck = try samples.heldOut.map { try makeGuard($0, .running) }
        report.lossBefore = check.lossBefore
        report.heldOutBefore = heldOutCheck?.lossBefore ?? .nan
        guard check.lossBefore.isFinite, heldOutCheck?.lossBefore.isFinite ?? true else {
            report.outcome = .notFinite
            return
        }
        guard let move = try options.symmetry.findMove(task, check, &report) else {
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
            model.weights.copy(from: backup)
            return
        }
        if let optimizer { try options.state.apply(move, to: optimizer.state) }
    }

    private func makeGuard(_ batch: Batch, _ mode: PassMode = .batch) throws -> Guard {
        try Guard(
            model, batch, loss,
            workspace: try model.measuringWorkspace(count: batch.count, mode), mode)
    }

    /// Measures the moved model and says what becomes of the move.
    private func judge(
        _ check: inout Guard, _ heldOut: inout Guard?, backup: Weights,
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
            guard model.weights.areExact(from: backup), check.outputsAreIdentical else {
                return .inexact
            }
        }
        return .accepted
    }
}

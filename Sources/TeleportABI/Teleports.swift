import CTeleport
import Layers
import Networks
import Runtime
import Symmetry

// Header section 7: teleports.

extension tp_teleport_config {
    static var defaults: tp_teleport_config {
        let options = TeleportConfig()
        var config = tp_teleport_config()
        config.group = options.group.rawValue
        config.search = options.search.rawValue
        config.objective = options.objective.rawValue
        config.state = options.state.rawValue
        config.layer = Int32(TP_LAYER_ALL)
        config.null_tolerance = options.nullTolerance
        config.candidates = Int32(options.candidates)
        config.sampler = options.sampler.rawValue
        config.seed = options.seed
        config.rollout_steps = Int32(options.rolloutSteps)
        config.rollout_batch = Int32(options.rolloutBatch)
        config.learning_rate = options.learningRate
        config.perturbations = Int32(options.perturbations)
        config.curves = Int32(options.curves)
        config.loss_tolerance = options.lossTolerance
        config.held_out_tolerance = options.heldOutTolerance
        return config
    }
}

extension TeleportConfig {
    init(_ config: UnsafePointer<tp_teleport_config>?) throws {
        let config = try readConfig(config, defaults: .defaults, "config")
        try requireZero(config.reserved)
        self.init()
        group = try member(config.group, Group.self, "group")
        search = try member(config.search, Search.self, "search")
        objective = try member(config.objective, Objective.self, "objective")
        state = try member(config.state, StatePolicy.self, "state")
        switch config.layer {
        case Int32(TP_LAYER_ALL): layers = .all
        case Int32(TP_LAYER_RANDOM): layers = .random
        default: layers = .one(Int(config.layer))
        }
        exact = try flag(config.exact, "exact")
        radius = config.radius == 0 ? nil : config.radius
        nullTolerance = given(config.null_tolerance, or: nullTolerance)
        steps = config.steps == 0 ? nil : Int(config.steps)
        candidates = given(config.candidates, or: candidates)
        sampler = try member(config.sampler, Sampler.self, "sampler")
        seed = config.seed
        rolloutSteps = given(config.rollout_steps, or: rolloutSteps)
        rolloutBatch = given(config.rollout_batch, or: rolloutBatch)
        learningRate = config.learning_rate
        perturbations = given(config.perturbations, or: perturbations)
        curves = given(config.curves, or: curves)
        if let norms = try array(
            config.perturbation_norms, config.perturbation_norm_count,
            most: TeleportConfig.mostPerturbationNorms, "perturbation_norms"),
            norms.count > 0
        {
            perturbationNorms = norms
        }
        lossTolerance = given(config.loss_tolerance, or: lossTolerance)
        heldOutTolerance = given(config.held_out_tolerance, or: heldOutTolerance)
        guard heldOutTolerance >= 0 || heldOutTolerance == -1 || !heldOutTolerance.isFinite else {
            throw TeleportError.wrong(
                "held_out_tolerance", heldOutTolerance, "positive, -1 for off or 0 for the default")
        }
        heldOut = try config.held_out.map { try Batch($0, "held_out") }
        try validate()
    }
}

extension tp_teleport_report {
    init(_ report: TeleportReport) {
        self.init()
        struct_size = MemoryLayout<tp_teleport_report>.size
        accepted = report.accepted ? 1 : 0
        outcome = report.outcome.rawValue
        group = report.group.rawValue
        search = report.search.rawValue
        layer = Int32(truncatingIfNeeded: report.layer ?? -1)
        rank = Int32(truncatingIfNeeded: report.rank)
        steps = Int32(truncatingIfNeeded: report.steps)
        backtracks = Int32(truncatingIfNeeded: report.backtracks)
        candidates = Int32(truncatingIfNeeded: report.candidates)
        refused = Int32(truncatingIfNeeded: report.refused)
        halves_shared = report.halvesShared ? 1 : 0
        seconds = report.seconds
        radius = report.radius
        gradient_norm2_before = report.gradientNorm2Before
        gradient_norm2_after = report.gradientNorm2After
        objective_before = report.objectiveBefore
        objective_after = report.objectiveAfter
        score_before = report.scoreBefore
        score_after = report.scoreAfter
        loss_before = report.lossBefore
        loss_after = report.lossAfter
        held_out_before = report.heldOutBefore
        held_out_after = report.heldOutAfter
        output_change = report.outputChange
        condition = report.condition
        input_condition = report.inputCondition
        fit_residual = report.fitResidual
        condition_before = report.conditionBefore
        condition_after = report.conditionAfter
    }
}

@_cdecl("tp_teleport_config_init") @implementation
public func tp_teleport_config_init(
    _ config: UnsafeMutablePointer<tp_teleport_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

@_cdecl("tp_teleport_report_init") @implementation
public func tp_teleport_report_init(
    _ report: UnsafeMutablePointer<tp_teleport_report>?, _ struct_size: Int
) -> tp_status {
    call {
        try initialize(
            report, size: struct_size, with: tp_teleport_report(TeleportReport()), "report")
    }
}

@_cdecl("tp_teleport_outcome_string") @implementation
public func tp_teleport_outcome_string(_ outcome: tp_teleport_outcome) -> UnsafePointer<CChar>? {
    let text: StaticString
    switch outcome {
    case TP_TELEPORT_NONE: text = "no teleport was tried"
    case TP_TELEPORT_ACCEPTED: text = "accepted"
    case TP_TELEPORT_STAYED: text = "no candidate was better than staying"
    case TP_TELEPORT_LOSS_CHANGED:
        text = "put back: the loss on the batch changed past its tolerance"
    case TP_TELEPORT_HELD_OUT_CHANGED:
        text = "put back: the loss on held-out samples changed past its tolerance"
    case TP_TELEPORT_NOT_FINITE: text = "put back: a weight, loss or gradient is not finite"
    case TP_TELEPORT_UNDONE: text = "put back: training diverged soon after it"
    case TP_TELEPORT_INEXACT: text = "put back: a weight left the range of normal floats"
    case TP_TELEPORT_NO_ROOM:
        text = "nothing can move: the samples see every change of the weights that would help"
    default: text = "unknown outcome"
    }
    return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@_cdecl("tp_model_check_teleport") @implementation
public func tp_model_check_teleport(
    _ model: OpaquePointer?, _ config: UnsafePointer<tp_teleport_config>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        try TeleportConfig(config).validate(for: model.graph)
    }
}

@_cdecl("tp_model_teleport") @implementation
public func tp_model_teleport(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ config: UnsafePointer<tp_teleport_config>?,
    _ report_out: UnsafeMutablePointer<tp_teleport_report>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        try model.requireIdle()
        try checkOutput(report_out, "report_out")
        let teleport = try Teleport(
            model, try Batch(batch), try lossMember(loss), try TeleportConfig(config))
        let report = try teleport.run()
        try writeOutput(tp_teleport_report(report), to: report_out, "report_out")
    }
}

@_cdecl("tp_model_apply_scaling") @implementation
public func tp_model_apply_scaling(
    _ model: OpaquePointer?, _ layer: Int32, _ scale: UnsafePointer<Float>?, _ count: Int
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        try model.requireIdle()
        try model.applyScaling(
            hiddenLayer: Int(layer), factors: try scale.required("scale"), count: count)
    }
}

@_cdecl("tp_model_apply_linear") @implementation
public func tp_model_apply_linear(
    _ model: OpaquePointer?, _ layer: Int32, _ g: UnsafePointer<Float>?, _ count: Int,
    _ batch: UnsafePointer<tp_batch>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let samples = try batch.map { try Batch(inputsOf: $0, for: model.graph) }
        try model.requireIdle()
        try model.applyLinear(
            hiddenLayer: Int(layer), g: try g.required("g"), count: count, batch: samples)
    }
}

@_cdecl("tp_model_linear_gradient_norm") @implementation
public func tp_model_linear_gradient_norm(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ phi_out: UnsafeMutablePointer<Double>?, _ gradient: UnsafeMutablePointer<Double>?,
    _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let batch = try Batch(batch)
        let loss = try lossMember(loss)
        let gradient = try gradient.required("gradient")
        let elements = try LinearGroup.algebraSize(model.graph)
        try requireCapacity(capacity, elements, "gradient")
        try batch.validate(for: model.graph, loss: loss)
        let phi = try model.linearGradientNorm(batch, loss, into: gradient)
        phi_out?.pointee = phi
    }
}

@_cdecl("tp_model_scaling_gradient_norm") @implementation
public func tp_model_scaling_gradient_norm(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ log_scale: UnsafePointer<Double>?, _ count: Int, _ phi_out: UnsafeMutablePointer<Double>?,
    _ gradient: UnsafeMutablePointer<Double>?, _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let batch = try Batch(batch)
        let loss = try lossMember(loss)
        let log_scale = try log_scale.required("log_scale")
        let phi_out = try phi_out.required("phi_out")
        try Scaling.requireHomogeneous(model.graph)
        let units = try Scaling.channelCount(model.graph)
        try requireCount(count, units, "log_scale")
        try requireOptional(gradient, capacity, units, "gradient")
        if let gradient {
            try requireApart(log_scale, "log_scale", gradient, "gradient", count: units)
        }
        for i in 0..<units where !log_scale[i].isFinite {
            throw TeleportError(.notFinite, "log_scale[\(i)] is \(log_scale[i])")
        }
        try batch.validate(for: model.graph, loss: loss)
        let workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        let weightGradient = try Buffer<Float>(count: model.parameters.count)
        _ = try model.gradient(batch, loss, into: weightGradient.pointer, workspace: workspace)
        let objective = try ScalingObjective(
            model.graph, gradient: weightGradient.pointer)
        phi_out.pointee = objective.value(log_scale, gradient: gradient)
    }
}

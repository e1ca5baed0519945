import Networks
import Optimization
import Runtime

/// The positive scaling group: exact for every input, and with |grad L|^2 known in closed form.
struct ScalingSymmetry: SymmetryGroup {
    let name = "scaling group"
    let dependsOnData = false
    let radius = 1.0
    /// An ascent of the closed form costs no pass of the model.
    func steps(for objective: Objective) -> Int {
        if objective.isOfWeights { return BalanceSearch.sweeps }
        return objective.isGradientNorm ? 50 : 10
    }

    let movesLayers = true
    let hasElements = true
    let hasExactElements = true
    let transformsState = true

    func require(_ graph: Graph, _ optimizer: Optimizer?) throws {
        try requireHiddenLayer(graph)
        try Scaling.requireHomogeneous(graph)
        guard try ChannelClasses(graph).count > 0 else {
            throw TeleportError(
                .unsupported,
                "every channel of the model is tied to one that cannot be scaled, such as an input")
        }
    }

    func layerCount(_ graph: Graph) throws -> Int { try ChannelClasses(graph).count }

    func moves(_ task: SearchTask, layers: [Int]) throws -> any DirectedGroup {
        try ScalingMoves(task.model.graph, layers: layers, exact: task.options.exact)
    }

    func sampler(_ task: SearchTask, layers: [Int]) throws -> any ElementSampler {
        try ScalingSampler(task, layers: layers)
    }

    func curves(_ graph: Graph, _ batch: Batch, layers: [Int]) throws -> any CurveFamily {
        try ScalingCurves(graph, layers: layers)
    }

    func requireMovable(_ layer: Int, _ graph: Graph) throws {
        _ = try ChannelClasses(graph).made(byLayer: layer, of: graph)
    }

    /// Hosts name layers, and what moves are classes of channels.
    func findMove(_ task: SearchTask, _ check: Guard, _ report: inout TeleportReport) throws
        -> (any Move)?
    {
        let graph = task.model.graph
        let classes = try ChannelClasses(graph)
        let named = report.layer
        var task = task
        if case .one(let layer) = task.options.layers {
            task.options.layers = .one(try classes.made(byLayer: layer, of: graph))
        }
        report.layer = nil
        let move = try findClassMove(task, check, &report)
        report.layer = named ?? report.layer.flatMap { classes.firstLayer(making: $0, of: graph) }
        return move
    }

    private func findClassMove(
        _ task: SearchTask, _ check: Guard, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        if task.options.objective.isOfWeights {
            return try BalanceSearch(task).findMove(&report)
        }
        guard task.options.objective.isGradientNorm else {
            return try findMoveByObjective(task, check, &report)
        }
        let layers = try movedLayers(
            task.options.layers, task.model.graph, samples: task.batch.count)
        return try ScalingSearch(task, layers: layers).findMove(&report)
    }
}

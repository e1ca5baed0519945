import Layers
import Networks
import Optimization

/// The general linear group on hidden layers, through the samples. A search that sees nothing but
/// the batch goes on in the batch's row space.
struct LinearSymmetry: SymmetryGroup {
    /// Where the task's model is one of a row space: that.
    var rows: RowSpace?

    let name = "general linear group"
    static let title = "the general linear group"
    let dependsOnData = true
    let radius = 0.3

    let movesLayers = true
    let hasElements = true

    func require(_ graph: Graph, _ optimizer: Optimizer?) throws {
        try requireHiddenLayer(graph)
        try LinearAction.requireBijective(graph)
    }

    func layerCount(_ graph: Graph) throws -> Int { DenseRow(graph).hidden.count }

    func requireMovable(_ layer: Int, _ graph: Graph) throws {
        try graph.requireInRow(layer, for: Self.title)
    }

    /// Hosts number all layers with parameters, and what moves are dense ones.
    func findMove(_ task: SearchTask, _ check: Guard, _ report: inout TeleportReport) throws
        -> (any Move)?
    {
        let shift = DenseRow(task.model.graph).shift
        let named = report.layer
        var task = task
        if case .one(let layer) = task.options.layers { task.options.layers = .one(layer - shift) }
        report.layer = nil
        let move = try findMoveByObjective(task, check, &report)
        report.layer = named ?? report.layer.map { $0 + shift }
        return move
    }

    /// With more samples than inputs a layer's weights can only fit what the group wants of it, and
    /// the loss drifts. So where other layers can follow exactly, such layers stay unless they are
    /// named.
    func movableLayers(_ graph: Graph, samples: Int) throws -> [Int] {
        let all = Array(DenseRow(graph).hidden)
        let following = all.filter {
            let layer = graph.layers.pointer[$0]
            return layer.activation.kind == .identity || layer.inputs >= samples
        }
        return following.isEmpty ? all : following
    }

    private func group(_ task: SearchTask, layers: [Int]) throws -> LinearGroup {
        try LinearGroup(task.model.graph, task.batch, layers: layers, inverse: rows?.inverse)
    }

    func moves(_ task: SearchTask, layers: [Int]) throws -> any DirectedGroup {
        LinearMoves(try group(task, layers: layers))
    }

    func sampler(_ task: SearchTask, layers: [Int]) throws -> any ElementSampler {
        LinearSampler(
            task: task, group: try group(task, layers: layers), layers: layers, rows: rows)
    }

    func curves(_ graph: Graph, _ batch: Batch, layers: [Int]) throws -> any CurveFamily {
        LinearCurves(graph: graph, batch: batch, layers: layers)
    }

    func improve(
        _ objective: any ObjectiveFunction, from value: Double, _ task: SearchTask,
        _ check: Guard, _ report: inout TeleportReport
    ) throws -> (any Move)? {
        // What the space multiplies with K may leave the range of floats where the whole model does
        // not.
        if let space = try rowSpace(task), case let inner = try space.gradientNorm(task.loss),
            try inner.value(space.model).isFinite
        {
            var inSpace = report
            let move = try Self.findMove(in: space, inner, task, &inSpace)
            if try move.map({ try isGood($0, objective, from: value, task, check) }) ?? true {
                report = inSpace
                return move
            }
            // After large moves rounding alone may do more to the whole model than it did in the
            // space.
        }
        return try searchMoves(objective, task, &report)
    }

    /// The row space of the batch, for searches that see nothing but the batch.
    private func rowSpace(_ task: SearchTask) throws -> RowSpace? {
        guard task.options.search != .lookahead, task.options.objective.isGradientNorm,
            task.model.graph.isRow,
            task.model.graph.layers.elements.dropLast()
                .allSatisfy({ $0.activation.kind != .identity })
        else { return nil }
        return try RowSpace(of: task.model, task.batch)
    }

    private static func findMove(
        in space: RowSpace, _ objective: GradientNorm, _ task: SearchTask,
        _ report: inout TeleportReport
    ) throws -> (any Move)? {
        var inner = task
        inner.model = space.model
        inner.batch = space.batch
        // Half of what the guard allows is left to the rounding of the whole model.
        inner.options.lossTolerance /= 2
        let move = try LinearSymmetry(rows: space).searchMoves(objective, inner, &report)
        guard let move else { return nil }
        let moved = try Model(copying: space.model)
        _ = move.apply(to: moved)
        return try MovedWeights(space.lift(moved))
    }

    /// Whether a move found in the row space keeps the loss of the whole model and improves its
    /// objective. What the objective measures for it is what the report asks for next.
    private func isGood(
        _ move: any Move, _ objective: any ObjectiveFunction, from value: Double,
        _ task: SearchTask, _ check: Guard
    ) throws -> Bool {
        let moved = try Model(copying: task.model)
        guard move.apply(to: moved) else { return false }
        let measured = try objective.measure(moved)
        guard let loss = measured.loss,
            task.options.objective.isBetter(measured.value, than: value)
        else { return false }
        var check = check
        try check.recordAfter(loss: loss)
        return check.isFinite && check.keepsLoss(tolerance: task.options.lossTolerance)
    }
}

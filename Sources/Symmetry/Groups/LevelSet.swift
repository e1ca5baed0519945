import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime

/// Moves along the level set of the loss for any activation (arXiv 2403.03362): a normalized step
/// along the part of the objective's derivative that is orthogonal to grad L, then back to the
/// level set by first-order corrections along grad L.
final class LevelSet {
    /// Corrections after which a step that is still off the level set is given up.
    private static let corrections = 8

    private let batch: Batch
    private let loss: Loss
    private let workspace: Workspace
    private let gradient: Buffer<Float>
    private let level: Double
    private let tolerance: Double

    /// The level set that `model` lies on.
    init(_ model: Model, _ batch: Batch, _ loss: Loss, tolerance: Double) throws {
        self.batch = batch
        self.loss = loss
        workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        gradient = try Buffer(count: model.graph.parameterCount)
        level = try model.loss(batch, loss, workspace: workspace)
        // Half of what the guard allows is left to what comes after.
        self.tolerance = max(0.5 * tolerance * abs(level), 1e-7 * abs(level))
    }

    /// S - (S . g / g . g) g with g = grad L at the model's weights.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double> {
        _ = try model.gradient(batch, loss, into: gradient.pointer, workspace: workspace)
        let result = try Buffer<Double>(count: gradient.count)
        let norm2 = squaredNorm(gradient.pointer, count: gradient.count)
        var dot = 0.0
        for i in 0..<gradient.count { dot += Double(covector[i]) * Double(gradient.pointer[i]) }
        let factor = norm2 > 0 ? dot / norm2 : 0
        for i in 0..<gradient.count {
            result.pointer[i] = Double(covector[i]) - factor * Double(gradient.pointer[i])
        }
        return result
    }

    /// Takes a model that has left the level set back to it; false when that fails.
    func correct(_ model: Model) throws -> Bool {
        let parameters = model.parameters.pointer
        for _ in 0..<Self.corrections {
            let value = try model.gradient(
                batch, loss, into: gradient.pointer, workspace: workspace)
            guard value.isFinite else { return false }
            if abs(value - level) <= tolerance { return true }
            let norm2 = squaredNorm(gradient.pointer, count: gradient.count)
            guard norm2 > 0, norm2.isFinite else { return false }
            let step = (value - level) / norm2
            for i in 0..<gradient.count {
                parameters[i] = Float(Double(parameters[i]) - step * Double(gradient.pointer[i]))
            }
        }
        return abs(try model.loss(batch, loss, workspace: workspace) - level) <= tolerance
    }
}

/// Moves along the level set. Length: the step's norm over the weights' norm.
final class LevelSetMoves: DirectedGroup {
    private let levelSet: LevelSet

    init(_ levelSet: LevelSet) {
        self.levelSet = levelSet
    }

    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double>? {
        normalized(try levelSet.direction(at: model, covector), relativeTo: covector)
    }

    func move(_ model: Model, along direction: Buffer<Double>, by length: Double) throws -> Bool {
        step(model, along: direction, by: length)
        return try levelSet.correct(model)
    }
}

/// Moves along the level set of the loss.
struct LevelSetSymmetry: SymmetryGroup {
    let name = "level-set move"
    let dependsOnData = true
    let radius = 0.05

    func require(_ graph: Graph, _ optimizer: Optimizer?) throws {
        try requireHiddenLayer(graph)
    }

    func moves(_ task: SearchTask, layers: [Int]) throws -> any DirectedGroup {
        LevelSetMoves(
            try LevelSet(
                task.model, task.batch, task.loss, tolerance: task.options.lossTolerance))
    }
}

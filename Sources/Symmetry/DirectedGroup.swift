import Layers
import LinearAlgebra
import Networks
import Optimization
import Runtime

/// A family of moves that knows, wherever the weights are, the direction in which an objective changes most.
protocol DirectedGroup: AnyObject {
    associatedtype Direction

    /// The direction of length 1 at the model's weights for an objective with derivative `covector`; nil where
    /// nothing can move.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Direction?

    /// Moves the model along it; false when that cannot be done, and the weights are then anything.
    func move(_ model: Model, along direction: Direction, by length: Double) throws -> Bool

    /// Counts a move as made.
    func accept(_ direction: Direction, _ length: Double) throws

    /// Adds what the accepted moves came to.
    func describe(_ report: inout TeleportReport) throws

    /// What one move led to.
    func found(_ model: Model, along direction: Direction, by length: Double) throws -> any Move

    /// What the accepted moves led to.
    func found(_ model: Model) throws -> any Move

    /// There was no direction, although the objective has a derivative.
    var hasNoRoom: Bool { get }
}

extension DirectedGroup {
    func found(_ model: Model, along direction: Direction, by length: Double) throws -> any Move {
        try MovedWeights(model)
    }

    func found(_ model: Model) throws -> any Move { try MovedWeights(model) }

    var hasNoRoom: Bool { false }

    func accept(_ direction: Direction, _ length: Double) throws {}
    func describe(_ report: inout TeleportReport) throws {}
}

/// Scaling by the objective's derivative, for objectives without a closed form. Length: the largest |s|.
final class ScalingMoves: DirectedGroup {
    private let graph: Graph
    private let layers: [Int]
    private let exact: Bool
    private let total: Scaling

    init(_ graph: Graph, layers: [Int], exact: Bool) throws {
        self.graph = graph
        self.layers = layers
        self.exact = exact
        total = try Scaling(graph)
    }

    /// d / d s_i = S_m[i,:] . W_m[i,:] + S_b[i] b[i] - S_(m+1)[:,i] . W_(m+1)[:,i], the largest scaled to 1.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double>? {
        let result = try Buffer<Double>(repeating: 0, count: graph.hiddenUnitCount)
        let weights = model.parameters.pointer
        var largest = 0.0
        for m in layers {
            let units = Scaling.units(ofHiddenLayer: m, graph)
            let layer = graph.layers.pointer[m]
            let next = graph.layers.pointer[m + 1]
            for i in 0..<units.count {
                var sum = 0.0
                for j in 0..<layer.inputs {
                    let place = layer.weightOffset + i * layer.inputs + j
                    sum += Double(covector[place]) * Double(weights[place])
                }
                if layer.hasBias {
                    sum +=
                        Double(covector[layer.biasOffset + i])
                        * Double(weights[layer.biasOffset + i])
                }
                for k in 0..<next.outputs {
                    let place = next.weightOffset + k * next.inputs + i
                    sum -= Double(covector[place]) * Double(weights[place])
                }
                result.pointer[units.first + i] = sum
                largest = max(largest, abs(sum))
            }
        }
        guard largest > 0, largest.isFinite else { return nil }
        for i in 0..<result.count { result.pointer[i] /= largest }
        return result
    }

    func move(_ model: Model, along direction: Buffer<Double>, by length: Double) throws -> Bool {
        try element(direction, length).apply(to: model)
    }

    private func element(_ direction: Buffer<Double>, _ length: Double) throws -> Scaling {
        let element = try Scaling(graph)
        let scaled = try Buffer(copying: direction)
        for i in 0..<scaled.count { scaled.pointer[i] *= length }
        element.setLogFactors(scaled.pointer, exact: exact)
        return element
    }

    func accept(_ direction: Buffer<Double>, _ length: Double) throws {
        let element = try element(direction, length)
        for i in 0..<element.factors.count {
            total.factors.pointer[i] *= element.factors.pointer[i]
        }
    }

    func describe(_ report: inout TeleportReport) throws {
        report.condition = total.condition
    }

    func found(_ model: Model, along direction: Buffer<Double>, by length: Double) throws
        -> any Move
    {
        ScaledWeights(weights: try MovedWeights(model), element: try element(direction, length))
    }

    func found(_ model: Model) throws -> any Move {
        ScaledWeights(weights: try MovedWeights(model), element: total)
    }
}

/// Weights that were found step by step, and the element of the group that all steps make.
private struct ScaledWeights: Move {
    let weights: MovedWeights
    let element: Scaling

    func apply(to model: Model) -> Bool { weights.apply(to: model) }
    func transform(_ state: OptimizerState) throws { try element.transform(state) }
}

/// The general linear group. Length: the joint Frobenius norm of the T_m.
final class LinearMoves: DirectedGroup {
    private let group: LinearGroup
    /// Of all elements so far, in floats: only their condition is asked for.
    private var products: [Int: Matrix] = [:]
    private var fit = LinearAction.Fit()
    private var lastFit = LinearAction.Fit()
    private var lastElements: [Int: Matrix] = [:]

    init(_ group: LinearGroup) {
        self.group = group
    }

    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> LinearGroup.Algebra?
    {
        let t = try group.derivative(at: model, covector)
        let norm = LinearGroup.norm(t)
        guard norm > 0, norm.isFinite else { return nil }
        for matrix in t.values { matrix.scale(by: 1 / norm) }
        return t
    }

    func move(_ model: Model, along t: LinearGroup.Algebra, by length: Double) throws -> Bool {
        lastFit = LinearAction.Fit()
        lastElements = [:]
        return try group.move(
            model, along: t, by: length, fit: &lastFit, elements: &lastElements)
    }

    func accept(_ t: LinearGroup.Algebra, _ length: Double) throws {
        fit.include(lastFit)
        for (m, g) in lastElements {
            products[m] =
                try products[m].map { try LinearGroup.floatProduct(g, $0) } ?? g
        }
    }

    func describe(_ report: inout TeleportReport) throws {
        report.condition = try products.values.map { try SVD.condition($0) }.max() ?? 1
        report.include(fit)
    }
}

/// Moves that no sample sees. Length: the step's norm over the weights' norm.
final class NullSpaceMoves: DirectedGroup {
    private let space: NullSpace
    private(set) var hasNoRoom = false

    init(_ space: NullSpace) {
        self.space = space
    }

    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Buffer<Double>? {
        let direction = normalized(
            try space.direction(at: model, covector), relativeTo: covector)
        hasNoRoom =
            direction == nil
            && squaredNorm(covector, count: model.parameters.count) > 0
        return direction
    }

    func move(_ model: Model, along direction: Buffer<Double>, by length: Double) throws -> Bool {
        step(model, along: direction, by: length)
        return true
    }

    func describe(_ report: inout TeleportReport) throws {
        report.rank = space.rank == .max ? 0 : space.rank
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

/// The vector at length 1, or nil where nothing but rounding is left of what it came from.
private func normalized(
    _ vector: Buffer<Double>, relativeTo covector: UnsafePointer<Float>
) -> Buffer<Double>? {
    var sum = 0.0
    for i in 0..<vector.count { sum += vector.pointer[i] * vector.pointer[i] }
    let norm = sum.squareRoot()
    let whole = squaredNorm(covector, count: vector.count).squareRoot()
    guard norm.isFinite, norm > 1e-6 * whole else { return nil }
    for i in 0..<vector.count { vector.pointer[i] /= norm }
    return vector
}

/// W <- W + length |W| direction
private func step(_ model: Model, along direction: Buffer<Double>, by length: Double) {
    let parameters = model.parameters.pointer
    let scale = length * squaredNorm(parameters, count: direction.count).squareRoot()
    for i in 0..<direction.count {
        parameters[i] = Float(Double(parameters[i]) + scale * direction.pointer[i])
    }
}

import Layers
import LinearAlgebra
import Networks
import Runtime

/// Draws T and takes its exponential, or draws a diagonally dominant g.
struct LinearSampler: ElementSampler {
    let task: SearchTask
    let group: LinearGroup
    /// Hidden layers that may move.
    let layers: [Int]
    /// Where the model is one of a row space: that.
    let rows: RowSpace?
    private var options: TeleportConfig { task.options }

    func draw(_ trial: Model, _ generator: inout RandomGenerator) throws -> DrawnElement? {
        let matrices = try drawMatrices(&generator)
        var fit = LinearAction.Fit()
        var elements: [Matrix] = []
        let isMoved = try group.act(on: trial, fit: &fit) { m, z in
            guard let matrix = matrices[m] else { return nil }
            let element = try element(matrix, z, layer: m)
            elements.append(element.g)
            return element
        }
        guard isMoved else { return nil }
        let (acted, reached) = (elements, fit)
        return DrawnElement(
            radius: options.sampler == .exponential ? task.radius : 0,
            layer: matrices.count == 1 ? matrices.keys.first : nil
        ) {
            $0.condition = try acted.map { try SVD.condition($0) }.max() ?? 1
            $0.include(reached)
        }
    }

    /// By `LinearScores`.
    func ranking(
        beyond value: Double, _ generator: RandomGenerator, _ report: inout TeleportReport
    ) throws -> GrowingBuffer<RankedDraw>? {
        guard let rows, options.objective.isGradientNorm, value.isFinite,
            options.layers == .random || layers.count == 1,
            let scores = try rows.scores(task.loss, moving: layers)
        else { return nil }
        let sign = options.objective.sign
        var generator = generator
        let better = try GrowingBuffer<RankedDraw>()
        for turn in 0..<options.candidates {
            try Stop.ask()
            let before = generator
            let score = try ifInRange { () -> Double? in
                guard let (m, matrix) = try drawMatrices(&generator).first else { return nil }
                let z = scores.preactivations(of: m)
                return try scores.value(m, try element(matrix, z, layer: m))
            }
            guard let score = score ?? nil, score.isFinite else {
                report.refused += 1
                continue
            }
            if sign * (score - value) > 0 {
                try better.append(RankedDraw(gain: sign * score, turn: turn, generator: before))
            }
        }
        better.elements.sortInPlace {
            $0.gain != $1.gain ? $0.gain > $1.gain : $0.turn < $1.turn
        }
        return better
    }

    /// What is drawn for the layers that a candidate moves.
    private func drawMatrices(_ generator: inout RandomGenerator) throws -> [Int: Matrix] {
        let graph = task.model.graph
        let layers = task.drawLayers(from: layers, &generator)
        switch options.sampler {
        case .exponential:
            return try LinearGroup.randomAlgebra(
                graph, layers: layers, norm: task.radius, &generator)
        case .diagonallyDominant:
            var matrices: [Int: Matrix] = [:]
            for m in layers {
                matrices[m] = try LinearGroup.diagonallyDominant(
                    graph.layers.pointer[m].outputs, &generator)
            }
            return matrices
        }
    }

    /// The element of the group that it stands for.
    private func element(_ matrix: Matrix, _ z: Matrix, layer m: Int) throws -> LinearElement {
        guard options.sampler == .exponential else { return LinearElement(g: matrix) }
        return try group.element(matrix, 1, z, layer: m) {
            let (g, inverse) = try $0.exponentials()
            return LinearElement(g: g, inverse: inverse)
        }
    }
}

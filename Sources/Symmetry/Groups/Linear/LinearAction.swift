import Layers
import LinearAlgebra
import Networks
import Runtime

/// The data-dependent action of GL(k) on one hidden layer (arXiv 2205.10637, equation 8) in its
/// anchored form:
///
///     W_(m+1) <- W_(m+1) g^-1          W_m <- W_m + (f^-1(g f(z_m)) - z_m) h^+
///
/// On the samples it equals the paper's f^-1(g f(W h)) h^+ and, unlike it, keeps what W_m does
/// elsewhere: g = I moves nothing. Computed in double, rounded once. With identity activations W_m
/// <- g W_m and b_m <- g b_m is exact for every input and needs no samples.
enum LinearAction {
    /// What one action could not do exactly.
    struct Fit {
        var rank = Int.max
        var inputCondition = 1.0
        var residual = 0.0

        mutating func include(_ other: Fit) {
            rank = min(rank, other.rank)
            inputCondition = max(inputCondition, other.inputCondition)
            residual = max(residual, other.residual)
        }
    }

    static func requireBijective(_ graph: Graph) throws {
        try graph.requireRow("the general linear group")
        for layer in graph.layers.elements.dropLast() { try requireBijective(layer.activation) }
    }

    static func requireBijective(_ activation: Activation) throws {
        guard activation.isBijective else {
            let slope = activation.kind == .leakyReLU ? " with negative_slope 0" : ""
            throw TeleportError(
                .unsupported,
                "the general linear group needs an activation with an inverse, which \(activation.name)\(slope) does not have"
            )
        }
    }

    /// Moves layer m of `model` by g. z: n x k and the pseudo-inverse of the layer's input h: n x
    /// inputs belong to the present weights; z becomes that of the moved ones. False, and nothing
    /// moved, when g f(z) leaves the activation's range.
    static func apply(
        _ element: LinearElement, toLayer m: Int, of model: Model, z: Matrix,
        pseudoInverse: PseudoInverse, fit: inout Fit
    ) throws -> Bool {
        let g = element.g
        let activation = model.graph.layers.pointer[m].activation
        let wanted = try z.copy()
        activation.apply(wanted)
        let moved = try Matrix.product(wanted, .no, g, .yes)
        // f^-1(f(z)) is not z where f is flat, so a unit that g leaves alone is left alone here
        // too.
        let still = element.unitsLeftAlone
        guard activation.invert(moved, leaving: still) else { return false }
        for sample in 0..<moved.rows {
            for i in 0..<moved.columns {
                moved[sample, i] = still[i] ? 0 : moved[sample, i] - z[sample, i]
            }
        }
        let (change, reached) = try pseudoInverse.solve(moved)  // inputs x k, n x k
        z.add(reached)
        let wantedNorm = moved.squaredNorm
        moved.add(reached, scaledBy: -1)
        fit.include(
            Fit(
                rank: pseudoInverse.rank, inputCondition: pseudoInverse.condition,
                residual: wantedNorm > 0 ? (moved.squaredNorm / wantedNorm).squareRoot() : 0))
        let layer = model.graph.layers.pointer[m]
        let weights = model.parameters.pointer + layer.weightOffset
        for i in 0..<layer.outputs {
            for j in 0..<layer.inputs {
                let place = i * layer.inputs + j
                weights[place] = Float(Double(weights[place]) + change[j, i])
            }
        }
        try divideNextLayer(m, of: model, by: element)
        return true
    }

    /// W_m <- g W_m, b_m <- g b_m, W_(m+1) <- W_(m+1) g^-1: exact for every input where f is the
    /// identity.
    static func applyExactly(
        _ element: LinearElement, toLayer m: Int, of model: Model
    ) throws {
        try multiplyRows(
            of: model.graph.layers.pointer[m], by: element.g, model.parameters.pointer)
        try divideNextLayer(m, of: model, by: element)
    }

    /// W_(m+1) <- W_(m+1) g^-1
    private static func divideNextLayer(
        _ m: Int, of model: Model, by element: LinearElement
    ) throws {
        let next = model.graph.layers.pointer[m + 1]
        let weights = model.parameters.pointer + next.weightOffset
        let moved = try element.divide(
            try Matrix(weights, rows: next.outputs, columns: next.inputs))
        for i in 0..<moved.count { weights[i] = Float(moved.pointer[i]) }
    }

    /// W <- g W and b <- g b
    private static func multiplyRows(
        of layer: LinearMap, by g: Matrix, _ parameters: UnsafeMutablePointer<Float>
    ) throws {
        let weights = try Matrix(
            parameters + layer.weightOffset, rows: layer.outputs, columns: layer.inputs)
        let moved = try Matrix.product(g, .no, weights)
        for i in 0..<moved.count { parameters[layer.weightOffset + i] = Float(moved.pointer[i]) }
        guard layer.hasBias else { return }
        let bias = try Matrix(parameters + layer.biasOffset, rows: layer.outputs, columns: 1)
        let movedBias = try Matrix.product(g, .no, bias)
        for i in 0..<layer.outputs { parameters[layer.biasOffset + i] = Float(movedBias[i, 0]) }
    }
}

extension TeleportReport {
    /// Adds what a data-dependent action could not do exactly.
    mutating func include(_ fit: LinearAction.Fit) {
        guard fit.rank < .max else { return }
        rank = fit.rank
        inputCondition = fit.inputCondition
        fitResidual = fit.residual
    }
}

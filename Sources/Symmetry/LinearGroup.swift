import Glibc
import Layers
import LinearAlgebra
import Networks
import Runtime

/// The general linear group acting on hidden layers of one model through one batch of samples.
public final class LinearGroup {
    /// An element of the Lie algebra: T_m for every layer that moves.
    typealias Algebra = [Int: Matrix]

    private let graph: Graph
    private let batch: Batch
    private let x: Matrix
    private let layers: [Int]
    /// Of the samples themselves, which no move touches.
    private var inverseOfSamples: PseudoInverse?
    /// What was computed last for each layer under weights that no move had touched below it.
    private var known: [Int: Known] = [:]

    private struct Known {
        let weights: Buffer<Float>
        let input: Matrix
        let z: Matrix
        var inverse: PseudoInverse?
    }

    /// `inverse`: of the samples, where it is known already.
    init(
        _ graph: Graph, _ batch: Batch, layers: [Int], inverse: PseudoInverse? = nil
    ) throws {
        self.graph = graph
        self.batch = batch
        self.layers = layers
        inverseOfSamples = inverse
        x = try Matrix(batch.x, rows: batch.count, columns: batch.inputWidth)
    }

    private func preactivations(_ m: Int, of model: Model, input: Matrix) throws -> Matrix {
        try model.preactivations(m, input: graph.layers.pointer[m].readsTable ? nil : input)
    }

    /// One layer on a walk through the network.
    private final class Layer {
        let index: Int
        let input: Matrix
        /// A copy: whoever moves the layer moves it.
        let z: Matrix
        /// Nothing below has moved on this walk, so what is found out may be kept.
        let isKnown: Bool
        private let group: LinearGroup

        init(_ group: LinearGroup, _ index: Int, input: Matrix, z: Matrix, isKnown: Bool) {
            self.group = group
            self.index = index
            self.input = input
            self.z = z
            self.isKnown = isKnown
        }

        func inverse() throws -> PseudoInverse {
            if index == 0, let inverse = group.inverseOfSamples { return inverse }
            if isKnown, let inverse = group.known[index]?.inverse { return inverse }
            let inverse = try PseudoInverse(input)
            if index == 0 {
                group.inverseOfSamples = inverse
            } else if isKnown {
                group.known[index]?.inverse = inverse
            }
            return inverse
        }
    }

    /// What a visit did to a layer.
    private enum Visit {
        case left
        /// Moved; its new z is in the layer's z.
        case moved
        /// Moved in a way that leaves z to be computed again.
        case rewritten
        case failed
    }

    /// Visits the layers 0 ..< hidden in turn, as far as one moves; what is done to the weights of a layer and above is
    /// seen by the layers after it. Input, z and pseudo-inverse of layers under the weights of an earlier walk are
    /// taken from there. False when a visit failed.
    private func forEachLayer(of model: Model, _ visit: (Layer) throws -> Visit) throws -> Bool {
        var input = x
        var isKnown = true
        let last = layers.max() ?? -1
        guard last >= 0 else { return true }
        for m in 0...last {
            let layer = try layer(m, of: model, input: input, isKnown: isKnown)
            let visit = try visit(layer)
            if case .failed = visit { return false }
            guard m < last else { break }
            let h: Matrix
            switch visit {
            case .left, .failed: h = layer.z
            case .moved:
                h = layer.z
                isKnown = false
            case .rewritten:
                h = try preactivations(m, of: model, input: input)
                isKnown = false
            }
            graph.layers.pointer[m].activation.apply(h)
            input = h
        }
        return true
    }

    private func layer(_ m: Int, of model: Model, input: Matrix, isKnown: Bool) throws -> Layer {
        guard isKnown else {
            return Layer(
                self, m, input: input, z: try preactivations(m, of: model, input: input),
                isKnown: false)
        }
        let shape = graph.layers.pointer[m]
        let weights = model.parameters.pointer + shape.weightOffset
        if let known = known[m],
            memcmp(known.weights.pointer, weights, known.weights.count * MemoryLayout<Float>.size)
                == 0
        {
            return Layer(self, m, input: known.input, z: try known.z.copy(), isKnown: true)
        }
        let z = try preactivations(m, of: model, input: input)
        known[m] = Known(
            weights: try Buffer(copying: weights, count: shape.parameterCount), input: input,
            z: try z.copy())
        for above in (m + 1)..<max(graph.layerCount, m + 2) { known[above] = nil }
        return Layer(self, m, input: input, z: z, isKnown: true)
    }

    /// A zero for every unit that is saturated on a sample, one for the others.
    private func activeUnits(_ z: Matrix, layer m: Int) -> [Double] {
        let bound = graph.layers.pointer[m].activation.saturation
        guard bound < .infinity else { return Array(repeating: 1, count: z.columns) }
        return (0..<z.columns).map { i in
            (0..<z.rows).contains { abs(z[$0, i]) > bound } ? 0 : 1
        }
    }

    private func leaveOut(_ units: [Double], of t: Matrix) {
        guard units.contains(0) else { return }
        for i in 0..<t.rows {
            // Not a product: 1 / f'(z) of a saturated unit may be infinite.
            for j in 0..<t.columns where units[i] * units[j] == 0 { t[i, j] = 0 }
        }
    }

    /// Takes the units of layer m that are saturated on these samples out of an algebra element of it.
    func leaveOutSaturated(of direction: Matrix, layer m: Int, of model: Model) throws {
        _ = try forEachLayer(of: model) { layer in
            if layer.index == m { leaveOut(activeUnits(layer.z, layer: m), of: direction) }
            return .left
        }
    }

    /// The derivative by T at T = 0 of a function whose derivative by the weights is S = `covector`:
    ///
    ///     d / d T_m = ((S_m (h^+)^T) / f'(z_m)) f(z_m)^T - W_(m+1)^T S_(m+1)
    ///
    /// With S = 2 H grad L it is that of phi = |grad L|^2.
    func derivative(at model: Model, _ covector: UnsafePointer<Float>) throws -> Algebra {
        var result: Algebra = [:]
        _ = try forEachLayer(of: model) { visited in
            let m = visited.index
            let z = visited.z
            guard layers.contains(m) else { return .left }
            let layer = graph.layers.pointer[m]
            let next = graph.layers.pointer[m + 1]
            let activation = layer.activation
            let own = try Matrix(
                covector + layer.weightOffset, rows: layer.outputs, columns: layer.inputs)
            let inner: Matrix  // k x n
            if activation.kind == .identity {
                // The exact form moves W by T W and b by T b.
                inner = try Matrix(
                    model.parameters.pointer + layer.weightOffset, rows: layer.outputs,
                    columns: layer.inputs)
            } else {
                inner = try visited.inverse().multiply(own)
                for i in 0..<inner.rows {
                    for sample in 0..<inner.columns {
                        inner[i, sample] /= activation.derivative(z[sample, i])
                    }
                }
            }
            let t: Matrix
            if activation.kind == .identity {
                t = try Matrix.product(own, .no, inner, .yes)
                if layer.hasBias { addBiasTerm(t, layer, covector, model) }
            } else {
                let h = try z.copy()
                activation.apply(h)
                t = try Self.floatProduct(inner, h)
            }
            t.add(
                try Self.floatProduct(
                    model.parameters.pointer + next.weightOffset, .yes,
                    covector + next.weightOffset, rows: t.rows, columns: t.columns,
                    sum: next.outputs), scaledBy: -1)
            leaveOut(activeUnits(z, layer: m), of: t)
            result[m] = t
            return .left
        }
        return result
    }

    /// a b in floats, where the result is a direction or a figure of the report and moves nothing itself.
    static func floatProduct(_ a: Matrix, _ b: Matrix) throws -> Matrix {
        let (left, right) = (try a.floats(), try b.floats())
        return try withExtendedLifetime((left, right)) {
            try floatProduct(
                left.pointer, .no, right.pointer, rows: a.rows, columns: b.columns, sum: a.columns)
        }
    }

    private static func floatProduct(
        _ a: UnsafePointer<Float>, _ transpose: BLAS.Transpose, _ b: UnsafePointer<Float>,
        rows: Int, columns: Int, sum: Int
    ) throws -> Matrix {
        try Stop.ask()
        let product = try Buffer<Float>(count: Memory.product(rows, columns))
        BLAS.multiply(
            a, transpose, stride: transpose == .no ? sum : rows, b, stride: columns,
            into: product.pointer, stride: columns, m: rows, n: columns, k: sum)
        return try withExtendedLifetime(product) {
            try Matrix(product.pointer, rows: rows, columns: columns)
        }
    }

    private func addBiasTerm(
        _ t: Matrix, _ layer: LinearMap, _ covector: UnsafePointer<Float>, _ model: Model
    ) {
        for i in 0..<t.rows {
            let slope = Double(covector[layer.biasOffset + i])
            for j in 0..<t.columns {
                t[i, j] += slope * Double(model.parameters.pointer[layer.biasOffset + j])
            }
        }
    }

    /// Moves the layers one after the other by g_m, the Cayley transform of length T_m, which is exp(length T_m) to
    /// second order and much cheaper. Each layer sees the activations that the ones below left. False when a layer's
    /// g f(z) leaves the activation's range; the weights are then anything. `elements` gets the g_m.
    func move(
        _ model: Model, along t: Algebra, by length: Double, fit: inout LinearAction.Fit,
        elements: inout [Int: Matrix]
    ) throws -> Bool {
        try act(on: model, fit: &fit) { m, z in
            guard let direction = t[m] else { return nil }
            let element = try element(direction, length, z, layer: m) {
                LinearElement(g: try $0.cayleyTransform())
            }
            elements[m] = element.g
            return element
        }
    }

    /// The element of length T by a map from the algebra to the group; to the bit the identity on units that are
    /// saturated.
    func element(
        _ direction: Matrix, _ length: Double, _ z: Matrix, layer m: Int,
        _ map: (Matrix) throws -> LinearElement
    ) throws -> LinearElement {
        let units = activeUnits(z, layer: m)
        let scaled = try direction.copy()
        scaled.scale(by: length)
        leaveOut(units, of: scaled)
        let element = try map(scaled)
        for matrix in [element.g, element.inverse].compactMap({ $0 }) {
            leaveOut(units, of: matrix)
            for i in 0..<units.count where units[i] == 0 { matrix[i, i] = 1 }
        }
        return element
    }

    /// Acts with the elements that `element(m, z)` gives, nil for none.
    func act(
        on model: Model, fit: inout LinearAction.Fit,
        _ element: (_ m: Int, _ z: Matrix) throws -> LinearElement?
    ) throws -> Bool {
        try forEachLayer(of: model) { layer in
            guard layers.contains(layer.index), let element = try element(layer.index, layer.z)
            else { return .left }
            guard graph.layers.pointer[layer.index].activation.kind != .identity else {
                try LinearAction.applyExactly(
                    element, toLayer: layer.index, of: model)
                return .rewritten
            }
            let isMoved = try LinearAction.apply(
                element, toLayer: layer.index, of: model, z: layer.z,
                pseudoInverse: try layer.inverse(), fit: &fit)
            return isMoved ? .moved : .failed
        }
    }

    /// Refuses an element that moves a saturated unit.
    func requireUnsaturated(_ g: Matrix, _ z: Matrix, layer: Int) throws {
        for (unit, isActive) in activeUnits(z, layer: layer).enumerated() where isActive == 0 {
            for other in 0..<g.rows where other != unit {
                guard g[unit, other] == 0, g[other, unit] == 0 else {
                    throw TeleportError(
                        .unsupported,
                        "unit \(unit) of layer \(layer) is saturated on this batch, so g must leave it alone"
                    )
                }
            }
            guard g[unit, unit] == 1 else {
                throw TeleportError(
                    .unsupported,
                    "unit \(unit) of layer \(layer) is saturated on this batch, so g must leave it alone"
                )
            }
        }
    }
}

extension LinearGroup {
    /// First and second derivative at t = 0 of the weights of layer m, and with identity activations of its bias,
    /// moved by exp(t M); `body` gets each pair with its place in the parameters.
    func curve(
        of model: Model, layer m: Int, _ direction: Matrix, _ squared: Matrix,
        _ body: (_ first: Matrix, _ second: Matrix, _ offset: Int) -> Void
    ) throws {
        let shape = graph.layers.pointer[m]
        let activation = shape.activation
        let parameters = model.parameters.pointer
        if activation.kind == .identity {
            let weights = try Matrix(
                parameters + shape.weightOffset, rows: shape.outputs, columns: shape.inputs)
            body(
                try Matrix.product(direction, .no, weights),
                try Matrix.product(squared, .no, weights),
                shape.weightOffset)
            guard shape.hasBias else { return }
            let bias = try Matrix(parameters + shape.biasOffset, rows: shape.outputs, columns: 1)
            body(
                try Matrix.product(direction, .no, bias), try Matrix.product(squared, .no, bias),
                shape.biasOffset)
            return
        }
        _ = try forEachLayer(of: model) { layer in
            guard layer.index == m else { return .left }
            let z = layer.z
            let h = try z.copy()
            activation.apply(h)
            let first = try Matrix.product(h, .no, direction, .yes)
            let second = try Matrix.product(h, .no, squared, .yes)
            for i in 0..<z.count {
                let slope = activation.derivative(z.pointer[i])
                guard slope > 0 else { continue }  // saturated: both rows are zero already
                let speed = first.pointer[i] / slope
                first.pointer[i] = speed
                second.pointer[i] =
                    (second.pointer[i] - activation.secondDerivative(z.pointer[i]) * speed * speed)
                    / slope
            }
            let inverse = try layer.inverse()
            body(
                try inverse.solve(first).solution.transposed(),
                try inverse.solve(second).solution.transposed(), shape.weightOffset)
            return .left
        }
    }

    /// The norm over all layers, summed in their order: a dictionary's own differs from process to process.
    static func norm(_ t: Algebra) -> Double {
        t.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value.squaredNorm }.squareRoot()
    }

    /// T_m with independent normal entries, of the given joint norm.
    static func randomAlgebra(
        _ graph: Graph, layers: [Int], norm: Double,
        _ generator: inout RandomGenerator
    ) throws -> Algebra {
        var t: Algebra = [:]
        for m in layers {
            let k = graph.layers.pointer[m].outputs
            let matrix = try Matrix(k, k)
            for i in 0..<matrix.count { matrix.pointer[i] = generator.nextNormal() }
            t[m] = matrix
        }
        let factor = norm / Self.norm(t)
        for matrix in t.values { matrix.scale(by: factor) }
        return t
    }

    /// The matrices of the notebook project baubels/gradient_teleportation: entries uniform in [0, 1), each
    /// diagonal entry replaced by the sum of its row, scaled to Frobenius norm 1; diagonally dominant, so they
    /// have an inverse.
    static func diagonallyDominant(
        _ size: Int, _ generator: inout RandomGenerator
    ) throws -> Matrix {
        let g = try Matrix(size, size)
        for i in 0..<size {
            var sum = 0.0
            for j in 0..<size {
                g[i, j] = generator.nextDouble()
                sum += g[i, j]
            }
            g[i, i] = sum
        }
        g.scale(by: 1 / g.squaredNorm.squareRoot())
        return g
    }
}

extension LinearGroup {
    /// Elements of the T of all hidden layers.
    public static func algebraSize(_ graph: Graph) throws -> Int {
        try graph.widths.dropFirst().dropLast().reduce(0) {
            $0 + (try Memory.product($1, $1))
        }
    }
}

extension Model {
    /// phi = |grad L|^2 and its derivative by T at T = 0 for every hidden layer, row-major, layer after layer
    /// (`tp_model_linear_gradient_norm`).
    public func linearGradientNorm(
        _ batch: Batch, _ loss: Loss, into derivative: UnsafeMutablePointer<Double>
    ) throws -> Double {
        try LinearAction.requireBijective(graph)
        try BLAS.reserve()
        let covector = try Buffer<Float>(count: parameters.count)
        let phi = try GradientNorm(self, batch, loss).derivative(self, into: covector.pointer)
        let layers = Array(0..<graph.hiddenLayerCount)
        let group = try LinearGroup(graph, batch, layers: layers)
        let t = try group.derivative(at: self, covector.pointer)
        var offset = 0
        for m in layers {
            guard let matrix = t[m] else { continue }
            (derivative + offset).update(from: matrix.pointer, count: matrix.count)
            offset += matrix.count
        }
        return phi
    }

    /// Acts with a given g on one hidden layer through the batch's inputs (`tp_model_apply_linear`). On failure
    /// nothing moves.
    public func applyLinear(
        hiddenLayer layer: Int, g elements: UnsafePointer<Float>, count: Int, batch: Batch?
    ) throws {
        try LinearAction.requireBijective(graph)
        guard layer >= 0, layer < graph.hiddenLayerCount else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has \(graph.hiddenLayerCount) hidden layers, counted from 0"
            )
        }
        let k = graph.layers.pointer[layer].outputs
        guard count == (try Memory.product(k, k)) else {
            throw TeleportError(
                .shapeMismatch,
                "g has \(UInt(bitPattern: count)) elements; layer \(layer) needs \(k) x \(k)")
        }
        for i in 0..<count where !elements[i].isFinite {
            throw TeleportError(.notFinite, "g[\(i)] is \(elements[i])")
        }
        try BLAS.reserve()
        let g = try Matrix(elements, rows: k, columns: k)
        let element = LinearElement(g: g, inverse: try g.inverse())
        let backup = try Buffer(copying: parameters)
        do {
            if graph.layers.pointer[layer].activation.kind == .identity {
                try LinearAction.applyExactly(element, toLayer: layer, of: self)
            } else {
                try apply(element, hiddenLayer: layer, batch: batch)
            }
            guard allFinite(parameters.pointer, count: parameters.count) else {
                throw TeleportError(.notFinite, "moving layer \(layer) makes a weight overflow")
            }
        } catch {
            parameters.pointer.update(from: backup.pointer, count: backup.count)
            throw error
        }
    }

    private func apply(_ element: LinearElement, hiddenLayer layer: Int, batch: Batch?) throws {
        guard let batch else {
            throw TeleportError.invalid(
                "batch is NULL; only identity activations can be moved without samples")
        }
        var fit = LinearAction.Fit()
        let group = try LinearGroup(graph, batch, layers: [layer])
        let isInRange = try group.act(on: self, fit: &fit) { _, z in
            try group.requireUnsaturated(element.g, z, layer: layer)
            return element
        }
        guard isInRange else {
            throw TeleportError(
                .unsupported,
                "g f(z) leaves the range of \(graph.layers.pointer[layer].activation.name) on this batch; an element nearer to the identity may stay inside"
            )
        }
    }
}

import Glibc
import Layers
import Networks
import Optimization
import Runtime

/// An element of the positive scaling group: one factor for every hidden unit, layer after layer.
///
/// Row i of W_m and b_m is multiplied by factor i of layer m, column j of W_(m+1) divided by factor j: the network's
/// function stays what it is for every input, since f(c x) = c f(x) for c > 0 (arXiv 2205.10637, section 4).
public struct Scaling {
    public let graph: Graph
    /// Factors of all hidden units.
    public let factors: Buffer<Double>

    /// The identity.
    public init(_ graph: Graph) throws {
        self.graph = graph
        factors = try Buffer(repeating: 1, count: graph.hiddenUnitCount)
    }

    public static func requireHomogeneous(_ graph: Graph) throws {
        for layer in graph.layers.elements.dropLast()
        where !layer.activation.isPositivelyHomogeneous {
            throw TeleportError(
                .unsupported,
                "the scaling group needs f(c x) = c f(x), which \(layer.activation.name) does not have"
            )
        }
    }

    /// First unit and number of units of a hidden layer.
    static func units(ofHiddenLayer layer: Int, _ graph: Graph) -> (
        first: Int, count: Int
    ) {
        var first = 0
        for m in 0..<layer { first += graph.layers.pointer[m].outputs }
        return (first, graph.layers.pointer[layer].outputs)
    }

    /// Takes exp(s) for each s, or with `exact` the nearest power of two.
    public func setLogFactors(_ logFactors: UnsafePointer<Double>, exact: Bool) {
        for i in 0..<factors.count {
            factors.pointer[i] =
                exact ? exp2((logFactors[i] / M_LN2).rounded()) : exp(logFactors[i])
        }
    }

    func logFactor(_ unit: Int) -> Double { log(factors.pointer[unit]) }

    func equals(_ other: Scaling) -> Bool {
        factors.elements.elementsEqual(other.factors.elements)
    }

    public var isIdentity: Bool { factors.elements.allSatisfy { $0 == 1 } }

    /// Largest |ln factor|.
    public var radius: Double { factors.elements.reduce(0) { max($0, abs(log($1))) } }

    /// Largest factor over smallest.
    public var condition: Double {
        var low = Double.infinity
        var high = 0.0
        for factor in factors.elements {
            low = min(low, factor)
            high = max(high, factor)
        }
        return high / low
    }

    /// Moves the parameters; each is multiplied once, in double.
    /// - Complexity: O(parameters).
    public func apply(to parameters: UnsafeMutablePointer<Float>) {
        var above: UnsafePointer<Double>?
        var unit = 0
        for (m, layer) in graph.layers.elements.enumerated() {
            let own: UnsafePointer<Double>? =
                m < graph.hiddenLayerCount ? UnsafePointer(factors.pointer + unit) : nil
            for i in 0..<layer.outputs {
                let out = own?[i] ?? 1
                let row = parameters + layer.weightOffset + i * layer.inputs
                if let above {
                    for j in 0..<layer.inputs { row[j] = Float(Double(row[j]) * (out / above[j])) }
                } else if out != 1 {
                    for j in 0..<layer.inputs { row[j] = Float(Double(row[j]) * out) }
                }
                if layer.hasBias {
                    parameters[layer.biasOffset + i] = Float(
                        Double(parameters[layer.biasOffset + i]) * out)
                }
            }
            above = own
            unit += layer.outputs
        }
    }

    /// Moves an optimizer's averages as the gradients they are made of move: by the inverse of what the parameters
    /// are multiplied by, and its square.
    func transform(_ state: OptimizerState) throws {
        let multipliers = try Buffer<Float>(repeating: 1, count: graph.parameterCount)
        apply(to: multipliers.pointer)
        for i in 0..<multipliers.count {
            let inverse = 1 / Double(multipliers.pointer[i])
            if let moments = state.firstMoments?.pointer {
                moments[i] = Float(Double(moments[i]) * inverse)
            }
            if let moments = state.secondMoments?.pointer {
                moments[i] = Float(Double(moments[i]) * inverse * inverse)
            }
        }
    }

    /// No parameter left the normal floats on the way from `before` to `after`: with powers of two the move then
    /// changes exponents alone, and no output changes by one bit.
    static func isExact(
        from before: UnsafePointer<Float>, to after: UnsafePointer<Float>, count: Int
    ) -> Bool {
        for i in 0..<count {
            guard before[i] == after[i] || (after[i].isNormal && before[i].isNormal) else {
                return false
            }
        }
        return true
    }
}

extension Model {
    /// Multiplies the units of one hidden layer by given factors (`tp_model_apply_scaling`). On failure nothing moves.
    public func applyScaling(
        hiddenLayer layer: Int, factors: UnsafePointer<Float>, count: Int
    ) throws {
        try Scaling.requireHomogeneous(graph)
        guard layer >= 0, layer < graph.hiddenLayerCount else {
            throw TeleportError.invalid(
                "layer is \(layer); the model has \(graph.hiddenLayerCount) hidden layers, counted from 0"
            )
        }
        let units = Scaling.units(ofHiddenLayer: layer, graph)
        guard count == units.count else {
            throw TeleportError(
                .shapeMismatch,
                "\(UInt(bitPattern: count)) factors given for the \(units.count) units of layer \(layer)"
            )
        }
        let element = try Scaling(graph)
        for i in 0..<count {
            guard factors[i] > 0, factors[i].isFinite else {
                throw TeleportError.wrong("factor \(i)", factors[i], "positive and finite")
            }
            element.factors.pointer[units.first + i] = Double(factors[i])
        }
        let before = try Buffer(copying: parameters)
        element.apply(to: parameters.pointer)
        guard allFinite(parameters.pointer, count: parameters.count) else {
            parameters.pointer.update(from: before.pointer, count: before.count)
            throw TeleportError(.notFinite, "scaling layer \(layer) makes a weight overflow")
        }
    }
}

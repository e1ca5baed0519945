import Glibc
import Layers
import Networks
import Optimization
import Runtime

/// An element of the positive scaling group: one factor for every channel of every class that
/// moves.
///
/// Rows of what makes a channel are multiplied by its factor, columns of what reads it divided by
/// it: row i of W_m and b_m by factor i of layer m, column j of W_(m+1) by factor j. The network's
/// function stays what it is for every input, since f(c x) = c f(x) for c > 0 (arXiv 2205.10637,
/// section 4).
public struct Scaling {
    let classes: ChannelClasses
    /// Factors of all channels, class after class.
    public let factors: Buffer<Double>

    /// The identity.
    public init(_ graph: Graph) throws { try self.init(ChannelClasses(graph)) }

    init(_ classes: ChannelClasses) throws {
        self.classes = classes
        factors = try Buffer(repeating: 1, count: classes.channelCount)
    }

    /// Channels of all classes that move: factors of an element.
    public static func channelCount(_ graph: Graph) throws -> Int {
        try ChannelClasses(graph).channelCount
    }

    /// Refuses a net of which no channel can be scaled, for want of an activation that lets the
    /// factor through.
    public static func requireHomogeneous(_ graph: Graph) throws {
        guard try ChannelClasses(graph).count == 0 else { return }
        for index in 0..<graph.nodes.count - 1 {
            let activation = graph.nodes[index].facts.activation
            guard activation.isPositivelyHomogeneous else {
                throw TeleportError(
                    .unsupported,
                    "the scaling group needs f(c x) = c f(x), which \(activation.name) does not have"
                )
            }
        }
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
        for block in classes.blocks {
            let rows = classes.rows(factors.pointer, block)
            let columns = classes.columns(factors.pointer, block)
            for i in 0..<block.rows {
                let out = rows?[i] ?? 1
                let row = parameters + block.offset + i * block.columns
                if let columns {
                    divide(row, by: columns, out, block)
                } else if out != 1 {
                    for j in 0..<block.columns { row[j] = Float(Double(row[j]) * out) }
                }
            }
        }
    }

    private func divide(
        _ row: UnsafeMutablePointer<Float>, by columns: UnsafePointer<Double>, _ out: Double,
        _ block: ChannelMap.Block
    ) {
        guard block.columnsPerChannel > 1 else {
            for j in 0..<block.columns { row[j] = Float(Double(row[j]) * (out / columns[j])) }
            return
        }
        for channel in 0..<block.columnChannels {
            let factor = out / columns[channel]
            let first = channel * block.columnsPerChannel
            for j in first..<first + block.columnsPerChannel {
                row[j] = Float(Double(row[j]) * factor)
            }
        }
    }

    /// Moves an optimizer's averages as the gradients they are made of move: by the inverse of what
    /// the parameters are multiplied by, and its square.
    func transform(_ state: OptimizerState) throws {
        let multipliers = try Buffer<Float>(repeating: 1, count: classes.parameterCount)
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
}

extension Scaling: Move {
    func apply(to model: Model) -> Bool {
        apply(to: model.parameters.pointer)
        return model.weights.areFinite
    }
}

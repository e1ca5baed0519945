import Networks
import Runtime

/// What a scaling makes smaller by looking at the weights alone: a function of the log factors s of
/// all channels that move, class after class.
protocol Balance: AnyObject {
    /// The value at log factors s.
    func value(_ s: UnsafePointer<Double>) -> Double

    /// Takes s to the minimum within |s_i| <= radius over the channels of the class `layer`, nil
    /// for all, by one after the other; returns the sweeps taken.
    func minimize(
        _ s: UnsafeMutablePointer<Double>, radius: Double, layer: Int?, sweeps: Int
    ) throws -> Int
}

/// The search over the scaling group for objectives of the weights: it ends in the best element
/// within the radius, or in the identity.
struct BalanceSearch {
    /// Where a config names no largest number.
    static let sweeps = 1_000

    private let task: SearchTask

    init(_ task: SearchTask) { self.task = task }

    func findMove(_ report: inout TeleportReport) throws -> (any Move)? {
        let options = task.options
        let balance = try makeBalance()
        var element = try Scaling(task.model.graph)
        let s = try Buffer(repeating: 0.0, count: element.factors.count)
        let before = balance.value(s.pointer)
        // Of weights whose products leave the range of numbers nothing can be told; where no path
        // leads to an output there is nothing to choose.
        guard before.isFinite else {
            if before != -.infinity { report.outcome = .notFinite }
            return nil
        }
        var layer: Int?
        if case .one(let single) = options.layers { layer = single }
        report.steps = try balance.minimize(
            s.pointer, radius: task.radius, layer: layer, sweeps: task.steps)
        element.setLogFactors(s.pointer, exact: options.exact)
        for i in 0..<s.count { s.pointer[i] = element.logFactor(i) }
        var after = balance.value(s.pointer)
        // Rounding to powers of two may cost more than there was to gain.
        if !options.objective.isBetter(after, than: before) {
            element = try Scaling(task.model.graph)
            after = before
        }
        report.objectiveBefore = before
        report.objectiveAfter = after
        report.candidates = element.isIdentity ? 1 : 2
        report.radius = element.radius
        report.condition = element.condition
        return element.isIdentity ? nil : element
    }

    private func makeBalance() throws -> any Balance {
        switch task.options.objective {
        case .equalNorms: return try EqualNorms(task.model)
        default: return try PathConditioning(task.model)
        }
    }

    /// Paths are summed over layer by layer: refuses a net whose units are not those of hidden
    /// layers that follow each other.
    static func requireRow(_ graph: Graph) throws {
        let hidden = graph.layers.elements.dropLast()
        let classes = try ChannelClasses(graph)
        guard graph.isRow, classes.count == hidden.count,
            classes.channelCount == hidden.reduce(0, { $0 + $1.outputs })
        else {
            throw TeleportError(
                .unsupported,
                "path conditioning needs hidden layers in a row, each with f(c x) = c f(x)"
            )
        }
    }
}

import Runtime

/// The memory of an optimizer: averages of gradients, averages of their squares, averages of
/// weights, and the steps behind them.
public final class OptimizerState {
    /// Averages that move like gradients under a change of the weights' scale.
    public let firstMoments: Buffer<Float>?
    /// Averages that move like squares of gradients.
    public let secondMoments: Buffer<Float>?
    /// The weights' average.
    public let average: Buffer<Float>?
    /// Schedule-Free: z, the weights that steps are taken from.
    public let fast: Buffer<Float>?
    /// DoG: the weights it began with.
    public let start: Buffer<Float>?
    /// DoG: the radius of each layer, then their sums of squares.
    public let radii: Buffer<Double>?
    /// Steps that the averages have seen.
    public var steps = 0
    /// Steps that the weights' average has seen.
    public var averagedSteps = 0
    /// Schedule-Free: the sum of squared rates.
    public var rateSum = 0.0

    init(
        _ options: OptimizerConfig, parameterCount: Int, first: Bool, second: Bool,
        radii: Int = 0
    ) throws {
        func floats(_ isKept: Bool) throws -> Buffer<Float>? {
            isKept ? try Buffer(repeating: 0, count: parameterCount) : nil
        }
        firstMoments = try floats(first)
        secondMoments = try floats(second)
        average = try floats(options.resolvedAverage != .none)
        fast = try floats(options.resolvedAverage == .scheduleFree)
        start = try floats(radii > 0)
        self.radii = radii > 0 ? try Buffer(repeating: 0, count: 2 * radii) : nil
    }

    /// Arrays of one number a parameter, in an order that stays.
    public var arrays: [(name: String, values: Buffer<Float>)] {
        [
            ("first_moments", firstMoments), ("second_moments", secondMoments),
            ("average", average), ("fast", fast), ("start", start),
        ].compactMap { name, values in values.map { (name, $0) } }
    }

    /// Forgets everything.
    public func reset() {
        (steps, averagedSteps, rateSum) = (0, 0, 0)
        for (_, values) in arrays { values.pointer.update(repeating: 0, count: values.count) }
        radii?.pointer.update(repeating: 0, count: radii?.count ?? 0)
    }

    /// Takes over the memory of an optimizer of the same kind. Allocates nothing and cannot fail.
    public func restore(from other: OptimizerState) {
        (steps, averagedSteps, rateSum) = (other.steps, other.averagedSteps, other.rateSum)
        copy(firstMoments, other.firstMoments)
        copy(secondMoments, other.secondMoments)
        copy(average, other.average)
        copy(fast, other.fast)
        copy(start, other.start)
        copy(radii, other.radii)
    }

    private func copy<Number>(_ own: Buffer<Number>?, _ theirs: Buffer<Number>?) {
        guard let own, let theirs else { return }
        own.pointer.update(from: theirs.pointer, count: min(own.count, theirs.count))
    }
}

// Averages of weights.
extension OptimizerState {
    /// Order 8 of Shamir and Zhang: the last ninth of training is most of it.
    private static let order = 8.0

    /// Before the first step: averages begin at the weights.
    func beginAverage(_ weights: UnsafePointer<Float>) {
        guard averagedSteps == 0 else { return }
        average?.pointer.update(from: weights, count: average?.count ?? 0)
        fast?.pointer.update(from: weights, count: fast?.count ?? 0)
    }

    /// After a step: x_avg <- x_avg + 9 / (t + 9) (x - x_avg). Counts the step; nil: there is no
    /// such average.
    func nextAverage(_ weights: UnsafeMutablePointer<Float>) -> AveragingPass? {
        guard let average, fast == nil else { return nil }
        let share = (1 + Self.order) / (Double(averagedSteps) + 1 + Self.order)
        averagedSteps += 1
        return AveragingPass(
            weights: weights, average: average.pointer, share: Float(share), fast: nil)
    }

    /// A Schedule-Free step from weights y, once z has moved:  z <- z - rate decay y,  x <- x + c
    /// (z - x) with c the share of rate^2 in their sum,  y <- (1 - beta) z + beta x. Counts the
    /// step.
    func nextScheduleFree(
        _ weights: UnsafeMutablePointer<Float>, rate: Double, decay: Double, beta: Double
    ) -> AveragingPass? {
        guard let average, let fast else { return nil }
        rateSum += rate * rate
        averagedSteps += 1
        let share = rateSum > 0 ? rate * rate / rateSum : 1
        return AveragingPass(
            weights: weights, average: average.pointer, share: Float(share), fast: fast.pointer,
            lost: Float(rate * decay), beta: Float(beta))
    }
}

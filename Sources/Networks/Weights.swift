import Glibc
import Runtime

/// All that training changes in a model, as one value: copied, compared and put back as a whole.
///
/// Whatever a kind of layer comes to remember belongs here, so that nobody who keeps a model's
/// state can forget it.
public final class Weights: @unchecked Sendable {
    /// What optimizers move: W_0 row-major, b_0, W_1, b_1, ...
    public let parameters: Buffer<Float>
    /// What training averages beside them: running means and variances, in the order of the layers.
    public let statistics: Buffer<Float>

    /// Not initialized.
    public init(_ graph: Graph) throws {
        parameters = try Buffer(count: graph.parameterCount)
        statistics = try Buffer(count: graph.statisticCount)
    }

    public init(copying other: Weights) throws {
        parameters = try Buffer(copying: other.parameters)
        statistics = try Buffer(copying: other.statistics)
    }

    /// Takes over the numbers of weights of the same graph. Allocates nothing and cannot fail.
    public func copy(from other: Weights) {
        parameters.pointer.update(from: other.parameters.pointer, count: parameters.count)
        statistics.pointer.update(from: other.statistics.pointer, count: statistics.count)
    }

    /// Not one bit differs.
    public func isIdentical(to other: Weights) -> Bool {
        Self.areIdentical(parameters, other.parameters)
            && Self.areIdentical(statistics, other.statistics)
    }

    private static func areIdentical(_ a: Buffer<Float>, _ b: Buffer<Float>) -> Bool {
        a.count == b.count
            && memcmp(a.pointer, b.pointer, a.count * MemoryLayout<Float>.size) == 0
    }

    public var areFinite: Bool { allFinite(parameters.pointer, count: parameters.count) }

    /// The first number that is not finite, with its index among the parameters.
    public var firstNotFinite: (index: Int, value: Float)? {
        guard !areFinite else { return nil }
        return (0..<parameters.count).first { !parameters.pointer[$0].isFinite }
            .map { ($0, parameters.pointer[$0]) }
    }
}

import Glibc
import Runtime

/// All that training changes in a model, as one value: copied, compared and put back as a whole.
///
/// Parameters today; whatever else a kind of layer comes to remember belongs here too, so that
/// nobody who keeps a model's state can forget it.
public final class Weights: @unchecked Sendable {
    /// W_0 row-major, b_0, W_1, b_1, ...
    public let parameters: Buffer<Float>

    /// Not initialized.
    public init(parameterCount: Int) throws { parameters = try Buffer(count: parameterCount) }

    public init(copying other: Weights) throws {
        parameters = try Buffer(copying: other.parameters)
    }

    /// Takes over the numbers of weights of the same graph. Allocates nothing and cannot fail.
    public func copy(from other: Weights) {
        parameters.pointer.update(from: other.parameters.pointer, count: parameters.count)
    }

    /// Not one bit differs.
    public func isIdentical(to other: Weights) -> Bool {
        parameters.count == other.parameters.count
            && memcmp(
                parameters.pointer, other.parameters.pointer,
                parameters.count * MemoryLayout<Float>.size) == 0
    }

    public var areFinite: Bool { allFinite(parameters.pointer, count: parameters.count) }

    /// The first number that is not finite, with its index among the parameters.
    public var firstNotFinite: (index: Int, value: Float)? {
        guard !areFinite else { return nil }
        return (0..<parameters.count).first { !parameters.pointer[$0].isFinite }
            .map { ($0, parameters.pointer[$0]) }
    }
}

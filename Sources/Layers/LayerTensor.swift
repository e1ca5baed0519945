import Runtime

/// One array of a layer, as files and hosts see it.
public struct LayerTensor: Equatable, Sendable {
    public enum Role: Sendable {
        /// Optimizers move it.
        case parameter
        /// Training averages it: a running mean or variance.
        case statistic
        /// A statistic that counts; files hold it as a 64-bit integer.
        case counter
    }

    /// What it holds before training: weights and biases are drawn as a model's initialization
    /// says, by how many numbers a unit reads and how many units read one.
    public enum Start: Equatable, Sendable {
        case weight(fanIn: Int, fanOut: Int)
        case bias(fanIn: Int)
        case constant(Float)
    }

    /// "weight" or "bias".
    public let name: String
    /// Row-major; the first counts the rows that one unit of the layer owns each.
    public let dimensions: [Int]
    public let count: Int
    public let role: Role
    public let start: Start

    public init(
        _ name: String, _ dimensions: [Int], _ role: Role = .parameter, start: Start
    ) throws {
        self.name = name
        self.dimensions = dimensions
        self.role = role
        self.start = start
        count = try dimensions.reduce(1) { try Memory.product($0, $1) }
        // Sums of counts stay within an Int.
        _ = try Memory.product(count, 64)
    }
}

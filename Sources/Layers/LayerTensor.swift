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

    /// "weight" or "bias".
    public let name: String
    /// Row-major; the first counts the rows that one unit of the layer owns each.
    public let dimensions: [Int]
    public let count: Int
    public let role: Role

    public init(_ name: String, _ dimensions: [Int], _ role: Role = .parameter) throws {
        self.name = name
        self.dimensions = dimensions
        self.role = role
        count = try dimensions.reduce(1) { try Memory.product($0, $1) }
    }
}

import Runtime

/// One array of a layer, as files and hosts see it.
public struct LayerTensor: Equatable, Sendable {
    /// "weight" or "bias".
    public let name: String
    /// Row-major; the first counts the rows that one unit of the layer owns each.
    public let dimensions: [Int]
    public let count: Int

    public init(_ name: String, _ dimensions: [Int]) throws {
        self.name = name
        self.dimensions = dimensions
        count = try dimensions.reduce(1) { try Memory.product($0, $1) }
    }
}

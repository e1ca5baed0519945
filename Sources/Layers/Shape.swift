import Runtime

/// Dimensions of one sample's value: a vector, or an image stored C x H x W.
public struct Shape: Equatable, Sendable, CustomStringConvertible {
    public let channels: Int
    public let height: Int
    public let width: Int
    /// channels x height x width
    public let count: Int

    public init(channels: Int, height: Int = 1, width: Int = 1) throws {
        for (name, value) in [("channels", channels), ("height", height), ("width", width)]
        where value < 1 || value > Int(Int32.max) {
            throw TeleportError.invalid("a shape has \(value) \(name); it needs at least 1")
        }
        self.channels = channels
        self.height = height
        self.width = width
        count = try Memory.product(try Memory.product(channels, height), width)
        guard count <= Int(Int32.max) else {
            throw TeleportError.invalid("a value of \(self) has more than \(Int32.max) elements")
        }
    }

    public var isVector: Bool { height == 1 && width == 1 }

    public var description: String {
        isVector ? "\(channels)" : "\(channels)x\(height)x\(width)"
    }
}

import Runtime

/// Dimensions of one sample's value: a vector, or an image.
///
/// Hosts and files see an image as C x H x W. A pass stores it as (H + 2 border) x (W + 2 border) x
/// C, so that a convolution reads its padding from memory and C neighbouring channels make a
/// vector. The border is always 0: layers write the interior alone.
public struct Shape: Equatable, Sendable, CustomStringConvertible {
    public let channels: Int
    public let height: Int
    public let width: Int
    /// Rows and columns of zeros around an image; 0 for a vector.
    public let border: Int
    /// channels x height x width
    public let count: Int
    /// Floats that one sample takes in a pass.
    public let storedCount: Int

    public init(channels: Int, height: Int = 1, width: Int = 1, border: Int = 0) throws {
        for (name, value) in [("channels", channels), ("height", height), ("width", width)]
        where value < 1 || value > Int(Int32.max) {
            throw TeleportError.invalid("a shape has \(value) \(name); it needs at least 1")
        }
        guard border >= 0, border <= Int(Int32.max) else {
            throw TeleportError.invalid("a shape has a border of \(border); it needs at least 0")
        }
        self.channels = channels
        self.height = height
        self.width = width
        self.border = border
        count = try Memory.product(try Memory.product(channels, height), width)
        storedCount = try Memory.product(
            try Memory.product(channels, height + 2 * border), width + 2 * border)
        guard storedCount <= Int(Int32.max) else {
            throw TeleportError.invalid("a value of \(self) has more than \(Int32.max) elements")
        }
    }

    public var isVector: Bool { height == 1 && width == 1 && border == 0 }

    /// The same numbers, wherever they lie.
    public func isAlike(_ other: Shape) -> Bool {
        channels == other.channels && height == other.height && width == other.width
    }

    /// Floats from one row of a stored image to the next.
    public var rowStride: Int { (width &+ 2 &* border) &* channels }
    /// Floats of a stored image before its first value.
    public var interiorOffset: Int { border &* (rowStride &+ channels) }

    public var description: String {
        isVector ? "\(channels)" : "\(channels)x\(height)x\(width)"
    }
}

import Glibc
import Runtime

/// What becomes of a file that cannot be decoded; raw values of `tp_bad_image`.
public enum BadImagePolicy: Int32, Sendable {
    case fail = 0
    case skip = 1
}

/// How an image is brought to another size; raw values of `tp_resampling`.
public enum Resampling: Int32, Sendable {
    case bilinear = 0
    case area = 1
}

/// How images are read, field for field as `tp_image_config` in the header.
///
/// `classNames` is read during a call only.
public struct ImageOptions {
    public var channels: Int32 = 0
    public var height: Int32 = 0
    public var width: Int32 = 0
    public var resampling: Int32 = Resampling.bilinear.rawValue
    public var badImage: Int32 = BadImagePolicy.fail.rawValue
    public var allowEmptyClasses: Int32 = 0
    public var flat: Int32 = 0
    public var background: (Int32, Int32, Int32) = (0, 0, 0)
    public var mean: (Float, Float, Float, Float) = (0, 0, 0, 0)
    public var std: (Float, Float, Float, Float) = (1, 1, 1, 1)
    public var classNames: UnsafePointer<UnsafePointer<CChar>?>?
    public var classCount: Int = 0
    public var maxWidth: Int32 = 65_535
    public var maxHeight: Int32 = 65_535
    public var maxPixels: Int64 = 1 << 26
    public var maxChunkBytes: Int64 = 8 << 20
    public var nestedClasses: Int32 = 0

    public init() {}

    /// The largest height and width that images can be resampled to.
    static let largestSide: Int32 = 65_535

    /// Bounds what a single label can make others count by class.
    static let mostClasses = 1 << 24

    /// Bounds the exact integer sums of `Resampling`.
    static let largestPixelCount: Int64 = 1 << 46

    var policy: BadImagePolicy { BadImagePolicy(rawValue: badImage) ?? .fail }
    var isResampling: Bool { height > 0 }
    var isFlat: Bool { flat != 0 }
    var keepsEmptyClasses: Bool { allowEmptyClasses != 0 }
    var takesNestedClasses: Bool { nestedClasses != 0 }

    /// Refuses a value that has no meaning with a sentence that names it.
    func validate() throws {
        guard [0, 1, 3, 4].contains(channels) else {
            throw TeleportError.invalid("channels is \(channels); it must be 0, 1, 3 or 4")
        }
        guard (height == 0) == (width == 0) else {
            throw TeleportError.invalid(
                "height is \(height) and width is \(width); both must be 0 or both set")
        }
        try check("height", Int64(height), 0, Int64(Self.largestSide))
        try check("width", Int64(width), 0, Int64(Self.largestSide))
        try check("resampling", Int64(resampling), 0, 1)
        try check("bad_image", Int64(badImage), 0, 1)
        try check("allow_empty_classes", Int64(allowEmptyClasses), 0, 1)
        try check("flat", Int64(flat), 0, 1)
        try check("background[0]", Int64(background.0), 0, 255)
        try check("background[1]", Int64(background.1), 0, 255)
        try check("background[2]", Int64(background.2), 0, 255)
        try check("max_width", Int64(maxWidth), 1, Int64(Int32.max))
        try check("max_height", Int64(maxHeight), 1, Int64(Int32.max))
        try check("max_pixels", maxPixels, 1, Self.largestPixelCount)
        try check("max_chunk_bytes", maxChunkBytes, 1, Int64.max)
        try check("nested_classes", Int64(nestedClasses), 0, 1)
        try validateNumbers()
        try validateClassNames()
    }

    /// What samples in memory need of the options: mean, std and class names.
    func validateNumbers() throws {
        _ = try Normalization(mean: mean, std: std)
    }

    func validateClassNames() throws {
        guard (classCount == 0) == (classNames == nil) else {
            throw TeleportError.invalid(
                classCount == 0
                    ? "class_names is given but class_count is 0"
                    : "class_count is \(UInt(bitPattern: classCount)) but class_names is NULL")
        }
        guard classCount >= 0, classCount <= Self.mostClasses else {
            throw TeleportError.invalid(
                "class_count is \(UInt(bitPattern: classCount)); it must be 0 to "
                    + "\(Self.mostClasses)")
        }
        for i in 0..<classCount {
            guard let name = classNames?[i] else {
                throw TeleportError.invalid("class_names[\(i)] is NULL")
            }
            guard name.pointee != 0 else {
                throw TeleportError.invalid("class_names[\(i)] is empty")
            }
        }
    }

    private func check(_ name: String, _ value: Int64, _ low: Int64, _ high: Int64) throws {
        guard value >= low, value <= high else {
            throw TeleportError.invalid("\(name) is \(value); it must be \(low) to \(high)")
        }
    }
}

/// The map from stored bytes to floats, `pixel * scale + shift` for each channel, as two rounded operations:
/// no fused multiply-add, so every machine gives the same bits.
struct Normalization: Sendable {
    let scale: SIMD4<Float>
    let shift: SIMD4<Float>

    init(
        mean: (Float, Float, Float, Float) = (0, 0, 0, 0),
        std: (Float, Float, Float, Float) = (1, 1, 1, 1)
    ) throws {
        let mean = SIMD4(mean.0, mean.1, mean.2, mean.3)
        let std = SIMD4(std.0, std.1, std.2, std.3)
        var scale = SIMD4<Float>.zero
        var shift = SIMD4<Float>.zero
        for c in 0..<4 {
            guard mean[c].isFinite else {
                throw TeleportError.wrong("mean[\(c)]", mean[c], "finite")
            }
            guard std[c].isFinite, std[c] > 0 else {
                throw TeleportError.wrong("std[\(c)]", std[c], "positive and finite")
            }
            // 0 - x instead of -x: a mean of 0 gives a shift of 0, not of -0.
            scale[c] = Float(1 / (255 * Double(std[c])))
            shift[c] = Float(0 - Double(mean[c]) / Double(std[c]))
            guard scale[c].isFinite, (255 * scale[c] + shift[c]).isFinite else {
                throw TeleportError.invalid(
                    "mean[\(c)] is \(mean[c]) and std[\(c)] is \(std[c]): pixels would not "
                        + "stay finite")
            }
        }
        self.scale = scale
        self.shift = shift
    }
}

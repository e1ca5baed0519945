import Runtime

/// What becomes of a file that cannot be decoded; raw values of `tp_bad_image`.
public enum BadImagePolicy: Int32, Sendable {
    case fail = 0
    case skip = 1
}

/// What of the images of a folder stays in memory; raw values of `tp_keep`.
public enum KeptImages: Int32, Sendable {
    case pixels = 0
    case paths = 1
}

/// How an image is brought to another size; raw values of `tp_resampling`.
public enum Resampling: Int32, Sendable {
    case bilinear = 0
    case area = 1
}

/// How images are read; the fields of `tp_image_config`, where they are turned into these.
public struct ImageConfig {
    /// 0: the file's own; 1, 3 or 4.
    public var channels = 0
    /// 0 and 0: the file's own.
    public var height = 0
    public var width = 0
    public var resampling = Resampling.bilinear
    public var badImage = BadImagePolicy.fail
    public var allowsEmptyClasses = false
    /// All files below the folder, without labels.
    public var isFlat = false
    public var background = (0, 0, 0)
    public var mean: (Float, Float, Float, Float) = (0, 0, 0, 0)
    public var std: (Float, Float, Float, Float) = (1, 1, 1, 1)
    /// Nil: the folder's own.
    private(set) var classNames: StringTable?
    public var maxWidth = 65_535
    public var maxHeight = 65_535
    public var maxPixels = 1 << 26
    public var maxChunkBytes = 8 << 20
    public var takesNestedClasses = false
    public var keep = KeptImages.pixels
    /// Bytes that decoded images may take where paths are kept.
    public var keptBytes = 256 << 20
    /// Mean and deviation are those of the images that are read.
    public var isMeasured = false

    public init() {}

    /// The largest height and width that images can be resampled to.
    static let largestSide = 65_535

    /// Bounds what a single label can make others count by class.
    public static let mostClasses = 1 << 24

    /// Bounds the exact integer sums of `Resampling`.
    static let largestPixelCount = 1 << 46

    var isResampling: Bool { height > 0 }
    /// 0: as many as the folder or the labels say.
    var classCount: Int { classNames?.count ?? 0 }

    /// Copies a host's list, which may be NULL with a count of 0.
    public mutating func setClassNames(
        _ names: UnsafePointer<UnsafePointer<CChar>?>?, count: Int
    ) throws {
        guard (count == 0) == (names == nil) else {
            throw TeleportError.invalid(
                count == 0
                    ? "class_names is given but class_count is 0"
                    : "class_count is \(UInt(bitPattern: count)) but class_names is NULL")
        }
        guard count >= 0, count <= Self.mostClasses else {
            throw TeleportError.invalid(
                "class_count is \(UInt(bitPattern: count)); it must be 0 to \(Self.mostClasses)")
        }
        guard let names else { return classNames = nil }
        let table = try StringTable()
        for i in 0..<count {
            guard let name = names[i] else {
                throw TeleportError.invalid("class_names[\(i)] is NULL")
            }
            guard name.pointee != 0 else {
                throw TeleportError.invalid("class_names[\(i)] is empty")
            }
            try table.append(name)
        }
        classNames = table
    }

    /// Refuses a number that has no meaning with a sentence that names it.
    func validate() throws {
        try require("channels", channels, [0, 1, 3, 4].contains(channels), "0, 1, 3 or 4")
        guard (height == 0) == (width == 0) else {
            throw TeleportError.invalid(
                "height is \(height) and width is \(width); both must be 0 or both set")
        }
        try require("height", height, in: 0...Self.largestSide)
        try require("width", width, in: 0...Self.largestSide)
        try require("background[0]", background.0, in: 0...255)
        try require("background[1]", background.1, in: 0...255)
        try require("background[2]", background.2, in: 0...255)
        try require("max_width", maxWidth, in: 1...Int(Int32.max))
        try require("max_height", maxHeight, in: 1...Int(Int32.max))
        try require("max_pixels", maxPixels, in: 1...Self.largestPixelCount)
        try require("max_chunk_bytes", maxChunkBytes, in: 1...Int.max)
        try require("keep_bytes", keptBytes, in: 1...Int.max)
        try validateNumbers()
    }

    /// What samples in memory need of the options.
    func validateNumbers() throws {
        _ = try Normalization(mean: mean, std: std)
        guard !isMeasured || (mean == (0, 0, 0, 0) && std == (1, 1, 1, 1)) else {
            throw TeleportError.invalid("normalize is 1, but mean or std is given too")
        }
    }
}

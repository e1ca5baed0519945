import Glibc
import Layers
import Runtime

/// How images become a net's inputs, and what its outputs are called. It never changes once made,
/// so clones share it.
public final class ImagePreparation: @unchecked Sendable {
    public let channels: Int
    public let height: Int
    public let width: Int
    /// Per channel; those that the images lack are 0 and 1.
    public let mean: SIMD4<Float>
    public let std: SIMD4<Float>
    /// Nil: the images had this size.
    public let resampling: Resampling?
    public let background: SIMD4<Int>
    public let classNames: StringTable?
    /// The names as hosts take them; they live as long as this does.
    public let namePointers: Buffer<UnsafePointer<CChar>?>?

    /// An error that names what no image can be prepared by.
    public init(
        channels: Int, height: Int, width: Int, mean: SIMD4<Float>, std: SIMD4<Float>,
        resampling: Resampling?, background: SIMD4<Int>, classNames: StringTable?
    ) throws {
        try require("channels", channels, in: 1...4)
        try require("height", height, in: 1...Int(Int32.max))
        try require("width", width, in: 1...Int(Int32.max))
        var (mean, std) = (mean, std)
        for c in 0..<4 {
            if c >= channels { (mean[c], std[c]) = (0, 1) }
            try require("mean[\(c)]", mean[c], mean[c].isFinite, "finite")
            try require("std[\(c)]", std[c], std[c] > 0 && std[c].isFinite, "positive and finite")
        }
        for c in 0..<3 {
            try require(
                "background[\(c)]", background[c], (0...255).contains(background[c]), "0 to 255")
        }
        self.channels = channels
        self.height = height
        self.width = width
        self.mean = mean
        self.std = std
        self.resampling = resampling
        self.background = background
        self.classNames = classNames
        namePointers = try classNames.map { names in
            let pointers = try Buffer<UnsafePointer<CChar>?>(repeating: nil, count: names.count)
            for i in 0..<names.count { pointers.pointer[i] = names[i] }
            return pointers
        }
    }

    /// Refuses images that the net does not take, and names for outputs that it does not have.
    public func validate(for graph: Graph) throws {
        let input = graph.input
        let pixels = height.multipliedReportingOverflow(by: width)
        let count = pixels.partialValue.multipliedReportingOverflow(by: channels)
        let isImage = !input.isVector
        guard !pixels.overflow, !count.overflow, count.partialValue == input.count,
            !isImage
                || (channels, height, width) == (input.channels, input.height, input.width)
        else {
            throw TeleportError(
                .shapeMismatch,
                "images of \(shapeText) do not fit the model, which takes \(isImage ? "images of \(input.channels) x \(input.height) x \(input.width)" : "\(input.count) values")"
            )
        }
        guard let classNames, classNames.count > graph.outputWidth else { return }
        throw TeleportError(
            .shapeMismatch,
            "there are \(classNames.count) class names but the model gives \(graph.outputWidth) outputs"
        )
    }

    /// Whether images prepared by `other` are the same to the net, as far as both tell.
    public func isAlike(_ other: ImagePreparation) -> Bool {
        (channels, height, width) == (other.channels, other.height, other.width)
            && mean == other.mean && std == other.std && background == other.background
            && (resampling == nil || other.resampling == nil || resampling == other.resampling)
    }

    /// The first class that has another name in `other`; where there are more in one of them, the
    /// first that is there alone. Nil where all have the same, or one of them has no names.
    public func otherClass(_ other: ImagePreparation) -> Int? {
        guard let names = classNames, let others = other.classNames else { return nil }
        for i in 0..<max(names.count, others.count) {
            guard i < names.count, i < others.count, strcmp(names[i], others[i]) == 0 else {
                return i
            }
        }
        return nil
    }

    private var shapeText: String { "\(channels) x \(height) x \(width)" }

    /// For messages.
    public var text: String {
        func list(_ values: SIMD4<Float>) -> String {
            (0..<channels).map { "\(values[$0])" }.joined(separator: " ")
        }
        var text = "\(shapeText), mean \(list(mean)), std \(list(std))"
        if let resampling { text += ", resampled \(resampling)" }
        if background != .zero {
            text += ", over background \(background[0]) \(background[1]) \(background[2])"
        }
        return text
    }
}

extension Model {
    /// Keeps how images become the model's inputs; nil: forgets it.
    public func setImages(_ images: ImagePreparation?) throws {
        try requireIdle()
        try images?.validate(for: graph)
        self.images = images
    }
}

import Runtime

/// How images are changed as the batches of training are gathered; the fields of
/// `tp_augment_config`.
public struct Augmentation: BitwiseCopyable, Sendable {
    /// Probabilities of a mirror image, left to right and top to bottom.
    public var flip = 0.0
    public var verticalFlip = 0.0
    /// The farthest move along each axis, in pixels.
    public var shift = 0
    /// The smallest part of the area that a crop keeps; 1: no crop.
    public var crop = 1.0
    /// How far a crop's sides may depart from the image's own ratio; 1: not at all.
    public var stretch = 1.0

    public init() {}

    public func validate() throws {
        try require("flip", flip, flip >= 0 && flip <= 1, "0 to 1")
        try require(
            "flip_vertical", verticalFlip, verticalFlip >= 0 && verticalFlip <= 1, "0 to 1")
        try require("shift", shift, in: 0...ImageConfig.largestSide)
        try require("crop", crop, crop > 0 && crop <= 1, "above 0 and at most 1")
        try require("stretch", stretch, stretch >= 1 && stretch <= 100, "1 to 100")
    }

    /// Checks that the set has images to change.
    public func validate(for dataset: Dataset) throws {
        guard dataset.hasImages else {
            throw TeleportError(
                .unsupported, "augmentation changes images, and the data set holds arrays")
        }
        let side = min(dataset.shape.height, dataset.shape.width)
        guard shift < side else {
            throw TeleportError.invalid(
                "shift is \(shift); it must be below \(side), the smaller side of the images")
        }
    }
}

/// The changes of one epoch: what becomes of a sample is a function of seed, epoch and sample
/// alone, so neither threads nor order nor a pause have a part in it.
public struct AugmentationDraw: BitwiseCopyable, Sendable {
    private let augmentation: Augmentation
    private let seed: UInt64

    public init(_ augmentation: Augmentation, seed: UInt64, epoch: Int) {
        self.augmentation = augmentation
        var generator = RandomGenerator(
            seed: seed, stream: RandomStream.member(epoch, of: RandomStream.augmentation))
        self.seed = generator.next()
    }

    /// What becomes of the sample at this place of its storage.
    ///
    /// All is drawn whether it is asked for or not, so that a flip does not change the crops. There
    /// are no functions but roots, so that every machine draws the same.
    func move(of sample: Int, _ shape: SampleShape) -> ImageMove {
        var generator = RandomGenerator(
            seed: seed, stream: RandomStream.member(sample, of: RandomStream.augmentation))
        let isMirrored = generator.nextDouble() < augmentation.flip
        let isUpsideDown = generator.nextDouble() < augmentation.verticalFlip
        let steps = 2 * augmentation.shift + 1
        let dx = generator.nextIndex(below: steps) - augmentation.shift
        let dy = generator.nextIndex(below: steps) - augmentation.shift
        let area = generator.nextDouble(from: augmentation.crop, to: 1)
        let stretch = generator.nextDouble(from: 1, to: augmentation.stretch)
        let isWide = generator.nextDouble() < 0.5
        let ratio = isWide ? stretch : 1 / stretch
        let width = Self.side((area * ratio).squareRoot(), of: shape.width)
        let height = Self.side((area / ratio).squareRoot(), of: shape.height)
        return ImageMove(
            isMirrored: isMirrored, isUpsideDown: isUpsideDown, dx: dx, dy: dy,
            x: generator.nextIndex(below: shape.width - width + 1),
            y: generator.nextIndex(below: shape.height - height + 1), width: width, height: height)
    }

    private static func side(_ part: Double, of whole: Int) -> Int {
        min(max(Int((part * Double(whole)).rounded()), 1), whole)
    }
}

/// What becomes of one image: a part of it is brought to the whole size, mirrored and moved.
struct ImageMove: BitwiseCopyable {
    var isMirrored: Bool
    var isUpsideDown: Bool
    var dx: Int
    var dy: Int
    /// The part.
    var x: Int
    var y: Int
    var width: Int
    var height: Int
}

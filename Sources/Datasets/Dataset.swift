import Runtime

/// Samples with labels, with targets or with neither; read-only once made, so many threads may read
/// one set.
///
/// Pixels stay bytes, or paths, and become floats as a batch is gathered. A set made from another
/// one shares its samples and adds an order, or a normalization, of its own.
public final class Dataset: @unchecked Sendable {
    /// What all parts of one set share.
    final class Storage: @unchecked Sendable {
        /// Exactly one of these three has values, one sample a row.
        var pixels: Buffer<UInt8>?
        var values: Buffer<Float>?
        var images: PathImages?
        var labels: UnsafeMutablePointer<Int32>?
        var targets: Buffer<Float>?
        var classNames: StringTable?
        var paths: StringTable?

        /// Keeps the memory of `labels`.
        private let labelOwner: AnyObject?

        init(labels: UnsafeMutablePointer<Int32>?, owner: AnyObject?) {
            self.labels = labels
            labelOwner = owner
        }
    }

    let storage: Storage
    /// Places in the storage; nil: all, in order.
    let order: Buffer<Int>?
    /// What the floats of pixels are made with.
    let normalization: Normalization
    let skippedPaths: StringTable?
    let skippedReasons: StringTable?

    /// One a sample of this set, finite, not negative and not all 0 in the set that they were given
    /// to; nil: 1 each.
    public let weights: Buffer<Float>?

    /// Samples.
    public let count: Int
    /// Arrays of numbers have 1 x 1 x width.
    public let shape: SampleShape
    /// Values of one sample.
    public let sampleWidth: Int
    /// 0 without labels.
    public let classCount: Int
    /// Values of one target; 0 without targets.
    public let targetWidth: Int

    public var hasLabels: Bool { storage.labels != nil }
    public var hasImages: Bool { storage.values == nil }

    init(
        storage: Storage, order: Buffer<Int>? = nil,
        normalization: Normalization = Normalization(), count: Int, shape: SampleShape,
        classCount: Int = 0, targetWidth: Int = 0, skippedPaths: StringTable? = nil,
        skippedReasons: StringTable? = nil
    ) {
        self.storage = storage
        self.order = order
        self.normalization = normalization
        self.count = count
        self.shape = shape
        sampleWidth = shape.count
        self.classCount = classCount
        self.targetWidth = targetWidth
        self.skippedPaths = skippedPaths
        self.skippedReasons = skippedReasons
        weights = nil
    }

    /// Some samples of another set, with their weights.
    init(_ source: Dataset, order: Buffer<Int>, weights: Buffer<Float>?) {
        storage = source.storage
        self.order = order
        normalization = source.normalization
        self.weights = weights
        count = order.count
        shape = source.shape
        sampleWidth = source.sampleWidth
        classCount = source.classCount
        targetWidth = source.targetWidth
        skippedPaths = nil
        skippedReasons = nil
    }

    /// Another set, normalized or weighed in another way.
    init(_ source: Dataset, normalization: Normalization, weights: Buffer<Float>?) {
        storage = source.storage
        order = source.order
        self.normalization = normalization
        self.weights = weights
        count = source.count
        shape = source.shape
        sampleWidth = source.sampleWidth
        classCount = source.classCount
        targetWidth = source.targetWidth
        skippedPaths = source.skippedPaths
        skippedReasons = source.skippedReasons
    }

    /// Name of a class, or nil where there is none; lives as long as the set.
    public func className(_ index: Int) -> UnsafePointer<CChar>? {
        guard let names = storage.classNames, index >= 0, index < names.count else { return nil }
        return names[index]
    }

    /// The file that a sample was read from, byte for byte, or nil; lives as long as the set.
    public func samplePath(_ index: Int) -> UnsafePointer<CChar>? {
        guard let paths = storage.paths, index >= 0, index < count else { return nil }
        return paths[order?.pointer[index] ?? index]
    }

    /// Files left out while reading. They belong to the set that was read: its splits have none.
    public var skippedCount: Int { skippedPaths?.count ?? 0 }

    /// A file that was left out, in data-set order, and why; both live as long as the set.
    public func skipped(
        _ index: Int
    ) -> (path: UnsafePointer<CChar>, reason: UnsafePointer<CChar>)? {
        guard let skippedPaths, let skippedReasons, index >= 0, index < skippedPaths.count else {
            return nil
        }
        return (skippedPaths[index], skippedReasons[index])
    }
}

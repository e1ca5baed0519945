import Glibc
import Runtime

extension Dataset {
    /// Copies float samples and labels; `classCount` 0 means the largest label + 1.
    public static func fromLabels(
        x: UnsafePointer<Float>, width: Int, labels: UnsafePointer<Int32>, count: Int,
        classCount: Int
    ) throws -> Dataset {
        try checkCount(count)
        try checkClassCount(classCount)
        // Memory first: arrays longer than any memory must not be walked.
        let values = try room("x", count: count, width: width)
        let ownLabels = try Buffer<Int32>(count: count)
        let classes = try checkLabels(labels, count: count, classCount: classCount)
        try copyFinite(x, "x", width: width, into: values)
        ownLabels.pointer.initialize(from: labels, count: count)
        let storage = Storage(labels: ownLabels.pointer, owner: ownLabels)
        storage.values = values
        return Dataset(
            storage: storage, count: count,
            shape: SampleShape(channels: 1, height: 1, width: width), classCount: classes)
    }

    /// Copies float samples and targets.
    public static func fromTargets(
        x: UnsafePointer<Float>, width: Int, targets: UnsafePointer<Float>, targetWidth: Int,
        count: Int
    ) throws -> Dataset {
        try checkCount(count)
        let values = try room("x", count: count, width: width)
        let ownTargets = try room("targets", count: count, width: targetWidth)
        try copyFinite(x, "x", width: width, into: values)
        try copyFinite(targets, "targets", width: targetWidth, into: ownTargets)
        let storage = Storage(labels: nil, owner: nil)
        storage.values = values
        storage.targets = ownTargets
        return Dataset(
            storage: storage, count: count,
            shape: SampleShape(channels: 1, height: 1, width: width), targetWidth: targetWidth)
    }

    /// Copies images of bytes; without labels the set has no classes, whatever names the options
    /// give.
    public static func fromPixels(
        _ pixels: UnsafePointer<UInt8>, shape: SampleShape, labels: UnsafePointer<Int32>?,
        count: Int, options: ImageConfig
    ) throws -> Dataset {
        try checkCount(count)
        guard (1...4).contains(shape.channels) else {
            throw TeleportError.invalid(
                "shape has \(shape.channels) channels; an image has 1 to 4")
        }
        guard shape.height >= 1, shape.width >= 1 else {
            throw TeleportError.invalid(
                "shape is \(shape.height) x \(shape.width) pixels; both must be positive")
        }
        // Memory first: arrays longer than any memory must not be walked.
        let ownPixels = try Buffer<UInt8>(count: try Memory.product(count, sampleBytes(shape)))
        let ownLabels = try labels.map { _ in try Buffer<Int32>(count: count) }
        if let labels, let ownLabels {
            _ = try checkLabels(labels, count: count, classCount: options.classCount)
            ownLabels.pointer.initialize(from: labels, count: count)
        }
        ownPixels.pointer.initialize(from: pixels, count: ownPixels.count)
        return try fromStoredPixels(
            ownPixels, shape: shape, labels: ownLabels, count: count, options: options)
    }

    /// Takes over images and labels; the labels are checked already.
    static func fromStoredPixels(
        _ pixels: Buffer<UInt8>, shape: SampleShape, labels: Buffer<Int32>?, count: Int,
        options: ImageConfig
    ) throws -> Dataset {
        let normalization = try Normalization(mean: options.mean, std: options.std)
        let storage = Storage(labels: labels?.pointer, owner: labels)
        storage.pixels = pixels
        var classes = 0
        if let labels {
            classes = try checkLabels(
                labels.pointer, count: count, classCount: options.classCount)
            storage.classNames = options.classNames
        }
        let set = Dataset(
            storage: storage, normalization: normalization, count: count, shape: shape,
            classCount: classes)
        return options.isMeasured ? try set.normalized(by: set) : set
    }

    private static func checkCount(_ count: Int) throws {
        guard count >= 1 else {
            throw TeleportError.invalid("count is \(count); a data set has at least 1 sample")
        }
    }

    private static func checkClassCount(_ classCount: Int) throws {
        try require("class_count", classCount, in: 0...ImageConfig.mostClasses)
    }

    /// Refuses labels without a class and gives the number of classes.
    static func checkLabels(
        _ labels: UnsafePointer<Int32>, count: Int, classCount: Int
    ) throws -> Int {
        try checkClassCount(classCount)
        var largest: Int32 = -1
        for i in 0..<count {
            let label = labels[i]
            guard label >= 0 else {
                throw TeleportError.invalid(
                    "the label of sample \(i) is \(label); labels count from 0")
            }
            guard classCount == 0 || Int(label) < classCount else {
                throw TeleportError.invalid(
                    "the label of sample \(i) is \(label), but there are \(classCount) classes, 0 to "
                        + "\(classCount - 1)")
            }
            largest = max(largest, label)
        }
        guard classCount == 0 else { return classCount }
        guard largest < ImageConfig.mostClasses else {
            throw TeleportError.invalid(
                "the largest label is \(largest); a data set has at most "
                    + "\(ImageConfig.mostClasses) classes")
        }
        return Int(largest) + 1
    }

    /// Memory for an array of the host, before a value of it is looked at.
    private static func room(_ name: String, count: Int, width: Int) throws -> Buffer<Float> {
        guard width >= 1 else {
            throw TeleportError.invalid(
                "\(name) has \(width) values a sample; at least 1 is needed")
        }
        return try Buffer(count: try Memory.product(count, width))
    }

    private static func copyFinite(
        _ source: UnsafePointer<Float>, _ name: String, width: Int, into target: Buffer<Float>
    ) throws {
        for i in 0..<target.count where !source[i].isFinite {
            throw TeleportError(
                .notFinite, "\(name)[\(i / width), \(i % width)] is \(source[i])")
        }
        target.pointer.initialize(from: source, count: target.count)
    }
}

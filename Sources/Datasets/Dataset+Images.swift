import Files
import Glibc
import Runtime

extension Dataset {
    /// Gets the files done and the files known so far, on the calling thread, and answers whether
    /// to go on.
    public typealias Progress = (Int64, Int64) -> Bool

    /// Reads a folder of PNG images, one sub-directory a class, or all below it without labels with
    /// `options.isFlat`; nil when `progress` stopped it.
    public static func fromImageFolder(
        path: UnsafePointer<CChar>, options: ImageConfig, progress: Progress? = nil
    ) throws -> Dataset? {
        try options.validate()
        let report = ProgressReport(progress)
        guard
            let files = try FolderListing.list(root: path, options: options, report: report)
        else { return nil }
        return try read(files, options: options, report: report, hasLabels: !options.isFlat)
    }

    /// Reads the files named, in this order, without labels; nil when `progress` stopped it.
    public static func fromImageFiles(
        paths: UnsafePointer<UnsafePointer<CChar>?>, count: Int, options: ImageConfig,
        progress: Progress? = nil
    ) throws -> Dataset? {
        try options.validate()
        guard count >= 1 else {
            throw TeleportError.invalid(
                count == 0
                    ? "count is 0; at least 1 file is needed"
                    : "count is \(UInt(bitPattern: count)); no list is that long")
        }
        let files = try ImageFiles()
        // Memory first: a list longer than any memory must not be walked.
        try files.suspicious.reserve(count)
        for i in 0..<count {
            guard let path = paths[i] else { throw TeleportError.invalid("paths[\(i)] is NULL") }
            try files.paths.append(path)
            try files.suspicious.append(true)
        }
        return try read(
            files, options: options, report: ProgressReport(progress), hasLabels: false)
    }

    private static func read(
        _ files: ImageFiles, options: ImageConfig, report: ProgressReport, hasLabels: Bool
    ) throws -> Dataset? {
        guard let images = try ImageReader.read(files, options: options, report: report) else {
            return nil
        }
        if hasLabels && !options.allowsEmptyClasses { try images.requireEveryClass(of: files) }
        let normalization = try Normalization(mean: options.mean, std: options.std)
        let storage = Storage(
            labels: hasLabels ? files.labels.pointer : nil, owner: files.labels)
        storage.pixels = images.pixels
        if images.pixels == nil {
            storage.images = try PathImages(
                paths: files.paths, options: options, target: images.target)
        }
        storage.paths = files.paths
        if hasLabels { storage.classNames = files.classNames }
        let set = Dataset(
            storage: storage, normalization: normalization, count: images.count,
            shape: images.target.shape, classCount: hasLabels ? files.classNames.count : 0,
            skippedPaths: images.skippedPaths, skippedReasons: images.skippedReasons)
        return options.isMeasured ? try set.normalized(by: set, report: report) : set
    }

    /// Decodes one file into `pixels`, channels x height x width bytes.
    ///
    /// `shape` is set once the header is read, also when `capacity` is too small. With `pixels` nil
    /// and capacity 0 nothing more is read.
    public static func loadImage(
        path: UnsafePointer<CChar>, options: ImageConfig, pixels: UnsafeMutablePointer<UInt8>?,
        capacity: Int, shape: inout SampleShape?
    ) throws {
        try options.validate()
        let decoder = try PNGDecoder(options: options)
        do throws(FileFailure) {
            shape = try decoder.target(path: path, suspicious: true).shape
        } catch {
            throw error.error("image", at: path)
        }
        guard let pixels else {
            guard capacity == 0 else {
                throw TeleportError.invalid("pixels is NULL, but its capacity is \(capacity)")
            }
            return
        }
        if let shape { try checkCapacity(capacity, shape) }
        // The caller's buffer stays as it is when the image turns out bad half-way.
        do throws(FileFailure) {
            let (target, image) = try decoder.decodeFirst(path: path, suspicious: true)
            shape = target.shape
            do { try checkCapacity(capacity, target.shape) } catch { throw FileFailure(error) }
            pixels.update(from: image.pointer, count: image.count)
        } catch {
            throw error.error("image", at: path)
        }
    }

    private static func checkCapacity(_ capacity: Int, _ shape: SampleShape) throws {
        let needed = try sampleBytes(shape)
        guard capacity >= needed else {
            throw TeleportError(
                .bufferTooSmall,
                "the capacity is \(capacity) bytes; channels x height x width = "
                    + "\(shape.channels) x \(shape.height) x \(shape.width) needs \(needed)")
        }
    }
}

import CShims
import Datasets
import Files
import Layers
import Networks
import Runtime

extension ImagePreparation {
    /// That of a data set; nil for arrays.
    public convenience init?(of dataset: Dataset) throws {
        guard dataset.hasImages else { return nil }
        try self.init(
            channels: dataset.shape.channels, height: dataset.shape.height,
            width: dataset.shape.width, mean: dataset.mean, std: dataset.std,
            resampling: dataset.resampling, background: dataset.background,
            classNames: dataset.classNames)
    }
}

extension Model {
    /// What the model keeps of its images once it is trained on a data set; an error where that
    /// is prepared otherwise than what it was trained on before.
    func images(trainedOn dataset: Dataset) throws -> ImagePreparation? {
        guard let prepared = try ImagePreparation(of: dataset) else { return images }
        guard let images else {
            try prepared.validate(for: graph)
            return prepared
        }
        try dataset.requirePrepared(as: images, "the model")
        return images.classNames == nil && prepared.classNames != nil ? prepared : images
    }

    /// Refuses a set whose images are not what the model was trained on.
    public func requireImages(_ dataset: Dataset) throws {
        try dataset.requirePrepared(as: images, "the model")
    }

    /// The class of each of these image files, and the outputs of the last layer or their softmax
    /// (`count` rows). Either may be nil.
    ///
    /// Files are read as the model keeps it, in pieces, so memory does not grow with their number
    /// but for their paths.
    public func predictImages(
        _ paths: UnsafePointer<UnsafePointer<CChar>?>, count: Int, asProbabilities: Bool,
        outputs: UnsafeMutablePointer<Float>?, labels: UnsafeMutablePointer<Int32>?
    ) throws {
        guard let images else {
            throw TeleportError(
                .badState,
                "the model does not know how its images are prepared: it was not trained on a data set of images, and tp_model_set_images was not called"
            )
        }
        var options = ImageConfig(images)
        options.keep = .paths
        // One image: each file is read once.
        options.keptBytes = images.channels * images.height * images.width
        guard
            let files = try Dataset.fromImageFiles(
                paths: paths, count: count, options: options,
                progress: { _, _ in !Stop.isRequested })
        else { throw Stopped() }
        let workspace = try measuringWorkspace(count: count, .running)
        let samples = try SampleBuffer(for: files, capacity: workspace.capacity)
        let width = graph.outputWidth
        try Self.forEachPiece(of: count, workspace) { first, count in
            let batch = try samples.copy(first: first, count: count)
            workspace.forward(weights, x: batch.x, count: count, .running)
            if let labels {
                for row in 0..<count {
                    labels[first + row] = Int32(
                        truncatingIfNeeded: largestIndex(workspace.outputs + row * width, width))
                }
            }
            guard let outputs else { return }
            if asProbabilities { shim_softmax(workspace.outputs, count, width) }
            (outputs + first * width).update(from: workspace.outputs, count: count * width)
        }
    }
}

extension Dataset {
    /// Refuses images that are prepared otherwise, with a sentence that says both.
    func requirePrepared(as other: ImagePreparation?, _ owner: StaticString) throws {
        guard let other, let own = try ImagePreparation(of: self) else { return }
        guard own.isAlike(other) else {
            throw TeleportError(
                .unsupported,
                "the images of \(owner) are \(other.text); those of the data set are \(own.text)")
        }
        guard let label = other.otherClass(own) else { return }
        func name(_ names: StringTable?) -> String {
            guard let names, label < names.count else { return "missing" }
            return quoted(names[label])
        }
        throw TeleportError(
            .unsupported,
            "class \(label) of \(owner) is \(name(other.classNames)); that of the data set is \(name(own.classNames))"
        )
    }
}

extension ImageConfig {
    /// Reads files as images were prepared, whatever size they have.
    public init(_ images: ImagePreparation) {
        self.init()
        channels = images.channels
        height = images.height
        width = images.width
        resampling = images.resampling ?? .bilinear
        background = (images.background[0], images.background[1], images.background[2])
        mean = (images.mean[0], images.mean[1], images.mean[2], images.mean[3])
        std = (images.std[0], images.std[1], images.std[2], images.std[3])
    }
}

extension ImagePreparation {
    /// What a host says of a model's images. A net that takes images knows their size.
    public convenience init(_ options: ImageConfig, for graph: Graph) throws {
        try options.validate()
        guard !options.isMeasured else {
            throw TeleportError.invalid("normalize is 1, but there are no images to measure")
        }
        let size = graph.input.isVector ? nil : graph.input
        let (mean, std) = (options.mean, options.std)
        let (red, green, blue) = options.background
        try self.init(
            channels: options.channels > 0 ? options.channels : size?.channels ?? 0,
            height: options.height > 0 ? options.height : size?.height ?? 0,
            width: options.width > 0 ? options.width : size?.width ?? 0,
            mean: SIMD4(mean.0, mean.1, mean.2, mean.3), std: SIMD4(std.0, std.1, std.2, std.3),
            resampling: options.resampling, background: SIMD4(red, green, blue, 0),
            classNames: options.classNames)
    }
}

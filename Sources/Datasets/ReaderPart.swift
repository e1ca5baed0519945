import Files
import Runtime

/// What one thread needs to turn images into samples, and what became of its part of a job.
final class ReaderPart {
    let decoder: PNGDecoder?
    /// An image that has no other place.
    let image: Buffer<UInt8>?
    let moved: MovedImage?

    /// The first of its images that could not be read.
    var failure: (index: Int, reason: FileFailure)?
    var sums = PixelSums()

    init(for dataset: Dataset, augments: Bool) throws {
        let images = dataset.storage.images
        decoder = try images.map { try PNGDecoder(options: $0.options) }
        image = try images.map { try Buffer(count: $0.size) }
        moved = augments && dataset.hasImages ? try MovedImage(dataset.shape) : nil
    }
}

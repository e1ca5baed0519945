import Files
import Runtime

extension Dataset {
    /// Reads images, and labels where a path is given, in MNIST's own format, plain or gzip.
    public static func fromIDX(
        imagesPath: UnsafePointer<CChar>, labelsPath: UnsafePointer<CChar>?, options: ImageConfig
    ) throws -> Dataset {
        try options.validateNumbers()
        let images = try IDXFile.read(path: imagesPath, dimensions: 3)
        let count = images.sizes[0]
        var labels: Buffer<Int32>?
        if let labelsPath {
            let file = try IDXFile.read(path: labelsPath, dimensions: 1)
            guard file.sizes[0] == count else {
                throw TeleportError(
                    .shapeMismatch,
                    "\(quoted(imagesPath)) has \(count) images, but \(quoted(labelsPath)) has "
                        + "\(file.sizes[0]) labels")
            }
            let wide = try Buffer<Int32>(count: count)
            for i in 0..<count { wide.pointer[i] = Int32(file.bytes.pointer[i]) }
            labels = wide
        }
        return try fromStoredPixels(
            images.bytes,
            shape: SampleShape(channels: 1, height: images.sizes[1], width: images.sizes[2]),
            labels: labels, count: count, options: options)
    }
}

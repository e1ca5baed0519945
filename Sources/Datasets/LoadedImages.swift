import Files
import Runtime

/// The images of a data set and what was left out.
struct LoadedImages {
    let target: ImageTarget
    /// Nil where paths are kept instead.
    let pixels: Buffer<UInt8>?
    let count: Int
    let skippedPaths: StringTable
    let skippedReasons: StringTable
    /// Of the files left out; empty without labels.
    let skippedLabels: GrowingBuffer<Int32>

    /// Refuses a class that lost all of its images: it is as empty as one that never had any.
    func requireEveryClass(of files: ImageFiles) throws {
        guard skippedPaths.count > 0 else { return }
        let kept = try Buffer(repeating: 0, count: files.classNames.count)
        for label in files.labels.elements { kept.pointer[Int(label)] += 1 }
        guard let label = kept.elements.firstIndex(of: 0) else { return }
        let lost = skippedLabels.elements
        guard let first = lost.firstIndex(of: Int32(clamping: label)) else { return }
        let count = lost.reduce(0) { $1 == Int32(clamping: label) ? $0 + 1 : $0 }
        throw TeleportError(
            .format,
            "class \(quoted(files.classNames[label])) has no image that can be read; the first of its "
                + "\(count) is \(quoted(skippedPaths[first])): "
                + "\(String(cString: skippedReasons[first])); "
                + "allow_empty_classes = 1 keeps such a class")
    }
}

import Files
import Runtime

extension Dataset {
    /// Samples of each class, in the order of the labels; `counts` has room for `classCount`.
    public func countClasses(into counts: UnsafeMutablePointer<Int64>) {
        counts.update(repeating: 0, count: classCount)
        guard hasLabels else { return }
        for position in 0..<count { counts[label(position)] += 1 }
    }

    /// Classes that a summary names one by one.
    private static let mostNamed = 1_000

    /// What the set holds, a line each: samples, normalization, classes in the order of their
    /// labels with their counts, files left out.
    public func summary() throws -> String {
        var text =
            "\(count) samples of \(shape.channels) x \(shape.height) x \(shape.width), \(kind)\n"
        if hasImages { text += normalizationLine }
        if targetWidth > 0 { text += "targets of \(targetWidth)\n" }
        if weights != nil { text += "weights given, \(totalWeight) in all\n" }
        if hasLabels { text += try classLines() }
        if skippedCount > 0 { text += "\(skippedCount) files left out\n" }
        return text
    }

    private var kind: String {
        if let images = storage.images {
            return "images read from their files, \(images.options.keptBytes) bytes kept at most"
        }
        return storage.pixels != nil ? "images in memory" : "arrays"
    }

    private var normalizationLine: String {
        func list(_ values: SIMD4<Float>) -> String {
            (0..<shape.channels).map { "\(values[$0])" }.joined(separator: " ")
        }
        let source = normalization.isMeasured ? "measured" : "given"
        return "mean \(list(normalization.mean)), std \(list(normalization.std)) (\(source))\n"
    }

    private func classLines() throws -> String {
        let counts = try Buffer<Int64>(count: max(classCount, 1))
        countClasses(into: counts.pointer)
        var text = "\(classCount) classes\n"
        for label in 0..<min(classCount, Self.mostNamed) {
            let name = className(label).map { quoted($0) + " " } ?? ""
            text += "  \(label) \(name)\(counts.pointer[label])\n"
        }
        if classCount > Self.mostNamed { text += "  and \(classCount - Self.mostNamed) more\n" }
        return text
    }
}

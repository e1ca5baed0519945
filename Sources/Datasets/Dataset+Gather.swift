import CShims
import Runtime

extension Dataset {
    /// Copies the samples at `positions`, each in `0 ..< count`, to the rows of `x`, and their
    /// labels and targets.
    ///
    /// Any output may be nil; `labels` and `targets` must be where the set has none. Allocates
    /// nothing.
    public func gather(
        _ positions: UnsafePointer<Int>, count: Int, x: UnsafeMutablePointer<Float>?,
        labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?
    ) {
        let order = order?.pointer
        copy(count: count, x: x, labels: labels, targets: targets) { i in
            order.map { $0[positions[i]] } ?? positions[i]
        }
    }

    /// The same for the samples `first ..< first + count`.
    public func copy(
        first: Int, count: Int, x: UnsafeMutablePointer<Float>?,
        labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?
    ) {
        let order = order?.pointer
        copy(count: count, x: x, labels: labels, targets: targets) { i in
            order.map { $0[first + i] } ?? first + i
        }
    }

    @inline(__always)
    private func copy(
        count: Int, x: UnsafeMutablePointer<Float>?, labels: UnsafeMutablePointer<Int32>?,
        targets: UnsafeMutablePointer<Float>?, place: (Int) -> Int
    ) {
        guard count > 0 else { return }
        let width = sampleWidth
        if let x, let values = storage.values?.pointer {
            for i in 0..<count {
                (x + i &* width).update(from: values + place(i) &* width, count: width)
            }
        } else if let x, let pixels = storage.pixels?.pointer {
            let plane = shape.height * shape.width
            let channels = shape.channels
            let (scale, shift) = (storage.normalization.scale, storage.normalization.shift)
            for i in 0..<count {
                // Shuffled samples lie anywhere in memory: waiting for them took most of the time.
                if i + ahead < count {
                    shim_prefetch(pixels + place(i + ahead) &* width, min(width, mostPrefetched))
                }
                let sample = pixels + place(i) &* width
                for c in 0..<channels {
                    normalize(
                        sample + c &* plane, count: plane, scale: scale[c], shift: shift[c],
                        into: x + i &* width + c &* plane)
                }
            }
        }
        if let labels, let source = storage.labels {
            for i in 0..<count { labels[i] = source[place(i)] }
        }
        if let targets, let source = storage.targets?.pointer {
            let width = targetWidth
            for i in 0..<count {
                (targets + i &* width).update(from: source + place(i) &* width, count: width)
            }
        }
    }
}

/// How many samples ahead memory is asked for, and at most how many bytes of each; beyond, the
/// processor's own prefetching has caught on.
private let ahead = 2
private let mostPrefetched = 2048

/// `pixel * scale + shift`, two roundings; the compiler makes vector code of it.
@inline(__always)
private func normalize(
    _ pixels: UnsafePointer<UInt8>, count: Int, scale: Float, shift: Float,
    into out: UnsafeMutablePointer<Float>
) {
    for i in 0..<count { out[i] = Float(pixels[i]) * scale + shift }
}

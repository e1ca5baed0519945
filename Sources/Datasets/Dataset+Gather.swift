import CShims
import Runtime

extension Dataset {
    /// What is in memory, into the rows of `x`. Allocates nothing.
    func copyValues(_ places: Places, count: Int, x: UnsafeMutablePointer<Float>?) {
        guard let x else { return }
        let width = sampleWidth
        if let values = storage.values?.pointer {
            for i in 0..<count {
                (x + i &* width).update(from: values + places[i] &* width, count: width)
            }
        } else if let pixels = storage.pixels?.pointer {
            let floats = PixelFloats(self)
            for i in 0..<count {
                // Shuffled samples lie anywhere in memory: waiting for them took most of the time.
                if i + ahead < count {
                    shim_prefetch(
                        pixels + places[i + ahead] &* width, min(width, mostPrefetched))
                }
                floats.write(pixels + places[i] &* width, into: x + i &* width)
            }
        }
    }

    /// Labels and targets, where they are asked for.
    func copyAnswers(
        _ places: Places, count: Int, labels: UnsafeMutablePointer<Int32>?,
        targets: UnsafeMutablePointer<Float>?
    ) {
        if let labels, let source = storage.labels {
            for i in 0..<count { labels[i] = source[places[i]] }
        }
        if let targets, let source = storage.targets?.pointer {
            let width = targetWidth
            for i in 0..<count {
                (targets + i &* width).update(from: source + places[i] &* width, count: width)
            }
        }
    }
}

/// What the pixels of a set's images become.
struct PixelFloats {
    private let plane: Int
    private let channels: Int
    private let scale: SIMD4<Float>
    private let shift: SIMD4<Float>

    init(_ dataset: Dataset) {
        plane = dataset.shape.height &* dataset.shape.width
        channels = dataset.shape.channels
        scale = dataset.normalization.scale
        shift = dataset.normalization.shift
    }

    @inline(__always)
    func write(_ image: UnsafePointer<UInt8>, into x: UnsafeMutablePointer<Float>) {
        for c in 0..<channels {
            normalize(
                image + c &* plane, count: plane, scale: scale[c], shift: shift[c],
                into: x + c &* plane)
        }
    }
}

/// How many samples ahead memory is asked for, and at most how many bytes of each; beyond, the
/// processor's own prefetching has caught on.
private let ahead = 2
private let mostPrefetched = 2048

/// `pixel * scale + shift`, two roundings; the compiler makes vector code of it.
@inline(__always)
func normalize(
    _ pixels: UnsafePointer<UInt8>, count: Int, scale: Float, shift: Float,
    into out: UnsafeMutablePointer<Float>
) {
    for i in 0..<count { out[i] = Float(pixels[i]) * scale + shift }
}

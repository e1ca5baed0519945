import Files
import Runtime
import Synchronization

/// Draws samples of one data set: copies of numbers, floats of pixels, images that are decoded
/// where the set keeps paths only.
///
/// A reader belongs to one thread, and shares large work with the pool. Once made it allocates
/// nothing, but for what libpng takes while an image is decoded.
public final class SampleReader {
    public let dataset: Dataset
    let parts: [ReaderPart]
    private let ahead: DecodedAhead?

    // The job at hand.
    private let next = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)

    /// `capacity`: samples of the largest draw. `readsAhead`: draws come in an order that is known
    /// beforehand. `measures`: its jobs are sums.
    public init(
        _ dataset: Dataset, capacity: Int, augments: Bool = false, readsAhead: Bool = false,
        measures: Bool = false
    ) throws {
        self.dataset = dataset
        let needsParts = dataset.storage.images != nil || augments || measures
        let threads = needsParts ? min(ThreadPool.shared.threadCount, max(capacity, 1)) : 0
        parts = try (0..<threads).map { _ in try ReaderPart(for: dataset, augments: augments) }
        ahead =
            readsAhead ? try dataset.storage.images.map { try DecodedAhead($0) } : nil
    }

    /// Copies the samples at `positions`, each in `0 ..< dataset.count`, to the rows of `x`, and
    /// their labels and targets. `positions` goes on by `upcoming` samples that are drawn next.
    ///
    /// Any output may be nil; `labels` and `targets` must be where the set has none. Fails where an
    /// image cannot be read, and is stopped between two images; what is in `x` then has no meaning.
    public func gather(
        _ positions: UnsafePointer<Int>, count: Int, upcoming: Int = 0,
        change: AugmentationDraw? = nil, x: UnsafeMutablePointer<Float>?,
        labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?
    ) throws {
        let places = Places(order: dataset.order?.pointer, positions: positions)
        if x != nil, let ahead, let positions = places.positions {
            try ahead.prepare(positions, places, count: count, upcoming: upcoming, self)
        }
        try draw(places, count: count, change, x: x, labels: labels, targets: targets)
    }

    /// The same for the samples `first ..< first + count`.
    public func copy(
        first: Int, count: Int, x: UnsafeMutablePointer<Float>?,
        labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?
    ) throws {
        let places = Places(order: dataset.order?.pointer, positions: nil, first: first)
        try draw(places, count: count, nil, x: x, labels: labels, targets: targets)
    }

    private func draw(
        _ places: Places, count: Int, _ change: AugmentationDraw?, x: UnsafeMutablePointer<Float>?,
        labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?
    ) throws {
        guard count > 0 else { return }
        if let x, dataset.hasImages, !parts.isEmpty {
            let job = Job(self, places, count: count, .rows(x, change))
            try run(job)
        } else {
            dataset.copyValues(places, count: count, x: x)
        }
        dataset.copyAnswers(places, count: count, labels: labels, targets: targets)
    }
}

// Jobs.
extension SampleReader {
    enum Work: BitwiseCopyable {
        /// Floats into the rows of a matrix.
        case rows(UnsafeMutablePointer<Float>, AugmentationDraw?)
        /// Decoded ahead of their batch.
        case ahead
        /// Into the sums of the parts.
        case sums
    }

    struct Job {
        let reader: Unmanaged<SampleReader>
        let places: Places
        let count: Int
        let work: Work

        init(_ reader: SampleReader, _ places: Places, count: Int, _ work: Work) {
            self.reader = Unmanaged.passUnretained(reader)
            self.places = places
            self.count = count
            self.work = work
        }
    }

    /// Fewer pixels a part are not worth waking a thread for.
    private static let pixelsWorthAThread = 1 << 15

    /// Shares a job between the threads. Which images there are decides nothing of a result, and
    /// the first in order that cannot be read is the one that is named.
    func run(_ job: Job) throws {
        let images = dataset.storage.images
        var threads = min(parts.count, job.count)
        if images == nil {
            let pixels = job.count.multipliedReportingOverflow(by: dataset.sampleWidth)
            let most = pixels.overflow ? threads : pixels.partialValue / Self.pixelsWorthAThread
            threads = min(threads, max(most, 1))
        }
        next.store(0, ordering: .relaxed)
        isOver.store(false, ordering: .relaxed)
        for part in parts { part.failure = nil }
        var job = job
        withUnsafeMutablePointer(to: &job) { job in
            ThreadPool.shared.run(parts: threads, context: job) { context, part in
                guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
                job.pointee.reader._withUnsafeGuaranteedRef { $0.take(part, job.pointee) }
            }
        }
        var first: (index: Int, reason: FileFailure)?
        for part in parts {
            guard let failure = part.failure, failure.index < first?.index ?? .max else { continue }
            first = failure
        }
        if let first, let images { throw images.error(first.reason, of: job.places[first.index]) }
        try Stop.ask()
        guard !isOver.load(ordering: .relaxed) else { throw Stopped() }
    }

    /// Images are taken in order, and one that is taken is done: so none before the first bad one
    /// is left out.
    private func take(_ part: Int, _ job: Job) {
        let part = parts[part]
        while !isOver.load(ordering: .relaxed) {
            let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard i < job.count else { return }
            do throws(FileFailure) {
                try perform(job, i, part)
            } catch {
                part.failure = (i, error)
                isOver.store(true, ordering: .relaxed)
            }
            // Workers are not asked, and get no for an answer.
            if Stop.isRequested { isOver.store(true, ordering: .relaxed) }
        }
    }

    private func perform(_ job: Job, _ i: Int, _ part: ReaderPart) throws(FileFailure) {
        let sample = job.places[i]
        switch job.work {
        case .rows(let x, let change):
            let pixels = try pixels(sample, at: i, part)
            let row = x + i * dataset.sampleWidth
            if let change, let moved = part.moved {
                moved.write(
                    pixels, change.move(of: sample, dataset.shape), dataset.normalization, into: row
                )
            } else {
                PixelFloats(dataset).write(pixels, into: row)
            }
        case .ahead: ahead?.decode(sample, at: i, part)
        case .sums: part.sums.add(try pixels(sample, at: i, part), dataset.shape)
        }
    }

    private func pixels(
        _ sample: Int, at i: Int, _ part: ReaderPart
    ) throws(FileFailure) -> UnsafePointer<UInt8> {
        if let pixels = dataset.storage.pixels {
            return UnsafePointer(pixels.pointer + sample * dataset.sampleWidth)
        }
        if let images = dataset.storage.images, let decoder = part.decoder, let image = part.image {
            if let kept = images.kept(sample) ?? ahead?.decoded(at: i, sample) { return kept }
            if let decoded = try images.decode(sample, decoder, or: image.pointer) {
                return decoded
            }
        }
        throw FileFailure(.error, "the data set holds no image")
    }
}

import Files
import Glibc
import Runtime
import Synchronization

/// Decodes a list of files on all threads into one block, or only to see which of them can be
/// decoded.
///
/// Files are taken in rounds, each all decoded before it is looked at, so neither the thread count
/// nor the clock decides which file is the first bad one. Each file is decoded once.
struct ImageReader {
    private static let smallestRound = 64
    private static let largestRound = 4096

    /// How long a round should take, so that progress is told in time. Rounds grow to it.
    private static let roundSeconds = 0.05

    private static let reasonCapacity = 320

    private enum Outcome: UInt8 {
        case good
        case bad
        /// Not the file's fault: no memory, no file descriptors.
        case endsAll
    }

    private let files: ImageFiles
    private let options: ImageConfig
    private var report: ProgressReport
    private var decoders: [PNGDecoder] = []
    private let skippedPaths: StringTable
    private let skippedReasons: StringTable
    private let skippedLabels: GrowingBuffer<Int32>

    // Results of a round, by place in the round.
    private let outcomes: Buffer<UInt8>
    private let statuses: Buffer<Int32>
    private let reasons: Buffer<CChar>

    /// Gives nil when the host stopped it. Under the skip policy the bad files leave `files`.
    static func read(
        _ files: ImageFiles, options: ImageConfig, report: ProgressReport
    ) throws -> LoadedImages? {
        var reader = try ImageReader(files, options, report)
        return try reader.read()
    }

    private init(
        _ files: ImageFiles, _ options: ImageConfig, _ report: ProgressReport
    ) throws {
        self.files = files
        self.options = options
        self.report = report
        skippedPaths = try StringTable()
        skippedReasons = try StringTable()
        skippedLabels = try GrowingBuffer()
        let round = min(files.count, Self.largestRound)
        outcomes = try Buffer(count: round)
        statuses = try Buffer(count: round)
        reasons = try Buffer(count: round * Self.reasonCapacity)
        for _ in 0..<min(files.count, ThreadPool.shared.threadCount) {
            decoders.append(try PNGDecoder(options: options))
        }
    }

    private mutating func read() throws -> LoadedImages? {
        guard let (target, first, index) = try readFirst() else { return nil }
        let keeps = options.keep == .pixels
        // Bad files that are an error where they are drawn need not be known before.
        if !keeps && options.badImage == .fail { return loaded(target, nil, count: files.count) }
        let size = first.count
        let largest = keeps ? Self.largestRound : Self.rounds(of: size, in: options.keptBytes)
        let pixels = try storage(
            samples: keeps ? files.count - index : min(largest, files.count), target.shape)
        pixels.pointer.update(from: first.pointer, count: size)
        files.move(from: index, to: 0)

        var next = index + 1
        var kept = 1
        var round = min(Self.smallestRound, largest)
        while next < files.count {
            let count = min(round, files.count - next)
            let began = Clock.seconds()
            let out = pixels.pointer + (keeps ? kept * size : 0)
            guard decodeRound(from: next, count: count, target, into: out, size: size) else {
                return nil
            }
            let seconds = Clock.seconds() - began
            var good = 0
            for i in 0..<count where try accept(i, file: next + i) {
                // Bad images leave gaps: close them.
                if keeps && good < i {
                    (out + good * size).update(from: out + i * size, count: size)
                }
                files.move(from: next + i, to: kept + good)
                good += 1
            }
            kept += good
            next += count
            if seconds < Self.roundSeconds / 2 { round = min(round * 2, largest) }
            if seconds > Self.roundSeconds * 2 {
                round = max(round / 2, min(2 * decoders.count, largest))
            }
            guard report.goesOn(done: next, total: files.count) else { return nil }
        }
        let total = files.count
        files.removeLast(to: kept)
        guard report.goesOn(done: total, total: total, isLast: true) else { return nil }
        return loaded(target, keeps ? pixels : nil, count: kept)
    }

    /// Images that may be decoded before they are looked at, where none is kept.
    private static func rounds(of size: Int, in bytes: Int) -> Int {
        min(max(bytes / size, 1), largestRound)
    }

    private func loaded(
        _ target: ImageTarget, _ pixels: Buffer<UInt8>?, count: Int
    ) -> LoadedImages {
        LoadedImages(
            target: target, pixels: pixels, count: count, skippedPaths: skippedPaths,
            skippedReasons: skippedReasons, skippedLabels: skippedLabels)
    }

    /// Decodes files until one is good: it decides what all become.
    private mutating func readFirst() throws -> (ImageTarget, Buffer<UInt8>, Int)? {
        for index in 0..<files.count {
            guard report.goesOn(done: index, total: files.count) else { return nil }
            do throws(FileFailure) {
                let (target, pixels) = try decoders[0].decodeFirst(
                    path: files.paths[index], suspicious: files.suspicious[index]
                ) { shape in
                    // A size that the host chose is final. One that this file claims may turn out
                    // to be nothing.
                    guard options.isResampling, options.keep == .pixels else { return }
                    _ = try storage(samples: files.count - index, shape)
                }
                return (target, pixels, index)
            } catch {
                guard options.badImage == .skip, !error.endsAll else {
                    throw error.error("image", at: files.paths[index])
                }
                try error.reason.withCString { try leaveOut(index, reason: $0) }
            }
        }
        throw TeleportError(
            .format,
            "none of the \(files.count) images can be read; the first is \(quoted(files.paths[0])): "
                + String(cString: skippedReasons[0]))
    }

    private func storage(samples: Int, _ shape: SampleShape) throws -> Buffer<UInt8> {
        do {
            return try Buffer(count: Memory.product(samples, sampleBytes(shape)))
        } catch {
            throw TeleportError(
                .outOfMemory,
                "no memory for \(samples) images of \(shape.channels) x \(shape.height) x "
                    + "\(shape.width) bytes")
        }
    }

    /// False when the host stopped it: the calling thread asks between its images, the others look
    /// at the answer.
    private mutating func decodeRound(
        from first: Int, count: Int, _ target: ImageTarget, into out: UnsafeMutablePointer<UInt8>,
        size: Int
    ) -> Bool {
        let threads = min(decoders.count, count)
        // Small enough that all threads end together, large enough that the counter is rarely
        // touched.
        let chunk = max(1, min(16, count / (8 * threads)))
        let taken = Atomic<Int>(0)
        let done = Atomic<Int>(0)
        let stopped = Atomic<Bool>(false)
        let caller = pthread_self()
        var report = report
        ThreadPool.shared.forEach(threads) { part in
            let decoder = decoders[part]
            let asks = pthread_equal(pthread_self(), caller) != 0
            while true {
                let start = taken.wrappingAdd(chunk, ordering: .relaxed).oldValue
                guard start < count else { return }
                for i in start..<min(start + chunk, count) {
                    guard !stopped.load(ordering: .relaxed) else { return }
                    decode(i, file: first + i, decoder, target, into: out + i * size)
                    let decoded = done.wrappingAdd(1, ordering: .relaxed).newValue
                    if asks, !report.goesOn(done: first + decoded, total: files.count) {
                        stopped.store(true, ordering: .relaxed)
                    }
                }
            }
        }
        self.report = report
        return !stopped.load(ordering: .relaxed)
    }

    private func decode(
        _ place: Int, file: Int, _ decoder: PNGDecoder, _ target: ImageTarget,
        into out: UnsafeMutablePointer<UInt8>
    ) {
        do throws(FileFailure) {
            try decoder.decode(
                path: files.paths[file], suspicious: files.suspicious[file], target: target,
                into: out)
            outcomes.pointer[place] = Outcome.good.rawValue
        } catch {
            outcomes.pointer[place] = (error.endsAll ? Outcome.endsAll : .bad).rawValue
            statuses.pointer[place] = error.status.rawValue
            let reason = reasons.pointer + place * Self.reasonCapacity
            _ = error.reason.withCString { strncpy(reason, $0, Self.reasonCapacity - 1) }
            reason[Self.reasonCapacity - 1] = 0
        }
    }

    /// Whether an image of the round is good; under the fail policy a bad one is an error.
    private func accept(_ place: Int, file: Int) throws -> Bool {
        let outcome = Outcome(rawValue: outcomes.pointer[place])
        if outcome == .good { return true }
        let reason = reasons.pointer + place * Self.reasonCapacity
        guard options.badImage == .skip, outcome == .bad else {
            throw FileFailure(
                Status(rawValue: statuses.pointer[place]) ?? .error, String(cString: reason)
            ).error("image", at: files.paths[file])
        }
        try leaveOut(file, reason: reason)
        return false
    }

    private func leaveOut(_ file: Int, reason: UnsafePointer<CChar>) throws {
        try skippedPaths.append(files.paths[file])
        try skippedReasons.append(reason)
        if files.labels.count > 0 { try skippedLabels.append(files.labels[file]) }
    }
}

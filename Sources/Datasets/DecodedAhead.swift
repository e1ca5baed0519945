import Runtime

/// Images that one reader decodes before their batches are due, many at a time: with a batch's few
/// images threads would wait for each other.
///
/// It holds whole batches, so that what is decoded is drawn before the next ones take its place. An
/// image that cannot be read is left to the batch that draws it.
final class DecodedAhead {
    private static let most = 4_096
    private static let first = 64
    /// How long decoding ahead should take, so that events and stops are heard of in time.
    private static let seconds = 0.1

    private let images: PathImages
    /// Nil where all images are kept, or another reader has the memory.
    private let memory: UnsafeMutablePointer<UInt8>?
    private let capacity: Int
    private let samples: Buffer<Int>
    private let isDecoded: Buffer<Bool>
    /// Where the order goes on from the first of them.
    private var start: UnsafePointer<Int>?
    private var count = 0
    private var wanted = DecodedAhead.first
    /// The place of the batch at hand.
    private var current = 0..<0

    init(_ images: PathImages) throws {
        self.images = images
        let most = images.placesAhead == 0 ? images.paths.count : images.placesAhead
        let room = min(most, Self.most)
        samples = try Buffer(count: room)
        isDecoded = try Buffer(repeating: false, count: room)
        // Last, since it is given back when this object goes.
        memory = images.takeAhead()
        capacity = images.placesAhead > 0 && memory == nil ? 0 : room
    }

    deinit { if memory != nil { images.giveAheadBack() } }

    /// Sees to it that the batch is decoded, and as many of those that follow as there is room for.
    func prepare(
        _ positions: UnsafePointer<Int>, _ places: Places, count batch: Int, upcoming: Int,
        _ reader: SampleReader
    ) throws {
        current = 0..<0
        guard batch > 0, batch <= capacity else { return }
        if let start {
            let offset = positions - start
            if offset >= 0, offset <= count - batch,
                (0..<batch).allSatisfy({ samples.pointer[offset + $0] == places[$0] })
            {
                current = offset..<offset + batch
                return
            }
        }
        let whole = max(min(wanted, capacity) / batch, 1) * batch
        count = min(whole, batch + upcoming)
        start = positions
        for i in 0..<count {
            samples.pointer[i] = places[i]
            isDecoded.pointer[i] = false
        }
        current = 0..<batch
        let began = Clock.seconds()
        do {
            try reader.run(SampleReader.Job(reader, places, count: count, .ahead))
        } catch {
            start = nil
            throw error
        }
        let taken = Clock.seconds() - began
        if taken < Self.seconds / 2 { wanted = min(wanted * 2, Self.most) }
        if taken > Self.seconds * 2 { wanted = max(wanted / 2, 1) }
    }

    /// Decodes the image at `i` of those that are prepared.
    func decode(_ image: Int, at i: Int, _ part: ReaderPart) {
        guard images.kept(image) == nil, let decoder = part.decoder else { return }
        let place = memory.map { $0 + i * images.size }
        let decoded = try? images.decode(image, decoder, or: place)
        isDecoded.pointer[i] = place != nil && decoded == place.map { UnsafePointer($0) }
    }

    /// The bytes of the image at `i` of the batch that was prepared last, or nil.
    func decoded(at i: Int, _ image: Int) -> UnsafePointer<UInt8>? {
        guard i < current.count, let memory else { return nil }
        let place = current.lowerBound + i
        guard isDecoded.pointer[place], samples.pointer[place] == image else { return nil }
        return UnsafePointer(memory + place * images.size)
    }
}

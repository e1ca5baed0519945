import CShims
import Files
import Runtime
import Synchronization

/// Images that are read from their files whenever they are drawn, and the memory for as many of
/// them as the host allows.
///
/// Most of that memory keeps the images that were read first: an epoch draws each image once, so no
/// other choice keeps more of them useful. The rest is for images that one reader decodes ahead of
/// their batch. Any number of threads may read.
final class PathImages: @unchecked Sendable {
    private enum State {
        static let unknown: Int32 = -1
        /// Somebody decodes it into its place, or could not.
        static let taken: Int32 = -2
    }

    let paths: StringTable
    let options: ImageConfig
    let target: ImageTarget
    let size: Int
    private let block: Buffer<UInt8>
    private let keptPlaces: Int
    let placesAhead: Int
    /// By image: its place among the kept ones, or a `State`.
    private let states: Buffer<Int32>
    private let nextPlace = Atomic<Int>(0)
    private let isAheadTaken = Atomic<Bool>(false)

    init(paths: StringTable, options: ImageConfig, target: ImageTarget) throws {
        self.paths = paths
        self.options = options
        self.target = target
        size = try sampleBytes(target.shape)
        let places = min(options.keptBytes / size, paths.count, Int(Int32.max))
        guard places > 0 else {
            throw TeleportError.invalid(
                "keep_bytes is \(options.keptBytes); one image of \(target.shape.channels) x "
                    + "\(target.shape.height) x \(target.shape.width) takes \(size)")
        }
        placesAhead = places < paths.count ? max(places / 4, 1) : 0
        keptPlaces = places - placesAhead
        block = try Buffer(count: Memory.product(places, size))
        states = try Buffer(repeating: State.unknown, count: paths.count)
    }

    /// The bytes of an image that is kept, or nil.
    func kept(_ image: Int) -> UnsafePointer<UInt8>? {
        let place = shim_read_flag(states.pointer + image)
        return place < 0 ? nil : UnsafePointer(block.pointer + Int(place) * size)
    }

    /// Decodes an image into a place of its own where there is one left, otherwise into `other`;
    /// nil where there is none.
    func decode(
        _ image: Int, _ decoder: PNGDecoder, or other: UnsafeMutablePointer<UInt8>?
    ) throws(FileFailure) -> UnsafePointer<UInt8>? {
        guard let place = takePlace(for: image) else {
            guard let other else { return nil }
            try read(image, decoder, into: other)
            return UnsafePointer(other)
        }
        let out = block.pointer + place * size
        try read(image, decoder, into: out)
        shim_write_flag(states.pointer + image, Int32(truncatingIfNeeded: place))
        return UnsafePointer(out)
    }

    private func read(
        _ image: Int, _ decoder: PNGDecoder, into out: UnsafeMutablePointer<UInt8>
    ) throws(FileFailure) {
        // The listing may be hours old: what was a file may be anything now.
        try decoder.decode(path: paths[image], suspicious: true, target: target, into: out)
    }

    private func takePlace(for image: Int) -> Int? {
        guard nextPlace.load(ordering: .relaxed) < keptPlaces,
            shim_exchange_flag(states.pointer + image, State.unknown, State.taken) != 0
        else { return nil }
        let place = nextPlace.wrappingAdd(1, ordering: .relaxed).oldValue
        return place < keptPlaces ? place : nil
    }

    /// The memory for images ahead of their batch, for one reader at a time; nil where another has
    /// it.
    func takeAhead() -> UnsafeMutablePointer<UInt8>? {
        guard placesAhead > 0, !isAheadTaken.exchange(true, ordering: .acquiring) else {
            return nil
        }
        return block.pointer + keptPlaces * size
    }

    func giveAheadBack() { isAheadTaken.store(false, ordering: .releasing) }

    func error(_ failure: FileFailure, of image: Int) -> TeleportError {
        failure.error("image", at: paths[image])
    }
}

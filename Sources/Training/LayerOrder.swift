import Files
import Runtime

// The order of the layers in a file of another program. Numbers in the names give it, or the shapes
// leave only one; nothing else does: an autoencoder's encoder and decoder fit both ways round.

/// Where two names part, at a byte or at a number.
struct NameParting: BitwiseCopyable {
    /// The names are the same before this place.
    let place: Int
    /// The first name has the smaller number there, or the smaller byte.
    let isBefore: Bool
    /// Both have a number there, and not the same one.
    let isByNumber: Bool

    init(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        func hasDigit(_ name: UnsafeBufferPointer<UInt8>, _ place: Int) -> Bool {
            place < name.count && isDigit(name[place])
        }
        var place = 0
        while place < min(a.count, b.count), a[place] == b[place] { place += 1 }
        if hasDigit(a, place) || hasDigit(b, place) {
            // 12 and 13, and 1 and 10, part where they begin.
            while place > 0, isDigit(a[place - 1]) { place -= 1 }
        }
        self.place = place
        let (digits, others) = (
            a[place...].prefix(while: isDigit), b[place...].prefix(while: isDigit)
        )
        guard !digits.isEmpty, !others.isEmpty else {
            isBefore = a[place...].lexicographicallyPrecedes(b[place...])
            isByNumber = false
            return
        }
        let (number, other) = (digits.drop { $0 == 0x30 }, others.drop { $0 == 0x30 })
        isByNumber = !number.elementsEqual(other)
        if !isByNumber {
            // 1 and 01.
            isBefore = digits.count < others.count
        } else if number.count != other.count {
            isBefore = number.count < other.count
        } else {
            isBefore = number.lexicographicallyPrecedes(other)
        }
    }
}

/// The tensors that some numbers leave without an order: looks for one that all numbers and all
/// shapes allow, and whether there is a second.
struct OrderSearch {
    static let mostLayers = UInt64.bitWidth
    /// Ends what shapes made for it could keep going for ever; 64 layers of different shapes take
    /// 4,096.
    static let mostSteps = 100_000

    /// Whether a layer fits at a place, after the one that `last` numbers.
    typealias Fits = (_ place: Int, _ layer: Int, _ last: Int?) -> Bool

    private let count: Int
    private let fits: Fits
    /// The layers that numbers put before each, as bits.
    private let before: Buffer<UInt64>
    private let path: Buffer<Int>
    let found: Buffer<Int>
    private(set) var foundCount = 0
    private var steps = 0

    /// Layers as their names are sorted, with the partings of each from the one before it.
    init(
        _ count: Int, _ partings: GrowingBuffer<NameParting>, fits: @escaping Fits
    ) throws {
        self.count = count
        self.fits = fits
        before = try Buffer(repeating: 0, count: count)
        path = try Buffer(repeating: 0, count: count)
        found = try Buffer(repeating: 0, count: count)
        for first in 0..<count {
            // Sorted names part where the ones between them part first, and there are numbers if
            // all have them.
            var (least, isByNumber) = (Int.max, true)
            for second in (first + 1)..<max(count, first + 1) {
                let parting = partings[second - 1]
                if parting.place < least {
                    (least, isByNumber) = (parting.place, parting.isByNumber)
                } else if parting.place == least {
                    isByNumber = isByNumber && parting.isByNumber
                }
                if isByNumber { before.pointer[second] |= 1 << UInt64(first) }
            }
        }
    }

    var isDone: Bool { foundCount > 1 || steps > Self.mostSteps }

    /// Goes on from the `depth` layers of `path`, which are the bits of `used`.
    mutating func extend(_ used: UInt64 = 0, _ depth: Int = 0) {
        steps += 1
        guard depth < count else {
            if foundCount == 0 { found.pointer.update(from: path.pointer, count: depth) }
            foundCount += 1
            return
        }
        for next in 0..<count {
            let bit: UInt64 = 1 << UInt64(next)
            guard used & bit == 0, before.pointer[next] & ~used == 0,
                fits(depth, next, depth > 0 ? path.pointer[depth - 1] : nil)
            else { continue }
            path.pointer[depth] = next
            extend(used | bit, depth + 1)
            if isDone { return }
        }
    }
}

extension SafetensorsReader {
    /// The layers, given as their names are sorted, in the order in which the network applies them.
    func inOrder(_ layers: GrowingBuffer<FileLayer>) throws -> GrowingBuffer<FileLayer> {
        let weights = try GrowingBuffer<Tensor>(capacity: layers.count)
        for layer in layers.elements { try weights.append(layer.weight) }
        let order = try order(of: weights) { _, next, last in
            guard let last else { return true }
            return layers[last].weight.dimensions.0 == layers[next].weight.dimensions.1
        }
        let ordered = try GrowingBuffer<FileLayer>(capacity: layers.count)
        for index in order.elements { try ordered.append(layers[index]) }
        return ordered
    }

    /// The order that the numbers in names give, or the only one that `fits` leaves.
    func order(
        of weights: GrowingBuffer<Tensor>, fits: @escaping OrderSearch.Fits
    ) throws -> Buffer<Int> {
        let partings = try GrowingBuffer<NameParting>()
        for index in weights.elements.indices.dropFirst() {
            try partings.append(
                NameParting(name(of: weights[index - 1]), name(of: weights[index])))
        }
        if partings.elements.allSatisfy(\.isByNumber) {
            let order = try Buffer<Int>(count: weights.count)
            for index in 0..<weights.count { order.pointer[index] = index }
            return order
        }
        guard weights.count <= OrderSearch.mostLayers else {
            throw FileFailure(
                .unsupported,
                "numbers in the names do not tell the order of its \(weights.count) layers: \(names(of: weights))"
            )
        }
        var search = try OrderSearch(weights.count, partings, fits: fits)
        search.extend()
        guard search.foundCount == 1, !search.isDone else {
            let reason =
                search.foundCount == 0 && !search.isDone
                ? "the shapes of its layers fit in no order"
                : "neither numbers in the names nor the shapes tell the order of its layers"
            throw FileFailure(.unsupported, "\(reason): \(names(of: weights))")
        }
        return search.found
    }

    /// The first of them, so that a message has room for them.
    private func names(of weights: GrowingBuffer<Tensor>) -> String {
        let most = 8
        let named = weights.elements.prefix(most).map { quoted(name(of: $0)) }
        let rest = weights.count > most ? " and \(weights.count - most) more" : ""
        return named.joined(separator: ", ") + rest
    }
}

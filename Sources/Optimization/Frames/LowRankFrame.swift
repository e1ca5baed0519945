import CShims
import Layers

/// The numbers of a frame that is a multiple of the identity but for some directions: of a wide
/// layer inside, or of the samples, centred. Points to nothing; counts from a layer's first number.
struct LowRankFrame: BitwiseCopyable {
    let width: Int
    let rank: Int
    let hasLast: Bool
    /// The mean is subtracted first, and the directions are those of what is left.
    let isCentred: Bool
    /// Only P.
    let isFolded: Bool

    /// The mean and its negative, if it is centred; the directions, rank x width; what they have of
    /// the last row, or of the negative mean; then the factors of each map.
    private var directions: Int { isCentred ? 2 &* width : 0 }
    private var ends: Int { directions &+ rank &* width }
    private func factors(_ index: Int) -> Int { ends &+ rank &+ index &* (rank &+ 4) }
    var mapCount: Int { isFolded ? 1 : 4 }
    var count: Int { factors(mapCount) }

    func mean(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> { numbers }
    func negative(_ numbers: UnsafePointer<Float>) -> UnsafePointer<Float> { numbers + width }
    func directions(_ numbers: UnsafePointer<Float>) -> UnsafePointer<Float> {
        numbers + directions
    }
    func directions(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        numbers + directions
    }
    func ends(_ numbers: UnsafePointer<Float>) -> UnsafePointer<Float> { numbers + ends }
    func ends(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        numbers + ends
    }

    /// Factors of map `index`: `inside` of each direction, `outside` of all others.
    func write(
        _ index: Int, to numbers: UnsafeMutablePointer<Float>, outside: Double,
        inside: (Int) -> Double
    ) {
        let own = numbers + factors(index)
        for i in 0..<rank { own[i] = Float(inside(i) - outside) }
        let p = Float(outside)
        // What the mean is multiplied by, in the row and in the column, and the last corner.
        var (row, column, corner) = (p, p, isCentred ? 1 : p)
        if isCentred {
            if index >= 2 { (row, column) = (1, 1) }
            if isFolded {
                let negative = self.negative(UnsafePointer(numbers))
                for j in 0..<width { corner += p * negative[j] * negative[j] }
            }
        }
        (own[rank], own[rank + 1], own[rank + 2], own[rank + 3]) = (p, row, column, corner)
    }

    /// The identity.
    func reset(_ numbers: UnsafeMutablePointer<Float>) {
        numbers.update(repeating: 0, count: count)
        for index in 0..<mapCount { write(index, to: numbers, outside: 1) { _ in 1 } }
    }

    /// P or A, A^T, A^-1, A^-T: with the centring S = [[I, 0], [-mean^T, 1]] and a symmetric B, A
    /// is S B and P is S B B S^T.
    func map(_ index: Int, _ numbers: UnsafePointer<Float>) -> RowMap {
        var map = shim_low_rank(
            width: width, rank: rank, q: numbers + directions, d: numbers + factors(index), u: nil,
            v: nil, row: nil, column: nil)
        let ends = numbers + ends
        if !isCentred {
            if hasLast { (map.u, map.v) = (ends, ends) }
            return .lowRank(map)
        }
        let mean = index >= 2 ? numbers : numbers + width
        if index == 0 || index == 2 { map.row = mean }
        if index == 0 { map.u = ends }
        if isFolded || index == 1 || index == 3 { map.column = mean }
        if isFolded || index == 1 { map.v = ends }
        return .lowRank(map)
    }
}

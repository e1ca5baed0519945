import Runtime

// How stored values are gone through: a vector is one run of floats, an image without border too;
// the rows of an image with a border are runs of their own.
extension Shape {
    /// Floats of one row of an image without its border.
    @inline(__always)
    var rowLength: Int { width &* channels }

    /// Calls `body` with the place of each run of `rows` samples and its length.
    @inline(__always)
    func forEachRun(_ rows: Int, _ body: (_ place: Int, _ count: Int) -> Void) {
        forEachRun(rows, with: self) { place, _, count in body(place, count) }
    }

    /// The same numbers in two shapes that are alike but for their borders.
    @inline(__always)
    func forEachRun(
        _ rows: Int, with other: Shape,
        _ body: (_ place: Int, _ otherPlace: Int, _ count: Int) -> Void
    ) {
        if border == 0, other.border == 0 {
            body(0, 0, rows &* count)
            return
        }
        for row in 0..<rows {
            var place = row &* storedCount &+ interiorOffset
            var otherPlace = row &* other.storedCount &+ other.interiorOffset
            for _ in 0..<height {
                body(place, otherPlace, rowLength)
                place &+= rowStride
                otherPlace &+= other.rowStride
            }
        }
    }

    /// Zeros in `rows` samples, but for the borders, which are zeros.
    @inline(__always)
    func clear(_ values: UnsafeMutablePointer<Float>, rows: Int) {
        forEachRun(rows) { place, count in (values + place).update(repeating: 0, count: count) }
    }

    /// target <- these numbers in another border, or added to what is there.
    @inline(__always)
    func copy(
        _ numbers: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>,
        as other: Shape, rows: Int, adds: Bool
    ) {
        forEachRun(rows, with: other) { place, otherPlace, count in
            if adds {
                addScaled(numbers + place, by: 1, to: target + otherPlace, count: count)
            } else {
                (target + otherPlace).update(from: numbers + place, count: count)
            }
        }
    }
}

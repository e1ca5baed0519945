import CShims

/// An image as hosts have it, C x H x W, and as passes do, H x W x C with its border.
struct Transposition: Sendable {
    /// Of the stored image.
    let image: Shape

    /// planes <- image
    @inline(__always)
    func planes(
        _ stored: UnsafePointer<Float>, into planes: UnsafeMutablePointer<Float>, rows: Int,
        adds: Bool
    ) {
        let (size, stride) = (image.height &* image.width, image.rowStride)
        for row in 0..<rows {
            let source = stored + (row &* image.storedCount &+ image.interiorOffset)
            let target = planes + row &* image.count
            for y in 0..<image.height {
                shim_transpose(
                    source + y &* stride, image.width, image.channels, image.channels,
                    target + y &* image.width, size, adds ? 1 : 0)
            }
        }
    }

    /// image <- planes
    @inline(__always)
    func image(
        _ planes: UnsafePointer<Float>, into stored: UnsafeMutablePointer<Float>, rows: Int,
        adds: Bool
    ) {
        let (size, stride) = (image.height &* image.width, image.rowStride)
        for row in 0..<rows {
            let source = planes + row &* image.count
            let target = stored + (row &* image.storedCount &+ image.interiorOffset)
            for y in 0..<image.height {
                shim_transpose(
                    source + y &* image.width, image.channels, image.width, size,
                    target + y &* stride, image.channels, adds ? 1 : 0)
            }
        }
    }
}

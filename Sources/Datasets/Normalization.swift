import Runtime

/// The map from stored bytes to floats, `pixel * scale + shift` for each channel, as two rounded
/// operations: no fused multiply-add, so every machine gives the same bits.
struct Normalization: Sendable {
    let scale: SIMD4<Float>
    let shift: SIMD4<Float>

    init(
        mean: (Float, Float, Float, Float) = (0, 0, 0, 0),
        std: (Float, Float, Float, Float) = (1, 1, 1, 1)
    ) throws {
        let mean = SIMD4(mean.0, mean.1, mean.2, mean.3)
        let std = SIMD4(std.0, std.1, std.2, std.3)
        var scale = SIMD4<Float>.zero
        var shift = SIMD4<Float>.zero
        for c in 0..<4 {
            try require("mean[\(c)]", mean[c], mean[c].isFinite, "finite")
            try require(
                "std[\(c)]", std[c], std[c] > 0 && std[c].isFinite, "positive and finite")
            // 0 - x instead of -x: a mean of 0 gives a shift of 0, not of -0.
            scale[c] = Float(1 / (255 * Double(std[c])))
            shift[c] = Float(0 - Double(mean[c]) / Double(std[c]))
            guard scale[c].isFinite, (255 * scale[c] + shift[c]).isFinite else {
                throw TeleportError.invalid(
                    "mean[\(c)] is \(mean[c]) and std[\(c)] is \(std[c]): pixels would not "
                        + "stay finite")
            }
        }
        self.scale = scale
        self.shift = shift
    }
}

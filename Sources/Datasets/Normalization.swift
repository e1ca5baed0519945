import Runtime

/// The map from stored bytes to floats, `pixel * scale + shift` for each channel, as two rounded
/// operations: no fused multiply-add, so every machine gives the same bits.
struct Normalization: Sendable {
    let mean: SIMD4<Float>
    let std: SIMD4<Float>
    let scale: SIMD4<Float>
    let shift: SIMD4<Float>
    /// Measured on images, not given by the host.
    let isMeasured: Bool

    /// `pixel / 255`
    init() {
        mean = .zero
        std = .one
        scale = SIMD4(repeating: Float(1 / 255.0))
        shift = .zero
        isMeasured = false
    }

    init(mean: (Float, Float, Float, Float), std: (Float, Float, Float, Float)) throws {
        try self.init(
            mean: SIMD4(mean.0, mean.1, mean.2, mean.3), std: SIMD4(std.0, std.1, std.2, std.3),
            isMeasured: false)
    }

    /// What is the same in all pixels stays as far from its mean as it is.
    init(_ measured: ChannelStatistics) throws {
        try self.init(
            mean: measured.mean,
            std: measured.std.replacing(with: .one, where: measured.std .== .zero),
            isMeasured: true)
    }

    private init(mean: SIMD4<Float>, std: SIMD4<Float>, isMeasured: Bool) throws {
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
        self.mean = mean
        self.std = std
        self.scale = scale
        self.shift = shift
        self.isMeasured = isMeasured
    }
}

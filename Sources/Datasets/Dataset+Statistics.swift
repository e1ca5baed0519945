import Runtime

extension Dataset {
    /// Images between two calls of a progress callback.
    private static let piece = 256

    /// The mean and deviation that the floats of images are made with.
    public var imageNormalization: ChannelStatistics {
        ChannelStatistics(mean: normalization.mean, std: normalization.std)
    }

    /// Mean and deviation of `pixel / 255` by channel, over all pixels of all samples.
    ///
    /// - Complexity: one look at every pixel; images of which only paths are kept are decoded.
    public func channelStatistics() throws -> ChannelStatistics {
        try channelStatistics(report: ProgressReport(nil))
    }

    /// The same with word to a host, which may stop it.
    func channelStatistics(report: ProgressReport) throws -> ChannelStatistics {
        guard hasImages else {
            throw TeleportError(
                .unsupported, "the data set holds arrays, and channels are those of images")
        }
        var report = report
        let reader = try SampleReader(self, capacity: Self.piece, measures: true)
        for first in stride(from: 0, to: count, by: Self.piece) {
            let places = Places(order: order?.pointer, positions: nil, first: first)
            let piece = min(Self.piece, count - first)
            try reader.run(SampleReader.Job(reader, places, count: piece, .sums))
            try Stop.ask()
            guard report.goesOn(done: first + piece, total: count) else { throw Stopped() }
        }
        return reader.parts.reduce(into: PixelSums()) { $0.add($1.sums) }.statistics
    }

    /// A set of the same samples whose floats have mean 0 and deviation 1 over the samples of
    /// `reference`, by channel: a training set is the reference of itself and of what it is
    /// measured on.
    public func normalized(by reference: Dataset) throws -> Dataset {
        try normalized(by: reference, report: ProgressReport(nil))
    }

    func normalized(by reference: Dataset, report: ProgressReport) throws -> Dataset {
        guard hasImages, reference.hasImages else {
            throw TeleportError(
                .unsupported, "a data set holds arrays; images alone are normalized")
        }
        guard reference.shape.channels == shape.channels else {
            throw TeleportError(
                .shapeMismatch,
                "the data set has \(shape.channels) channels, but the reference has "
                    + "\(reference.shape.channels)")
        }
        let measured = try reference.channelStatistics(report: report)
        return Dataset(self, normalization: try Normalization(measured), weights: weights)
    }
}

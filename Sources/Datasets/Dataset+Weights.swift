import Runtime

extension Dataset {
    /// This set, whose samples it shares, with a weight for each sample; nil: with none.
    public func withWeights(_ source: UnsafePointer<Float>?, count given: Int) throws -> Dataset {
        guard given == (source == nil ? 0 : count) else {
            throw TeleportError(
                .shapeMismatch,
                "there are \(UInt(bitPattern: given)) weights, but the data set has \(count) samples"
            )
        }
        guard let source else {
            return Dataset(self, normalization: normalization, weights: nil)
        }
        for i in 0..<count {
            try require(
                "weight \(i)", source[i], source[i] >= 0 && source[i].isFinite,
                "finite and not negative")
        }
        let weighted = Dataset(
            self, normalization: normalization, weights: try Buffer(copying: source, count: count))
        try weighted.requireWeight()
        return weighted
    }

    /// The sum of the samples' weights.
    public var totalWeight: Double {
        guard let weights else { return Double(count) }
        return weights.elements.reduce(0) { $0 + Double($1) }
    }

    /// A part of a set may have samples without any weight alone: it cannot train and has no loss.
    public func requireWeight() throws {
        guard totalWeight > 0 else {
            throw TeleportError.invalid("all \(count) weights are 0")
        }
    }
}

import Runtime

extension Dataset {
    /// The samples at these positions, in this order; one may come again. Shares the samples.
    ///
    /// - Complexity: O(count) time and memory.
    public func subset(_ positions: UnsafePointer<Int64>, count: Int) throws -> Dataset {
        guard count >= 1 else {
            throw TeleportError.invalid("count is \(count); a data set has at least 1 sample")
        }
        let places = try Buffer<Int>(count: count)
        try self.places(at: positions, into: places)
        return try part(at: places)
    }

    /// `count` samples drawn without putting back, in random order; 0: all of them.
    ///
    /// - Complexity: O(samples of the source) time and memory.
    public func shuffled(count wanted: Int, seed: UInt64) throws -> Dataset {
        try require("count", wanted, wanted >= 0 && wanted <= count, "0 to \(count)")
        var generator = RandomGenerator(seed: seed, stream: RandomStream.draws)
        let places = try Buffer<Int>(count: count)
        generator.permutation(into: places.pointer, count: count)
        guard wanted > 0, wanted < count else { return try part(at: places) }
        return try part(at: try Buffer(copying: places.pointer, count: wanted))
    }

    /// The samples at these positions, with their weights; takes `positions` over.
    private func part(at positions: Buffer<Int>) throws -> Dataset {
        let kept = try weights.map { _ in try Buffer<Float>(count: positions.count) }
        for i in 0..<positions.count {
            let position = positions.pointer[i]
            if let kept, let weights { kept.pointer[i] = weights.pointer[position] }
            positions.pointer[i] = order?.pointer[position] ?? position
        }
        return Dataset(self, order: positions, weights: kept)
    }

    /// A host's indices, checked.
    public func places(at indices: UnsafePointer<Int64>, into places: Buffer<Int>) throws {
        for i in 0..<places.count {
            guard indices[i] >= 0, indices[i] < Int64(count) else {
                throw TeleportError.invalid(
                    "indices[\(i)] is \(indices[i]); the data set has samples 0 to \(count - 1)")
            }
            places.pointer[i] = Int(indices[i])
        }
    }
}

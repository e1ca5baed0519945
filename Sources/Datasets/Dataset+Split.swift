import Runtime

extension Dataset {
    /// Keeps the draws apart from those that other parts of the library make with the same seed.
    private static let splitStream: UInt64 = 0x7370_6C69_74

    /// Two sets that share this one's samples and keep its order; the second gets `round(fraction *
    /// count)` of them, at least one and not all.
    ///
    /// Stratified, each class gives its share of that number, rounded so that the total is right:
    /// classes with the largest remainders give one more, the first among equals. Files left out
    /// while reading stay with the source alone.
    ///
    /// - Complexity: O(count) time and memory.
    public func split(
        fraction: Double, stratified: Bool, seed: UInt64
    ) throws -> (Dataset, Dataset) {
        try require("fraction", fraction, fraction > 0 && fraction < 1, "above 0 and below 1")
        guard count >= 2 else {
            throw TeleportError.invalid("a set of \(count) sample cannot be split in two")
        }
        guard !stratified || hasLabels else {
            throw TeleportError(.unsupported, "a set without labels has no classes to stratify by")
        }
        let rounded = (fraction * Double(count)).rounded(.toNearestOrAwayFromZero)
        let wanted = min(max(Int(exactly: rounded) ?? 1, 1), count - 1)

        let groups = stratified ? classCount : 1
        let quotas = try quotas(of: wanted, groups: groups, stratified: stratified)
        var generator = RandomGenerator(seed: seed, stream: Self.splitStream)
        let shuffled = try Buffer<Int>(count: count)
        generator.permutation(into: shuffled.pointer, count: count)
        let isSecond = try Buffer<Bool>(repeating: false, count: count)
        for position in shuffled.elements {
            let group = stratified ? label(position) : 0
            if quotas.pointer[group] > 0 {
                quotas.pointer[group] -= 1
                isSecond.pointer[position] = true
            }
        }
        return (
            try part(isSecond, false, count: count - wanted),
            try part(isSecond, true, count: wanted)
        )
    }

    /// How many samples each group gives to the second set (the method of largest remainders).
    private func quotas(of wanted: Int, groups: Int, stratified: Bool) throws -> Buffer<Int> {
        let quotas = try Buffer<Int>(repeating: 0, count: groups)
        guard stratified else {
            quotas.pointer[0] = wanted
            return quotas
        }
        let sizes = try Buffer<Int>(repeating: 0, count: groups)
        for position in 0..<count { sizes.pointer[label(position)] += 1 }
        // The share of a class is wanted * size / count, and size <= count keeps the quotient an
        // Int.
        let remainders = try Buffer<Int>(count: groups)
        var left = wanted
        for group in 0..<groups {
            let share = count.dividingFullWidth(
                wanted.multipliedFullWidth(by: sizes.pointer[group]))
            quotas.pointer[group] = share.quotient
            remainders.pointer[group] = share.remainder
            left -= share.quotient
        }
        // The remainders sum to left * count, so more than `left` classes have one, or exactly that
        // many.
        let ranked = try rank(remainders)
        for i in 0..<min(left, groups) { quotas.pointer[ranked.pointer[i]] += 1 }
        return quotas
    }

    /// The groups by falling remainder, the first among equals first.
    private func rank(_ remainders: Buffer<Int>) throws -> Buffer<Int> {
        let order = try Buffer<Int>(count: remainders.count)
        for i in 0..<order.count { order.pointer[i] = i }
        order.elements.sortInPlace {
            let (left, right) = (remainders.pointer[$0], remainders.pointer[$1])
            return left != right ? left > right : $0 < $1
        }
        return order
    }

    func label(_ position: Int) -> Int {
        guard let labels = storage.labels else { return 0 }
        return Int(labels[order?.pointer[position] ?? position])
    }

    private func part(_ isSecond: Buffer<Bool>, _ side: Bool, count: Int) throws -> Dataset {
        let places = try Buffer<Int>(count: count)
        let kept = try weights.map { _ in try Buffer<Float>(count: count) }
        var filled = 0
        for position in 0..<isSecond.count where isSecond.pointer[position] == side {
            places.pointer[filled] = order?.pointer[position] ?? position
            if let kept, let weights { kept.pointer[filled] = weights.pointer[position] }
            filled += 1
        }
        return Dataset(self, order: places, weights: kept)
    }
}

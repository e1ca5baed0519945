import Runtime

/// Samples in memory that somebody else owns; valid only while they are.
public struct Batch {
    public let x: UnsafePointer<Float>
    public let labels: UnsafePointer<Int32>?
    public let targets: UnsafePointer<Float>?
    public let weights: UnsafePointer<Float>?
    public let count: Int
    public let inputWidth: Int
    public let targetWidth: Int
    /// The number of the first sample in the batch that this is a slice of.
    public let first: Int

    public init(
        x: UnsafePointer<Float>, inputWidth: Int, labels: UnsafePointer<Int32>? = nil,
        targets: UnsafePointer<Float>? = nil, targetWidth: Int = 0,
        weights: UnsafePointer<Float>? = nil, count: Int, first: Int = 0
    ) {
        self.x = x
        self.inputWidth = inputWidth
        self.labels = labels
        self.targets = targets
        self.targetWidth = targetWidth
        self.weights = weights
        self.count = count
        self.first = first
    }

    /// Samples first ..< first + count.
    public func slice(_ first: Int, _ count: Int) -> Batch {
        Batch(
            x: x + first * inputWidth, inputWidth: inputWidth, labels: labels.map { $0 + first },
            targets: targets.map { $0 + first * targetWidth }, targetWidth: targetWidth,
            weights: weights.map { $0 + first }, count: count,
            first: self.first + first)
    }

    /// The sum of the samples' weights.
    public var totalWeight: Double {
        guard let weights else { return Double(count) }
        var sum = 0.0
        for i in 0..<count { sum += Double(weights[i]) }
        return sum
    }

    /// Checks what a host can get wrong, once, so that no kernel has to.
    public func validate(for graph: Graph, loss: Loss) throws {
        guard count >= 1 else {
            throw TeleportError.invalid("the batch has \(count) samples; it needs at least 1")
        }
        guard inputWidth == graph.inputWidth else {
            throw TeleportError(
                .shapeMismatch,
                "the batch has \(inputWidth) values a sample but the model takes \(graph.inputWidth)"
            )
        }
        _ = try Memory.product(try Memory.product(count, max(inputWidth, targetWidth)), 8)
        let outputs = graph.outputWidth
        switch loss.kind {
        case .crossEntropy:
            guard let labels, targets == nil else {
                throw TeleportError.invalid("cross-entropy needs labels and no targets")
            }
            for i in 0..<count where labels[i] < 0 || Int(labels[i]) >= outputs {
                throw TeleportError.invalid(
                    "the label of sample \(i) is \(labels[i]); the model has classes 0 to \(outputs - 1)"
                )
            }
        case .meanSquaredError, .halfSquaredError:
            guard targets != nil, labels == nil else {
                throw TeleportError.invalid("a squared error needs targets and no labels")
            }
            guard targetWidth == outputs else {
                throw TeleportError(
                    .shapeMismatch,
                    "the batch has \(targetWidth) targets a sample but the model gives \(outputs) outputs"
                )
            }
        }
        guard let weights else { return }
        for i in 0..<count {
            try require(
                "weight \(i)", weights[i], weights[i] >= 0 && weights[i].isFinite,
                "finite and not negative")
        }
        guard totalWeight > 0 else {
            throw TeleportError.invalid("all \(count) weights are 0")
        }
    }
}

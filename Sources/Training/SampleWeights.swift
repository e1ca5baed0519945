import Datasets
import Runtime

/// How a run weighs the classes of its training set.
public enum ClassWeighting {
    case equal
    /// One factor a class, finite and not negative.
    case given(Buffer<Float>)
    /// Each class by the inverse of its weight in the set, so that all classes weigh the same and
    /// the set as much as before. Classes that weigh nothing take no part.
    case balanced
}

/// The weights that a run gives the samples of its training set: their own times those of their
/// classes.
final class SampleWeights {
    /// One a sample, in the order of the set.
    let values: Buffer<Float>
    let total: Double
    /// Samples whose weight is not 0.
    let weightedCount: Int

    /// Nil where all are 1.
    init?(of dataset: Dataset, _ classes: ClassWeighting) throws {
        let factors = try classes.factors(for: dataset)
        guard factors != nil || dataset.weights != nil else { return nil }
        let count = dataset.count
        values =
            try dataset.weights.map { try Buffer(copying: $0) }
            ?? Buffer(repeating: 1, count: count)
        if let factors {
            let labels = try dataset.allLabels()
            for i in 0..<count {
                values.pointer[i] *= factors.pointer[Int(labels.pointer[i])]
            }
        }
        total = values.elements.reduce(0) { $0 + Double($1) }
        weightedCount = values.elements.count { $0 > 0 }
        guard total > 0 else {
            throw TeleportError.invalid(
                factors == nil
                    ? "all \(count) weights are 0"
                    : "class_weights leave no sample with a weight")
        }
        guard total.isFinite, values.elements.allSatisfy(\.isFinite) else {
            throw TeleportError(
                .notFinite, "a weight of a sample times that of its class is not finite")
        }
    }
}

extension ClassWeighting {
    func validate() throws {
        guard case .given(let factors) = self else { return }
        for (index, factor) in factors.elements.enumerated() {
            try require(
                "class_weights[\(index)]", factor, factor >= 0 && factor.isFinite,
                "finite and not negative")
        }
    }

    /// One factor a class of the set.
    fileprivate func factors(for dataset: Dataset) throws -> Buffer<Float>? {
        if case .equal = self { return nil }
        guard dataset.hasLabels else {
            throw TeleportError(
                .unsupported, "classes have weights, but the data set has no classes")
        }
        if case .given(let factors) = self {
            guard factors.count == dataset.classCount else {
                throw TeleportError(
                    .shapeMismatch,
                    "class_weights has \(factors.count) values, but the data set has \(dataset.classCount) classes"
                )
            }
            return factors
        }
        return try dataset.balancingFactors()
    }
}

extension Dataset {
    fileprivate func allLabels() throws -> Buffer<Int32> {
        let labels = try Buffer<Int32>(count: count)
        try SampleReader(self, capacity: 0).copy(
            first: 0, count: count, x: nil, labels: labels.pointer, targets: nil)
        return labels
    }

    /// A / (k A_c): A the weight of all samples, A_c that of class c, k the classes that have any.
    fileprivate func balancingFactors() throws -> Buffer<Float> {
        let labels = try allLabels()
        let sums = try Buffer<Double>(repeating: 0, count: classCount)
        for i in 0..<count {
            sums.pointer[Int(labels.pointer[i])] += weights.map { Double($0.pointer[i]) } ?? 1
        }
        let present = Double(sums.elements.count { $0 > 0 })
        let total = sums.elements.reduce(0, +)
        let factors = try Buffer<Float>(repeating: 0, count: classCount)
        for (index, sum) in sums.elements.enumerated() where sum > 0 {
            factors.pointer[index] = Float(total / (present * sum))
        }
        return factors
    }
}

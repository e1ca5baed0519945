/// Precision, recall and F1 of each class, from a confusion matrix; NaN where nothing is divided by
/// nothing.
public struct ClassMetrics {
    /// counts[t * classes + p]: samples of class t that are predicted as p, none negative.
    private let counts: UnsafePointer<Int64>
    private let classes: Int

    public init(_ counts: UnsafePointer<Int64>, classes: Int) {
        self.counts = counts
        self.classes = classes
    }

    /// Of one class. Sums are in double: a host's counts may be as large as they like.
    ///
    /// - Complexity: O(classes)
    public func metrics(of index: Int) -> (precision: Double, recall: Double, f1: Double) {
        var predicted = 0.0
        var present = 0.0
        for other in 0..<classes {
            predicted += Double(counts[other * classes + index])
            present += Double(counts[index * classes + other])
        }
        let hits = Double(counts[index * classes + index])
        return (hits / predicted, hits / present, 2 * hits / (predicted + present))
    }
}

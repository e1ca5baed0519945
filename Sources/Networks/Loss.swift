import CShims
import Runtime

/// What training makes small: one of three losses, and for cross-entropy what labels it sees.
public struct Loss: Equatable, Sendable {
    /// Raw values are those of `tp_loss`.
    public enum Kind: Int32, Sendable {
        case crossEntropy = 0
        case meanSquaredError = 1
        case halfSquaredError = 2
    }

    public let kind: Kind
    /// Of cross-entropy: the share of each label that is spread evenly over all classes. The second
    /// derivative by the outputs does not depend on it.
    public let smoothing: Double

    public init(_ kind: Kind, smoothing: Double = 0) {
        self.kind = kind
        self.smoothing = smoothing
    }

    public static let crossEntropy = Loss(.crossEntropy)
    public static let meanSquaredError = Loss(.meanSquaredError)
    public static let halfSquaredError = Loss(.halfSquaredError)

    /// The same without what changes the labels: what validation measures.
    public var plain: Loss { Loss(kind) }

    public func validate() throws {
        try require(
            "label_smoothing", smoothing, smoothing >= 0 && smoothing < 1, "0 to below 1")
        guard smoothing == 0 || kind == .crossEntropy else {
            throw TeleportError(
                .unsupported,
                "label_smoothing is \(smoothing), but a squared error has no labels to smooth")
        }
    }
}

// Shapes: outputs, delta: rows x width, row-major.
extension Loss {
    /// The factor of one sample's term in the loss, before its weight. Samples without any weight
    /// have no loss.
    public func scale(totalWeight: Double, outputs: Int) -> Double {
        guard totalWeight > 0 else { return 0 }
        switch kind {
        case .crossEntropy: return 1 / totalWeight
        case .meanSquaredError: return 1 / (totalWeight * Double(outputs))
        case .halfSquaredError: return 0.5
        }
    }

    /// The loss of the rows times `scale`, summed in double; with `delta`, also its derivative by
    /// outputs.
    func evaluate(
        _ outputs: UnsafePointer<Float>, width: Int, batch: Batch, scale: Double,
        delta: UnsafeMutablePointer<Float>?
    ) -> Double {
        if let labels = batch.labels {
            let loss = shim_cross_entropy(
                outputs, batch.count, width, labels, batch.weights, scale, delta)
            guard smoothing > 0 else { return loss }
            return loss
                + shim_label_smoothing(
                    outputs, batch.count, width, labels, batch.weights, scale, smoothing, delta)
        }
        guard let targets = batch.targets else { return .nan }
        guard let weights = batch.weights else {
            return scale
                * shim_squared_error(
                    outputs, targets, batch.count &* width, Float(2 * scale), delta)
        }
        var sum = 0.0
        for row in 0..<batch.count {
            let (place, factor) = (row &* width, Double(weights[row]) * scale)
            let delta = delta.map { $0 + place }
            if weights[row] > 0 {
                sum +=
                    factor
                    * shim_squared_error(
                        outputs + place, targets + place, width, Float(2 * factor), delta)
            } else {
                // No share, whatever the outputs are: 0 times infinity would be one.
                delta?.update(repeating: 0, count: width)
            }
        }
        return sum
    }
}

import CShims

/// The three losses; raw values are those of `tp_loss`.
public enum Loss: Int32, Sendable {
    case crossEntropy = 0
    case meanSquaredError = 1
    case halfSquaredError = 2
}

// Shapes: outputs, delta: rows x width, row-major.
extension Loss {
    /// The factor of one sample's term in the loss, before its weight.
    public func scale(totalWeight: Double, outputs: Int) -> Double {
        switch self {
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
            return shim_cross_entropy(
                outputs, batch.count, width, labels, batch.weights, scale, delta)
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

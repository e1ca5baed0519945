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
        var sum = 0.0
        for row in 0..<batch.count {
            let weight = batch.weights.map { Double($0[row]) } ?? 1
            // No share, whatever the outputs are: 0 times infinity would be one.
            guard weight > 0 else {
                delta.map { ($0 + row * width).update(repeating: 0, count: width) }
                continue
            }
            let factor = weight * scale
            sum +=
                factor
                * squaredError(
                    outputs + row * width, target: targets + row * width, width: width,
                    factor: Float(2 * factor), delta: delta.map { $0 + row * width })
        }
        return sum
    }

    /// |output - target|^2; delta = factor (output - target).
    private func squaredError(
        _ output: UnsafePointer<Float>, target: UnsafePointer<Float>, width: Int, factor: Float,
        delta: UnsafeMutablePointer<Float>?
    ) -> Double {
        var sum = 0.0
        for j in 0..<width {
            let difference = output[j] - target[j]
            sum += Double(difference) * Double(difference)
            delta?[j] = factor * difference
        }
        return sum
    }
}

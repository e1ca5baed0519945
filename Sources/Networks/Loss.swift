import Glibc
import Runtime

/// The three losses; raw values are those of `tp_loss`.
public enum Loss: Int32, Sendable {
    case crossEntropy = 0
    case meanSquaredError = 1
    case halfSquaredError = 2
}

// Shapes: outputs, delta: rows x width, row-major.
extension Loss {
    /// The factor of one sample's term in the loss, before its weight.
    public func normalization(totalWeight: Double, outputs: Int) -> Double {
        switch self {
        case .crossEntropy: return 1 / totalWeight
        case .meanSquaredError: return 1 / (totalWeight * Double(outputs))
        case .halfSquaredError: return 0.5
        }
    }

    /// The loss of the rows times `normalization`, summed in double; with `delta`, also its derivative by outputs.
    func evaluate(
        _ outputs: UnsafePointer<Float>, width: Int, batch: Batch, normalization: Double,
        delta: UnsafeMutablePointer<Float>?
    ) -> Double {
        var sum = 0.0
        for row in 0..<batch.count {
            let weight = batch.weights.map { Double($0[row]) } ?? 1
            guard weight > 0 else {
                delta.map { $0 + row * width }?.update(repeating: 0, count: width)
                continue
            }
            let output = outputs + row * width
            let delta = delta.map { $0 + row * width }
            let factor = weight * normalization
            if let labels = batch.labels {
                sum += factor
                    * softmaxLoss(
                        output, width: width, label: Int(labels[row]), factor: Float(factor),
                        delta: delta)
            } else if let targets = batch.targets {
                sum += factor
                    * squaredError(
                        output, target: targets + row * width, width: width,
                        factor: Float(2 * factor), delta: delta)
            }
        }
        return sum
    }

    /// -ln softmax(output)[label]; delta = factor (softmax - onehot).
    private func softmaxLoss(
        _ output: UnsafePointer<Float>, width: Int, label: Int, factor: Float,
        delta: UnsafeMutablePointer<Float>?
    ) -> Double {
        var largest = output[0]
        for j in 1..<max(width, 1) { largest = max(largest, output[j]) }
        var sum = 0.0
        if let delta {
            for j in 0..<width {
                let value = expf(output[j] - largest)
                delta[j] = value
                sum += Double(value)
            }
            let scale = factor / Float(sum)
            for j in 0..<width { delta[j] *= scale }
            delta[label] -= factor
        } else {
            for j in 0..<width { sum += Double(expf(output[j] - largest)) }
        }
        return log(sum) - (Double(output[label]) - Double(largest))
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

/// Rows of outputs to rows of probabilities, in place.
func softmaxRows(_ outputs: UnsafeMutablePointer<Float>, rows: Int, width: Int) {
    for row in 0..<rows {
        let output = outputs + row * width
        var largest = output[0]
        for j in 1..<max(width, 1) { largest = max(largest, output[j]) }
        var sum = 0.0
        for j in 0..<width {
            output[j] = expf(output[j] - largest)
            sum += Double(output[j])
        }
        let scale = Float(1 / sum)
        for j in 0..<width { output[j] *= scale }
    }
}

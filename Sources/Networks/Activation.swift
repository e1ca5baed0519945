import Glibc
import Runtime

/// The elementwise function after each hidden layer; raw values are those of `tp_activation`.
public enum ActivationKind: Int32, Sendable {
    case identity = 0
    case leakyReLU = 1
    case reLU = 2
    case sigmoid = 3
    case tanh = 4
}

/// An activation with its parameter.
///
/// Derivatives are taken from the activation's value h = f(z), so that z need not be kept: for slopes >= 0,
/// h > 0 exactly where z > 0.
public struct Activation: Sendable, Equatable {
    public let kind: ActivationKind
    /// f(z) / z for z <= 0: LeakyReLU's parameter, 0 for ReLU and 1 for the identity.
    public let negativeSlope: Float

    public init(_ kind: ActivationKind, negativeSlope: Float = 0.01) {
        self.kind = kind
        switch kind {
        case .leakyReLU: self.negativeSlope = negativeSlope
        case .identity: self.negativeSlope = 1
        case .reLU, .sigmoid, .tanh: self.negativeSlope = 0
        }
    }

    /// f(c x) = c f(x) for every c > 0: what the scaling group needs.
    public var isPositivelyHomogeneous: Bool {
        switch kind {
        case .identity, .leakyReLU, .reLU: return true
        case .sigmoid, .tanh: return false
        }
    }

    public var name: String {
        switch kind {
        case .identity: return "identity"
        case .leakyReLU: return "LeakyReLU"
        case .reLU: return "ReLU"
        case .sigmoid: return "sigmoid"
        case .tanh: return "tanh"
        }
    }
}

// Shapes: z, h, delta: rows x width, row-major.
extension Activation {
    /// h = f(z + bias) in place, one pass.
    func apply(
        _ z: UnsafeMutablePointer<Float>, rows: Int, width: Int, bias: UnsafePointer<Float>?
    ) {
        switch kind {
        case .identity:
            if let bias { addBias(z, rows: rows, width: width, bias: bias) }
        case .leakyReLU, .reLU:
            rectify(z, rows: rows, width: width, bias: bias)
        case .sigmoid:
            mapRows(z, rows: rows, width: width, bias: bias) { 1 / (1 + expf(-$0)) }
        case .tanh:
            mapRows(z, rows: rows, width: width, bias: bias) { tanhf($0) }
        }
    }

    /// delta *= f'(z), with f' from h.
    func multiplyByDerivative(
        _ delta: UnsafeMutablePointer<Float>, h: UnsafePointer<Float>, count: Int
    ) {
        switch kind {
        case .identity:
            return
        case .leakyReLU, .reLU:
            let one = SIMD16<Float>(repeating: 1)
            let slope = SIMD16<Float>(repeating: negativeSlope)
            forEachVector(count) { i in
                let factor = slope.replacing(with: one, where: load(h + i) .> 0)
                store(load(delta + i) * factor, delta + i)
            } tail: { i in
                delta[i] *= h[i] > 0 ? 1 : negativeSlope
            }
        case .sigmoid:
            forEachVector(count) { i in
                let value = load(h + i)
                store(load(delta + i) * value * (1 - value), delta + i)
            } tail: { i in
                delta[i] = delta[i] * h[i] * (1 - h[i])
            }
        case .tanh:
            forEachVector(count) { i in
                let value = load(h + i)
                store(load(delta + i) * (1 - value * value), delta + i)
            } tail: { i in
                delta[i] *= 1 - h[i] * h[i]
            }
        }
    }

    private func rectify(
        _ z: UnsafeMutablePointer<Float>, rows: Int, width: Int, bias: UnsafePointer<Float>?
    ) {
        let slope = SIMD16<Float>(repeating: negativeSlope)
        for row in 0..<rows {
            let z = z + row * width
            forEachVector(width) { i in
                var value = load(z + i)
                if let bias { value += load(bias + i) }
                store((slope * value).replacing(with: value, where: value .> 0), z + i)
            } tail: { i in
                var value = z[i]
                if let bias { value += bias[i] }
                z[i] = value > 0 ? value : negativeSlope * value
            }
        }
    }

    private func mapRows(
        _ z: UnsafeMutablePointer<Float>, rows: Int, width: Int, bias: UnsafePointer<Float>?,
        _ function: (Float) -> Float
    ) {
        for row in 0..<rows {
            let z = z + row * width
            for i in 0..<width {
                z[i] = function(bias.map { z[i] + $0[i] } ?? z[i])
            }
        }
    }
}

/// z[row, :] += bias for every row.
func addBias(
    _ z: UnsafeMutablePointer<Float>, rows: Int, width: Int, bias: UnsafePointer<Float>
) {
    for row in 0..<rows {
        let z = z + row * width
        forEachVector(width) { i in
            store(load(z + i) + load(bias + i), z + i)
        } tail: { i in
            z[i] += bias[i]
        }
    }
}

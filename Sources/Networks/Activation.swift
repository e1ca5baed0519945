import CShims
import Glibc

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
            if let bias { shim_add_bias(z, rows, width, bias) }
        case .leakyReLU, .reLU:
            shim_rectify(z, rows, width, bias, negativeSlope)
        case .sigmoid:
            mapRows(z, rows: rows, width: width, bias: bias) { 1 / (1 + expf(-$0)) }
        case .tanh:
            mapRows(z, rows: rows, width: width, bias: bias) { tanhf($0) }
        }
    }

    /// delta *= f'(z), with f' from h.
    public func multiplyByDerivative(
        _ delta: UnsafeMutablePointer<Float>, h: UnsafePointer<Float>, count: Int
    ) {
        switch kind {
        case .identity:
            return
        case .leakyReLU, .reLU:
            shim_rectify_derivative(delta, h, count, negativeSlope)
        case .sigmoid:
            for i in 0..<count { delta[i] = delta[i] * h[i] * (1 - h[i]) }
        case .tanh:
            for i in 0..<count { delta[i] *= 1 - h[i] * h[i] }
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

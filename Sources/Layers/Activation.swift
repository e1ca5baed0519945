import CShims
import Glibc
import LinearAlgebra

/// The elementwise function after each hidden layer; raw values are those of `tp_activation`.
public enum ActivationKind: Int32, Sendable, CaseIterable, BitwiseCopyable {
    case identity = 0
    case leakyReLU = 1
    case reLU = 2
    case sigmoid = 3
    case tanh = 4

    /// What files call it; a number would say less to other programs.
    public var fileName: String {
        switch self {
        case .identity: return "identity"
        case .leakyReLU: return "leaky_relu"
        case .reLU: return "relu"
        case .sigmoid: return "sigmoid"
        case .tanh: return "tanh"
        }
    }
}

/// An activation with its parameter.
///
/// Derivatives are taken from the activation's value h = f(z), so that z need not be kept: for
/// slopes >= 0, h > 0 exactly where z > 0.
public struct Activation: Sendable, Equatable, BitwiseCopyable {
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
    /// h = f(z + bias) in place.
    func apply(
        _ z: UnsafeMutablePointer<Float>, rows: Int, width: Int, bias: UnsafePointer<Float>?
    ) {
        if kind == .leakyReLU || kind == .reLU {
            return shim_rectify(z, rows, width, bias, negativeSlope)
        }
        if let bias { shim_add_bias(z, rows, width, bias) }
        if kind == .sigmoid { shim_sigmoid(z, rows &* width) }
        if kind == .tanh { shim_tanh(z, rows &* width) }
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
        case .sigmoid: shim_sigmoid_derivative(delta, h, count)
        case .tanh: shim_tanh_derivative(delta, h, count)
        }
    }

    /// target += delta (f''(z) / f'(z)) R z, where delta holds f' as a factor and R z = tangent /
    /// f'(z).
    func addCurvature(
        _ target: UnsafeMutablePointer<Float>, delta: UnsafePointer<Float>,
        h: UnsafePointer<Float>, tangent: UnsafePointer<Float>, count: Int
    ) {
        switch kind {
        case .identity, .leakyReLU, .reLU:
            return
        case .sigmoid:
            // f'' / f'^2 = (1 - 2 h) / (h (1 - h)); a saturated unit has no derivative to speak of.
            for i in 0..<count {
                let slope = h[i] * (1 - h[i])
                if slope > 0 { target[i] += delta[i] * (1 - 2 * h[i]) / slope * tangent[i] }
            }
        case .tanh:
            // f'' / f'^2 = -2 h / (1 - h^2)
            for i in 0..<count {
                let slope = 1 - h[i] * h[i]
                if slope > 0 { target[i] -= delta[i] * 2 * h[i] / slope * tangent[i] }
            }
        }
    }
}

// Activations in double, with their inverses.
extension Activation {
    public var isBijective: Bool {
        switch kind {
        case .identity, .sigmoid, .tanh: return true
        case .leakyReLU: return negativeSlope > 0
        case .reLU: return false
        }
    }

    /// z <- f(z)
    public func apply(_ z: Matrix) {
        let values = z.storage.elements
        let slope = Double(negativeSlope)
        switch kind {
        case .identity: return
        case .leakyReLU, .reLU:
            for i in values.indices { values[i] = values[i] > 0 ? values[i] : slope * values[i] }
        case .sigmoid: for i in values.indices { values[i] = 1 / (1 + exp(-values[i])) }
        case .tanh: for i in values.indices { values[i] = Glibc.tanh(values[i]) }
        }
    }

    /// y <- f^-1(y) but for the columns of `still`; false when a value lies outside the range of f.
    public func invert(_ y: Matrix, leaving still: [Bool]) -> Bool {
        let slope = Double(negativeSlope)
        for row in 0..<y.rows {
            let values = y.pointer + row * y.columns
            for i in 0..<y.columns where !still[i] {
                let value = values[i]
                switch kind {
                case .identity, .reLU: break
                case .leakyReLU: values[i] = value > 0 ? value : value / slope
                case .sigmoid:
                    guard value > 0, value < 1 else { return false }
                    values[i] = log(value) - log1p(-value)
                case .tanh:
                    guard abs(value) < 1 else { return false }
                    values[i] = atanh(value)
                }
                guard values[i].isFinite else { return false }
            }
        }
        return true
    }

    /// f'(z)
    public func derivative(_ z: Double) -> Double {
        switch kind {
        case .identity: return 1
        case .leakyReLU, .reLU: return z > 0 ? 1 : Double(negativeSlope)
        case .sigmoid:
            let value = 1 / (1 + exp(-z))
            return value * (1 - value)
        case .tanh:
            let value = Glibc.tanh(z)
            return 1 - value * value
        }
    }

    /// f''(z)
    public func secondDerivative(_ z: Double) -> Double {
        switch kind {
        case .identity, .leakyReLU, .reLU: return 0
        case .sigmoid:
            let value = 1 / (1 + exp(-z))
            return value * (1 - value) * (1 - 2 * value)
        case .tanh:
            let value = Glibc.tanh(z)
            return -2 * value * (1 - value * value)
        }
    }

    /// |z| beyond which a unit has no inverse worth the name in double: it is left out of the
    /// group.
    public var saturation: Double {
        switch kind {
        case .identity, .leakyReLU, .reLU: return .infinity
        case .sigmoid: return 30
        case .tanh: return 15
        }
    }
}

import Foundation
import Layers
import Networks
import Runtime

/// A value of a golden file: an object, a list, a number, a string or null.
public struct Golden {
    private let value: Any?

    /// The file of this name in `Tests/data/vectors`.
    public static func file(_ name: String) throws -> Golden {
        let vectors = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("data/vectors")
        let data = try Data(contentsOf: vectors.appendingPathComponent(name + ".json"))
        return Golden(value: try JSONSerialization.jsonObject(with: data))
    }

    public subscript(key: String) -> Golden { Golden(value: (value as? [String: Any])?[key]) }
    public var list: [Golden] { (value as? [Any] ?? []).map { Golden(value: $0) } }
    public var text: String { value as? String ?? "" }
    public var flag: Bool { value as? Bool ?? false }
    public var number: Double { (value as? NSNumber)?.doubleValue ?? .nan }
    /// All numbers of nested lists, in order.
    public var numbers: [Double] {
        if let list = value as? [Any] { return list.flatMap { Golden(value: $0).numbers } }
        return (value as? NSNumber).map { [$0.doubleValue] } ?? []
    }
    public var isNull: Bool { value == nil || value is NSNull }
}

extension Golden {
    public var widths: [Int] { self["layer_sizes"].numbers.map { Int($0) } }

    public var loss: Loss {
        switch self["loss"].text {
        case "mean_squared_error": return .meanSquaredError
        case "half_squared_error": return .halfSquaredError
        default: return .crossEntropy
        }
    }

    /// W_0, b_0, W_1, b_1, ... from lists a layer.
    public func parameters(_ weights: String, _ biases: String) -> [Double] {
        let bias = self[biases].list
        return self[weights].list.enumerated().flatMap { layer, matrix in
            matrix.numbers + (bias.isEmpty ? [] : bias[layer].numbers)
        }
    }

    /// The model of a case with `layer_sizes`, `activation`, `W` and `b`.
    public func model() throws -> Model {
        var options = ModelConfig()
        options.hasBias = !self["b"].isNull
        options.negativeSlope = Float(self["negative_slope"].number)
        let kinds: [String: ActivationKind] = [
            "identity": .identity, "relu": .reLU, "sigmoid": .sigmoid, "tanh": .tanh,
        ]
        options.activation = kinds[self["activation"].text] ?? .leakyReLU
        let model = try Model(widths: widths, options: options)
        model.assign(parameters("W", "b"))
        return model
    }

    /// The samples of a case with `X_columns` and `Y`, one sample a column.
    public func samples() throws -> Samples {
        let inputs = widths[0]
        let columns = self["X_columns"].numbers
        let count = columns.count / inputs
        let x = transposed(columns, rows: inputs)
        let y = self["Y"].numbers
        guard !self["Y"].isNull else { return try Samples(x: x, count: count) }
        guard self["loss"].isNull || loss == .crossEntropy else {
            return try Samples(
                x: x, count: count, targets: transposed(y, rows: y.count / count))
        }
        return try Samples(x: x, count: count, labels: y.map { Int32($0) })
    }
}

/// A row-major matrix of `rows` rows, transposed.
public func transposed(_ matrix: [Double], rows: Int) -> [Double] {
    let columns = matrix.count / rows
    return (0..<columns).flatMap { column in (0..<rows).map { matrix[$0 * columns + column] } }
}

import Layers
import Networks
import Runtime

/// Samples that own their memory.
public final class Samples {
    public let count: Int
    public let width: Int
    public let targetWidth: Int
    public let x: Buffer<Float>
    public let labels: Buffer<Int32>?
    public let targets: Buffer<Float>?
    public var weights: Buffer<Float>?

    public init(
        x: [Double], count: Int, labels: [Int32]? = nil, targets: [Double]? = nil,
        weights: [Double]? = nil
    ) throws {
        self.count = count
        width = x.count / count
        targetWidth = (targets?.count ?? 0) / count
        self.x = try Buffer(x.map { Float($0) })
        self.labels = try labels.map { try Buffer($0) }
        self.targets = try targets.map { try Buffer($0.map { Float($0) }) }
        self.weights = try weights.map { try Buffer($0.map { Float($0) }) }
    }

    /// Normal inputs; labels below `classes`, or normal targets.
    public static func random(
        _ count: Int, width: Int, outputs: Int, loss: Loss = .crossEntropy, weighted: Bool = false,
        seed: UInt64
    ) throws -> Samples {
        var generator = RandomGenerator(seed: seed, stream: 99)
        let x = (0..<count * width).map { _ in generator.nextNormal() }
        let labels = (0..<count).map { _ in Int32(generator.nextIndex(below: outputs)) }
        let targets = (0..<count * outputs).map { _ in generator.nextNormal() }
        let weights = (0..<count).map { _ in generator.nextDouble(from: 0.1, to: 2) }
        let hasLabels = loss == .crossEntropy
        return try Samples(
            x: x, count: count, labels: hasLabels ? labels : nil,
            targets: hasLabels ? nil : targets, weights: weighted ? weights : nil)
    }

    /// Pairs of normal inputs `distance` apart, with the labels 0 and 1 or 1 and 2.
    public static func nearlyEqualPairs(
        _ pairs: Int, width: Int, distance: Double, seed: UInt64
    ) throws -> Samples {
        var generator = RandomGenerator(seed: seed, stream: 98)
        var x: [Double] = []
        for _ in 0..<pairs {
            let first = (0..<width).map { _ in generator.nextNormal() }
            x += first + first.map { $0 + distance * generator.nextNormal() }
        }
        let labels = (0..<2 * pairs).map { Int32($0 % 2 + $0 / 2 % 2) }
        return try Samples(x: x, count: 2 * pairs, labels: labels)
    }

    /// Valid while the samples live.
    public var batch: Batch {
        Batch(
            x: x.pointer, inputWidth: width, labels: labels.map { UnsafePointer($0.pointer) },
            targets: targets.map { UnsafePointer($0.pointer) }, targetWidth: targetWidth,
            weights: weights.map { UnsafePointer($0.pointer) }, count: count)
    }
}

extension Buffer {
    /// A copy of an array.
    public convenience init(_ array: [Element]) throws {
        try self.init(count: array.count)
        for (i, value) in array.enumerated() { pointer[i] = value }
    }

    public var array: [Element] { Array(elements) }
}

extension Model {
    public func assign(_ values: [Double]) {
        precondition(values.count == parameters.count)
        for (i, value) in values.enumerated() { parameters.pointer[i] = Float(value) }
    }

    /// The bits of all parameters, for comparisons that no rounding may blur.
    public var bits: [UInt32] { parameters.elements.map { $0.bitPattern } }

    /// A model with every weight and bias drawn, biases included.
    public static func random(
        _ widths: [Int], _ activation: ActivationKind = .leakyReLU, slope: Float = 0.1,
        bias: Bool = true, seed: UInt64
    ) throws -> Model {
        var options = ModelConfig()
        options.activation = activation
        options.negativeSlope = slope
        options.hasBias = bias
        options.initialization = .torchLinear
        options.seed = seed
        let model = try Model(widths: widths, options: options)
        // PyTorch's range makes small outputs; three times it makes losses that depend on the
        // weights.
        for i in 0..<model.parameters.count { model.parameters.pointer[i] *= 3 }
        return model
    }

    public func value(_ samples: Samples, _ loss: Loss) throws -> Double {
        try self.loss(
            samples.batch, loss, workspace: try measuringWorkspace(count: samples.count))
    }

    public func gradient(_ samples: Samples, _ loss: Loss) throws -> [Float] {
        let result = try Buffer<Float>(count: parameters.count)
        _ = try gradient(
            samples.batch, loss, into: result.pointer,
            workspace: try measuringWorkspace(count: samples.count, backward: true))
        return result.array
    }

    public func outputs(_ samples: Samples) throws -> [Float] {
        let result = try Buffer<Float>(count: samples.count * graph.outputWidth)
        try outputs(
            samples.x.pointer, count: samples.count, into: result.pointer,
            workspace: try measuringWorkspace(count: samples.count))
        return result.array
    }
}

/// |a - b| / |b| in the Euclidean norm; |a| where b is 0.
public func relativeError<A: BinaryFloatingPoint, B: BinaryFloatingPoint>(
    _ a: some Collection<A>, _ b: some Collection<B>
) -> Double {
    guard a.count == b.count else { return .infinity }
    var difference = 0.0
    var size = 0.0
    for (x, y) in zip(a, b) {
        difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
        size += Double(y) * Double(y)
    }
    return (size > 0 ? difference / size : difference).squareRoot()
}

extension Graph {
    /// Layers with what each reads, -1 for the net's input.
    public convenience init(input: Shape, _ nodes: [(layer: any Layer, inputs: [Int])]) throws {
        let list = try NodeList()
        for (layer, inputs) in nodes {
            try list.append(layer, reading: inputs[0], inputs.count > 1 ? inputs[1] : nil)
        }
        try self.init(input: input, list)
    }
}

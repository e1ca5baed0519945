import CShims
import Runtime

/// Distance over gradients (Ivgi, Hinder and Carmon, arXiv 2302.12022): r <- max(r, |W - W_0|), S
/// <- S + |G|^2, W <- W - r / sqrt(S) G, for each layer by itself or for all as one. It has no
/// rate; `learningRate` multiplies its steps.
public final class DoG: Optimizer {
    public var learningRate: Double
    public let options: OptimizerConfig
    public let state: OptimizerState
    private let parameterCount: Int
    private let layers: [Range<Int>]
    private let difference: Buffer<Float>

    public init(_ options: OptimizerConfig, parameterCount: Int, layers: [Range<Int>]) throws {
        self.options = options
        self.parameterCount = parameterCount
        self.layers = options.isLayerwise && !layers.isEmpty ? layers : [0..<parameterCount]
        learningRate = 1
        state = try OptimizerState(
            options, parameterCount: parameterCount, first: false, second: false,
            radii: self.layers.count)
        difference = try Buffer(count: parameterCount)
    }

    /// Distances are taken before each of the first steps, and before every so many after these.
    private static let measuredSteps = 100
    private static let interval = 8

    /// Brings the radii up to the distance of weights from the first ones, in the frames' metric
    /// P^-1 if there are any. Comes before each step.
    func measure(
        _ weights: UnsafePointer<Float>, in frames: Frames?, scratch: UnsafeMutablePointer<Float>?
    ) {
        guard let start = state.start?.pointer, let radii = state.radii?.pointer else { return }
        if state.steps == 0 {
            start.update(from: weights, count: parameterCount)
            for (index, layer) in layers.enumerated() {
                let norm = squaredNorm(weights + layer.lowerBound, count: layer.count).squareRoot()
                radii[index] = options.resolvedInitialRadius * (1 + norm)
            }
            return
        }
        // The distance grows by little in a step; taking it costs as much as the rest of the step.
        guard state.steps < Self.measuredSteps || state.steps % Self.interval == 0 else { return }
        guard let frames, let scratch else {
            for (index, layer) in layers.enumerated() {
                let first = layer.lowerBound
                let norm2 = shim_squared_distance(weights + first, start + first, layer.count)
                radii[index] = max(radii[index], norm2.squareRoot())
            }
            return
        }
        let own = difference.pointer
        forEachVector(parameterCount) { i in
            store(load(weights + i) - load(start + i), own + i)
        } tail: { i in
            own[i] = weights[i] - start[i]
        }
        frames.measure(own, into: scratch)
        for (index, layer) in layers.enumerated() {
            let norm2 = shim_squared_distance(scratch + layer.lowerBound, nil, layer.count)
            radii[index] = max(radii[index], norm2.squareRoot())
        }
    }

    public func step(_ parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>) {
        forEachLayer(gradient) { layer, factor in
            addScaled(
                gradient + layer.lowerBound, by: factor, to: parameters + layer.lowerBound,
                count: layer.count)
        }
    }

    public func step(inPlaceOf gradient: UnsafeMutablePointer<Float>) -> Bool {
        forEachLayer(gradient) { layer, factor in
            let values = gradient + layer.lowerBound
            forEachVector(layer.count) { i in
                store(factor * load(values + i), values + i)
            } tail: { i in
                values[i] *= factor
            }
        }
        return true
    }

    /// Counts a step and its gradient; `body` gets what each layer's gradient is multiplied by.
    private func forEachLayer(
        _ gradient: UnsafePointer<Float>, _ body: (Range<Int>, Float) -> Void
    ) {
        guard let radii = state.radii?.pointer else { return }
        state.steps += 1
        for (index, layer) in layers.enumerated() {
            radii[layers.count + index] += shim_squared_distance(
                gradient + layer.lowerBound, nil, layer.count)
            let sum = radii[layers.count + index]
            body(layer, sum > 0 ? -Float(learningRate * radii[index] / sum.squareRoot()) : 0)
        }
    }

    public func fresh() throws -> any Optimizer {
        try DoG(options, parameterCount: parameterCount, layers: layers)
    }
}

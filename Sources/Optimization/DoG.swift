import CShims
import Runtime

/// Distance over gradients (Ivgi, Hinder and Carmon, arXiv 2302.12022): r <- max(r, |W - W_0|), S
/// <- S + |G|^2, W <- W - r / sqrt(S) G, for each layer by itself or for all as one. It has no
/// rate; `learningRate` multiplies its steps.
final class DoG: OptimizerRule {
    private let options: OptimizerConfig
    private let parameterCount: Int
    private let layers: [Range<Int>]
    private let difference: Buffer<Float>

    init(_ options: OptimizerConfig, parameterCount: Int, layers: [Range<Int>]) throws {
        self.options = options
        self.parameterCount = parameterCount
        self.layers = options.isLayerwise && !layers.isEmpty ? layers : [0..<parameterCount]
        difference = try Buffer(count: parameterCount)
    }

    var radiusCount: Int { layers.count }
    var stepsInPlace: Bool { true }

    /// Distances are taken before each of the first steps, and before every so many after these.
    private static let measuredSteps = 100
    private static let interval = 8

    /// Brings the radii up to the distance of weights from the first ones, in the frames' metric
    /// P^-1 if there are any. Comes before each step.
    func measure(
        _ weights: UnsafePointer<Float>, _ state: OptimizerState, in frames: Frames?,
        scratch: UnsafeMutablePointer<Float>?
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

    func take(_ step: OptimizerStep) {
        guard let radii = step.state.radii?.pointer else { return }
        for (index, layer) in layers.enumerated() {
            let gradient = step.gradient + layer.lowerBound
            radii[layers.count + index] += shim_squared_distance(gradient, nil, layer.count)
            let sum = radii[layers.count + index]
            let factor = sum > 0 ? -Float(step.rate * radii[index] / sum.squareRoot()) : 0
            if let weights = step.weights {
                addScaled(gradient, by: factor, to: weights + layer.lowerBound, count: layer.count)
            } else {
                scale(UnsafeMutablePointer(mutating: gradient), by: factor, count: layer.count)
            }
        }
    }

    private func scale(_ values: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
        forEachVector(count) { i in
            store(factor * load(values + i), values + i)
        } tail: { i in
            values[i] *= factor
        }
    }
}

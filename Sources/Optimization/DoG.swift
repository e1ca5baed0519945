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
    private let factors: Buffer<Float>
    private let norms: Buffer<Double>

    init(_ options: OptimizerConfig, parameterCount: Int, layers: [Range<Int>]) throws {
        self.options = options
        self.parameterCount = parameterCount
        self.layers = options.isLayerwise && !layers.isEmpty ? layers : [0..<parameterCount]
        difference = try Buffer(count: parameterCount)
        factors = try Buffer(repeating: 0, count: self.layers.count)
        norms = try Buffer(repeating: 0, count: self.layers.count)
    }

    var radiusCount: Int { layers.count }

    /// Distances are taken before each of the first steps, and before every so many after these.
    private static let measuredSteps = 100
    private static let interval = 8

    /// Brings the radii up to the distance of weights from the first ones, in the frames' metric
    /// P^-1 if there are any. Comes before each step.
    func measure(
        _ weights: UnsafePointer<Float>, _ state: OptimizerState, in frames: Frames?
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
        guard let frames else {
            for (index, layer) in layers.enumerated() {
                let first = layer.lowerBound
                let norm2 = shim_squared_distance(weights + first, start + first, layer.count)
                radii[index] = max(radii[index], norm2.squareRoot())
            }
            return
        }
        let norms = norms.pointer
        norms.update(repeating: 0, count: layers.count)
        frames.measure(from: weights, to: start, difference: difference.pointer) { offset, norm2 in
            if let index = index(of: offset) { norms[index] += norm2 }
        }
        for index in 0..<layers.count {
            radii[index] = max(radii[index], norms[index].squareRoot())
        }
    }

    private func index(of offset: Int) -> Int? {
        for index in 0..<layers.count where layers[index].contains(offset) { return index }
        return nil
    }

    func take(_ step: OptimizerStep) {
        sum(step)
        for (index, layer) in layers.enumerated() {
            let (first, factor) = (layer.lowerBound, factors.pointer[index])
            if let weights = step.weights {
                // Averages are taken while the weights are in the cache.
                for start in stride(from: first, to: layer.upperBound, by: Self.piece) {
                    let range = start..<min(start + Self.piece, layer.upperBound)
                    shim_step(
                        weights + start, step.gradient + start, range.count, factor, 1)
                    step.averaging?.run(range)
                }
            } else {
                scale(step.place + first, by: factor, count: layer.count)
            }
        }
    }

    private static let piece = 2_048

    /// Adds the gradient to the sums of squares, which gives the factors of the step.
    func sum(_ step: OptimizerStep) {
        guard let radii = step.state.radii?.pointer else { return }
        for (index, layer) in layers.enumerated() {
            radii[layers.count + index] += shim_squared_distance(
                step.gradient + layer.lowerBound, nil, layer.count)
            let sum = radii[layers.count + index]
            factors.pointer[index] =
                sum > 0 ? -Float(step.rate * radii[index] / sum.squareRoot()) : 0
        }
    }

    /// What the gradient of a layer is multiplied by, whose parameters begin at `offset`.
    func factor(at offset: Int) -> Float {
        index(of: offset).map { factors.pointer[$0] } ?? 0
    }

    private func scale(_ values: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
        forEachVector(count) { i in
            store(factor * load(values + i), values + i)
        } tail: { i in
            values[i] *= factor
        }
    }
}

import Glibc
import Layers
import LinearAlgebra
import Networks
import Runtime

/// The mean curvature of curves t -> exp(t M) . W through the weights along the group's orbit (arXiv 2305.13404,
/// equation 47), for seeded random M of norm 1, the same ones at every call:
///
///     kappa = sqrt(|c'|^2 |c''|^2 - (c' . c'')^2) / |c'|^3
///
/// Both derivatives are known in closed form. It has none itself here, so only the random search takes it.
final class Curvature: ObjectiveFunction {
    private let graph: Graph
    private let batch: Batch
    private let group: Group
    private let layers: [Int]
    private let count: Int
    private let seed: UInt64
    private let velocity: Buffer<Double>
    private let acceleration: Buffer<Double>

    init(
        _ model: Model, _ batch: Batch, group: Group, layers: [Int], count: Int, seed: UInt64
    ) throws {
        graph = model.graph
        self.batch = batch
        self.group = group
        self.layers = layers
        self.count = count
        self.seed = seed
        velocity = try Buffer(count: graph.parameterCount)
        acceleration = try Buffer(count: graph.parameterCount)
    }

    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double {
        throw TeleportError(.unsupported, "curvature has no derivative here")
    }

    func value(_ model: Model) throws -> Double {
        var generator = RandomGenerator(seed: seed, stream: RandomStream.perturbations)
        var sum = 0.0
        for _ in 0..<count {
            try Stop.ask()
            velocity.pointer.update(repeating: 0, count: velocity.count)
            acceleration.pointer.update(repeating: 0, count: acceleration.count)
            switch group {
            case .scaling: try scalingCurve(model, &generator)
            default: try linearCurve(model, &generator)
            }
            sum += curvature
        }
        return sum / Double(count)
    }

    private var curvature: Double {
        var speed2 = 0.0
        var acceleration2 = 0.0
        var dot = 0.0
        for i in 0..<velocity.count {
            speed2 += velocity.pointer[i] * velocity.pointer[i]
            acceleration2 += acceleration.pointer[i] * acceleration.pointer[i]
            dot += velocity.pointer[i] * acceleration.pointer[i]
        }
        return max(speed2 * acceleration2 - dot * dot, 0).squareRoot()
            / (speed2 * speed2.squareRoot())
    }

    /// W_m[i,j] exp(t (s_out[i] - s_in[j])): every derivative is a factor.
    private func scalingCurve(_ model: Model, _ generator: inout RandomGenerator) throws {
        let s = try Buffer<Double>(repeating: 0, count: graph.hiddenUnitCount)
        var norm2 = 0.0
        for m in layers {
            let units = Scaling.units(ofHiddenLayer: m, graph)
            for i in units.first..<units.first + units.count {
                s.pointer[i] = generator.nextNormal()
                norm2 += s.pointer[i] * s.pointer[i]
            }
        }
        for i in 0..<s.count { s.pointer[i] /= norm2.squareRoot() }
        var first = 0
        for (m, layer) in graph.layers.elements.enumerated() {
            for i in 0..<layer.outputs {
                let out = m < graph.hiddenLayerCount ? s.pointer[first + i] : 0
                for j in 0..<layer.inputs {
                    let rate = out - (m > 0 ? s.pointer[first - layer.inputs + j] : 0)
                    set(layer.weightOffset + i * layer.inputs + j, model, rate)
                }
                if layer.hasBias { set(layer.biasOffset + i, model, out) }
            }
            first += layer.outputs
        }
    }

    private func set(_ place: Int, _ model: Model, _ rate: Double) {
        let value = Double(model.parameters.pointer[place])
        velocity.pointer[place] = value * rate
        acceleration.pointer[place] = value * rate * rate
    }

    /// W_(m+1) exp(-t M), and W_m + (f^-1(exp(t M) f(z)) - z) h^+ with
    /// z' = M f(z) / f'(z),  z'' = (M^2 f(z) - f''(z) z'^2) / f'(z). Layers are moved one at a time: a curve of
    /// its own for one random layer of those that move.
    private func linearCurve(_ model: Model, _ generator: inout RandomGenerator) throws {
        let m = layers[generator.nextIndex(below: layers.count)]
        let t = try LinearGroup.randomAlgebra(graph, layers: [m], norm: 1, &generator)
        guard let direction = t[m] else { return }
        let group = try LinearGroup(graph, batch, layers: [m])
        try group.leaveOutSaturated(of: direction, layer: m, of: model)
        let squared = try Matrix.product(direction, .no, direction)
        let next = graph.layers.pointer[m + 1]
        let above = try Matrix(
            model.parameters.pointer + next.weightOffset, rows: next.outputs, columns: next.inputs)
        add(try Matrix.product(above, .no, direction), at: next.weightOffset, -1, to: velocity)
        add(try Matrix.product(above, .no, squared), at: next.weightOffset, 1, to: acceleration)
        try group.curve(of: model, layer: m, direction, squared) { first, second, offset in
            add(first, at: offset, 1, to: velocity)
            add(second, at: offset, 1, to: acceleration)
        }
    }

    private func add(_ matrix: Matrix, at offset: Int, _ factor: Double, to target: Buffer<Double>)
    {
        for i in 0..<matrix.count { target.pointer[offset + i] += factor * matrix.pointer[i] }
    }
}

import LinearAlgebra
import Networks
import Runtime

/// The mean curvature of curves t -> exp(t M) . W through the weights along the group's orbit
/// (arXiv 2305.13404, equation 47), for seeded random M of norm 1, the same ones at every call:
///
///     kappa = sqrt(|c'|^2 |c''|^2 - (c' . c'')^2) / |c'|^3
///
/// Both derivatives are known in closed form. It has none itself here, so only the random search
/// takes it.
final class Curvature: ObjectiveFunction {
    private let curves: any CurveFamily
    private let count: Int
    private let seed: UInt64
    private let velocity: Buffer<Double>
    private let acceleration: Buffer<Double>

    /// `count` curves at the weights of models of a graph.
    init(_ graph: Graph, _ curves: any CurveFamily, count: Int, seed: UInt64) throws {
        self.curves = curves
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
            try curves.addCurve(at: model, &generator, velocity, acceleration)
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
}

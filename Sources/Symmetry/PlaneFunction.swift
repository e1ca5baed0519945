import Glibc
import Runtime

/// A function of the plane that is a function of u^2 + v^2 in coordinates of its own, so that rotating (u, v) keeps
/// its value: the test functions of arXiv 2205.10637, section 6.1. All in double.
public struct PlaneFunction {
    public typealias Pair = SIMD2<Double>

    public var value: (Pair) -> Double
    public var gradient: (Pair) -> Pair
    public var toUV: (Pair) -> Pair
    public var fromUV: (Pair) -> Pair
    /// Rows of the second derivatives; nil: the ascent takes central differences in theta.
    public var hessian: ((Pair) -> (Pair, Pair))?
    /// Rows of d (x, y) / d (u, v).
    public var fromUVJacobian: ((Pair) -> (Pair, Pair))?

    public init(
        value: @escaping (Pair) -> Double, gradient: @escaping (Pair) -> Pair,
        toUV: @escaping (Pair) -> Pair, fromUV: @escaping (Pair) -> Pair,
        hessian: ((Pair) -> (Pair, Pair))? = nil, fromUVJacobian: ((Pair) -> (Pair, Pair))? = nil
    ) {
        self.value = value
        self.gradient = gradient
        self.toUV = toUV
        self.fromUV = fromUV
        self.hessian = hessian
        self.fromUVJacobian = fromUVJacobian
    }

    /// 100 (x^2 - y)^2 + (x - 1)^2, with u = 10 (x^2 - y), v = x - 1.
    public static var rosenbrock: PlaneFunction {
        PlaneFunction(
            value: { p in 100 * square(p.x * p.x - p.y) + square(p.x - 1) },
            gradient: { p in
                let bend = p.x * p.x - p.y
                return Pair(400 * p.x * bend + 2 * (p.x - 1), -200 * bend)
            },
            toUV: { p in Pair(10 * (p.x * p.x - p.y), p.x - 1) },
            fromUV: { uv in
                let x = uv.y + 1
                return Pair(x, x * x - uv.x / 10)
            },
            hessian: { p in
                (Pair(1_200 * p.x * p.x - 400 * p.y + 2, -400 * p.x), Pair(-400 * p.x, 200))
            },
            fromUVJacobian: { uv in (Pair(0, 1), Pair(-0.1, 2 * (uv.y + 1))) })
    }

    /// (x + 2 y - 7)^2 + (2 x + y - 5)^2, with u and v the two brackets.
    public static var booth: PlaneFunction {
        PlaneFunction(
            value: { p in square(p.x + 2 * p.y - 7) + square(2 * p.x + p.y - 5) },
            gradient: { p in Pair(10 * p.x + 8 * p.y - 34, 8 * p.x + 10 * p.y - 38) },
            toUV: { p in Pair(p.x + 2 * p.y - 7, 2 * p.x + p.y - 5) },
            fromUV: { uv in Pair((2 * uv.y - uv.x + 3) / 3, (2 * uv.x - uv.y + 9) / 3) },
            hessian: { _ in (Pair(10, 8), Pair(8, 10)) },
            fromUVJacobian: { _ in (Pair(-1 / 3, 2 / 3), Pair(2 / 3, -1 / 3)) })
    }

    private static func square(_ value: Double) -> Double { value * value }
}

/// The fields of `tp_plane_config`.
public struct PlaneOptions {
    public var steps = 1_000
    public var learningRate = 1e-3
    /// Steps, from 0, before which the point is teleported.
    public var teleportSteps: Buffer<Int32>?
    /// Evaluations of theta a teleport; the point of the last one is used.
    public var thetaSteps = 10
    public var thetaLearningRate = 0.1
    /// Where each teleport's theta begins; nil: uniform in [0, pi).
    public var thetaStarts: Buffer<Double>?
    public var lossTolerance = 1e-9
    public var seed: UInt64 = 0

    public init() {}

    public static let mostSteps = 100_000_000

    public func validateSteps() throws {
        guard (1...Self.mostSteps).contains(steps) else {
            throw TeleportError.invalid("steps is \(steps); it must be 1 to 100,000,000")
        }
    }

    public func validate() throws {
        try validateSteps()
        guard (1...1_000_000).contains(thetaSteps) else {
            throw TeleportError.invalid("theta_steps is \(thetaSteps); it must be 1 to 1,000,000")
        }
        for (name, value) in [
            ("learning_rate", learningRate), ("theta_learning_rate", thetaLearningRate),
            ("loss_tolerance", lossTolerance),
        ] where !(value >= 0 && value.isFinite) {
            throw TeleportError.wrong(name, value, "finite and not negative")
        }
        guard let thetaStarts else { return }
        for (i, theta) in thetaStarts.elements.enumerated() where !theta.isFinite {
            throw TeleportError.wrong("theta_starts[\(i)]", theta, "finite")
        }
    }
}

/// What a teleport in the plane came to.
public struct PlaneMove {
    public var accepted = false
    public var outcome = TeleportOutcome.none
    public var theta = 0.0
    public var valueBefore = 0.0
    public var valueAfter = 0.0
    public var gradientNorm2Before = 0.0
    public var gradientNorm2After = 0.0

    public init() {}
}

extension PlaneFunction {
    /// Rotates (u, v) of `point` by the theta that gradient ascent on |grad|^2 reaches from `start`; stays where the
    /// value would change past its tolerance.
    public func teleport(
        _ point: inout Pair, from start: Double, _ options: PlaneOptions
    ) throws -> PlaneMove {
        var move = PlaneMove()
        let uv = toUV(point)
        var theta = start
        for _ in 1..<max(options.thetaSteps, 1) {
            try Stop.ask()
            theta += options.thetaLearningRate * slope(uv, theta)
        }
        let target = rotated(uv, theta)
        move.theta = theta
        move.valueBefore = value(point)
        move.valueAfter = value(target)
        move.gradientNorm2Before = norm2(gradient(point))
        move.gradientNorm2After = norm2(gradient(target))
        let drift = abs(move.valueAfter - move.valueBefore)
        if !(drift.isFinite && move.gradientNorm2After.isFinite && theta.isFinite) {
            move.outcome = .notFinite
        } else if drift > options.lossTolerance * abs(move.valueBefore) {
            move.outcome = .lossChanged
        } else {
            move.outcome = .accepted
            move.accepted = true
            point = target
        }
        return move
    }

    /// d |grad|^2 / d theta = 2 grad . H (J d(R uv) / d theta)
    private func slope(_ uv: Pair, _ theta: Double) -> Double {
        guard let hessian, let fromUVJacobian else {
            let step = 1e-6
            return
                (norm2(gradient(rotated(uv, theta + step)))
                - norm2(gradient(rotated(uv, theta - step)))) / (2 * step)
        }
        let turned = turn(uv, theta)
        let velocity = Pair(-turned.y, turned.x)
        let rows = fromUVJacobian(turned)
        let moved = Pair(dot(rows.0, velocity), dot(rows.1, velocity))
        let point = fromUV(turned)
        let second = hessian(point)
        return 2 * dot(gradient(point), Pair(dot(second.0, moved), dot(second.1, moved)))
    }

    private func turn(_ uv: Pair, _ theta: Double) -> Pair {
        Pair(cos(theta) * uv.x - sin(theta) * uv.y, sin(theta) * uv.x + cos(theta) * uv.y)
    }

    private func rotated(_ uv: Pair, _ theta: Double) -> Pair { fromUV(turn(uv, theta)) }
    private func dot(_ a: Pair, _ b: Pair) -> Double { (a * b).sum() }
    private func norm2(_ a: Pair) -> Double { dot(a, a) }

    /// Gradient descent with teleports before the steps of the schedule. `visit(step, point, value)` sees every point
    /// before its step, after its teleport, and the last one; `moved` every teleport.
    public func descend(
        from start: Pair, _ options: PlaneOptions, visit: (Int, Pair, Double) -> Void,
        moved: (Int, PlaneMove) -> Void
    ) throws {
        var generator = RandomGenerator(seed: options.seed, stream: RandomStream.search)
        var point = start
        var teleports = 0
        let schedule = try options.teleportSteps.map { try Buffer(copying: $0) }
        schedule?.elements.sortInPlace(by: <)
        var next = 0
        for step in 0..<options.steps {
            try Stop.ask()
            while let schedule, next < schedule.count, schedule.pointer[next] < step { next += 1 }
            if let schedule, next < schedule.count, schedule.pointer[next] == step {
                let drawn = generator.nextDouble(from: 0, to: .pi)
                let theta =
                    options.thetaStarts.flatMap {
                        teleports < $0.count ? $0.pointer[teleports] : nil
                    } ?? drawn
                moved(step, try teleport(&point, from: theta, options))
                teleports += 1
            }
            visit(step, point, value(point))
            point -= options.learningRate * gradient(point)
        }
        visit(options.steps, point, value(point))
    }
}

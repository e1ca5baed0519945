import Glibc
import Runtime

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
    /// Rotates (u, v) of `point` by the theta that gradient ascent on |grad|^2 reaches from
    /// `start`; stays where the value would change past its tolerance.
    public func teleport(
        _ point: inout Pair, from start: Double, _ options: PlaneConfig
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

    /// Gradient descent with teleports before the steps of the schedule. `visit(step, point,
    /// value)` sees every point before its step, after its teleport, and the last one; `moved`
    /// every teleport.
    public func descend(
        from start: Pair, _ options: PlaneConfig, visit: (Int, Pair, Double) -> Void,
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

import CTeleport
import Runtime
import Symmetry

// Header section 9: test functions of the plane.

extension SIMD2<Double> {
    fileprivate init(_ pointer: UnsafePointer<Double>) {
        self.init(pointer[0], pointer[1])
    }

    fileprivate func store(to pointer: UnsafeMutablePointer<Double>?) {
        pointer?[0] = x
        pointer?[1] = y
    }
}

extension PlaneFunction {
    /// A function of the host; its callbacks live as long as the call.
    fileprivate init(_ function: UnsafePointer<tp_plane_function>?) throws {
        let function = try readConfig(
            try function.required("function"), defaults: tp_plane_function(), "function")
        let value = try function.value.required("function->value")
        let user = function.user_data
        self.init(
            value: { point in withPair(point) { value($0, user) } },
            gradient: Self.map(try function.gradient.required("function->gradient"), user),
            toUV: Self.map(try function.to_uv.required("function->to_uv"), user),
            fromUV: Self.map(try function.from_uv.required("function->from_uv"), user),
            hessian: function.hessian.map { Self.rows($0, user) },
            fromUVJacobian: function.from_uv_jacobian.map { Self.rows($0, user) })
    }

    private typealias Callback =
        @convention(c) (
            UnsafePointer<Double>?, UnsafeMutablePointer<Double>?, UnsafeMutableRawPointer?
        ) -> Void

    private static func map(
        _ callback: @escaping Callback, _ user: UnsafeMutableRawPointer?
    ) -> (Pair) -> Pair {
        { point in
            var result = Pair.zero
            withPair(point) { point in
                withUnsafeMutableBytes(of: &result) {
                    callback(point, $0.baseAddress?.assumingMemoryBound(to: Double.self), user)
                }
            }
            return result
        }
    }

    private static func rows(
        _ callback: @escaping Callback, _ user: UnsafeMutableRawPointer?
    ) -> (Pair) -> (Pair, Pair) {
        { point in
            var result = SIMD4<Double>.zero
            withPair(point) { point in
                withUnsafeMutableBytes(of: &result) {
                    callback(point, $0.baseAddress?.assumingMemoryBound(to: Double.self), user)
                }
            }
            return (Pair(result[0], result[1]), Pair(result[2], result[3]))
        }
    }
}

private func withPair<Result>(
    _ pair: SIMD2<Double>, _ body: (UnsafePointer<Double>?) -> Result
) -> Result {
    withUnsafeBytes(of: pair) { body($0.baseAddress?.assumingMemoryBound(to: Double.self)) }
}

@_cdecl("tp_plane_function_init") @implementation
public func tp_plane_function_init(
    _ function: UnsafeMutablePointer<tp_plane_function>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(function, size: struct_size, with: tp_plane_function(), "function") }
}

/// The library's own functions, told apart by the user_data that their callbacks get.
private enum TestFunction: Int {
    case rosenbrock = 1
    case booth = 2

    init?(_ user: UnsafeMutableRawPointer?) { self.init(rawValue: Int(bitPattern: user)) }

    var function: PlaneFunction {
        switch self {
        case .rosenbrock: return .rosenbrock
        case .booth: return .booth
        }
    }

    func fill(_ target: UnsafeMutablePointer<tp_plane_function>?) throws {
        var result = tp_plane_function()
        result.user_data = UnsafeMutableRawPointer(bitPattern: rawValue)
        result.value = { xy, user in
            guard let xy, let test = TestFunction(user) else { return .nan }
            return test.function.value(SIMD2(xy))
        }
        result.gradient = { xy, out, user in TestFunction(user)?.store(xy, out) { $0.gradient } }
        result.to_uv = { xy, out, user in TestFunction(user)?.store(xy, out) { $0.toUV } }
        result.from_uv = { uv, out, user in TestFunction(user)?.store(uv, out) { $0.fromUV } }
        result.hessian = { xy, out, user in TestFunction(user)?.storeRows(xy, out) { $0.hessian } }
        result.from_uv_jacobian = { uv, out, user in
            TestFunction(user)?.storeRows(uv, out) { $0.fromUVJacobian }
        }
        try writeOutput(result, to: try target.required("function_out"), "function_out")
    }

    private typealias Pair = PlaneFunction.Pair

    private func store(
        _ point: UnsafePointer<Double>?, _ out: UnsafeMutablePointer<Double>?,
        _ part: (PlaneFunction) -> (Pair) -> Pair
    ) {
        if let point { part(function)(SIMD2(point)).store(to: out) }
    }

    private func storeRows(
        _ point: UnsafePointer<Double>?, _ out: UnsafeMutablePointer<Double>?,
        _ part: (PlaneFunction) -> ((Pair) -> (Pair, Pair))?
    ) {
        guard let point, let rows = part(function)?(SIMD2(point)) else { return }
        rows.0.store(to: out)
        rows.1.store(to: out.map { $0 + 2 })
    }
}

@_cdecl("tp_plane_rosenbrock") @implementation
public func tp_plane_rosenbrock(
    _ function_out: UnsafeMutablePointer<tp_plane_function>?
) -> tp_status {
    call { try TestFunction.rosenbrock.fill(function_out) }
}

@_cdecl("tp_plane_booth") @implementation
public func tp_plane_booth(
    _ function_out: UnsafeMutablePointer<tp_plane_function>?
) -> tp_status {
    call { try TestFunction.booth.fill(function_out) }
}

extension tp_plane_config {
    static var defaults: tp_plane_config {
        let options = PlaneConfig()
        return tp_plane_config(
            struct_size: 0, steps: Int32(options.steps), theta_steps: Int32(options.thetaSteps),
            learning_rate: options.learningRate, theta_learning_rate: options.thetaLearningRate,
            loss_tolerance: options.lossTolerance, teleport_steps: nil, teleport_step_count: 0,
            theta_starts: nil, theta_start_count: 0, seed: options.seed)
    }
}

extension PlaneConfig {
    fileprivate init(_ config: UnsafePointer<tp_plane_config>?) throws {
        let config = try readConfig(config, defaults: .defaults, "config")
        self.init()
        steps = given(config.steps, or: steps)
        // A step teleports once, so that the arrays have no use for more values than steps.
        try validateSteps()
        thetaSteps = given(config.theta_steps, or: thetaSteps)
        learningRate = config.learning_rate
        thetaLearningRate = config.theta_learning_rate
        lossTolerance = given(config.loss_tolerance, or: lossTolerance)
        teleportSteps = try array(
            config.teleport_steps, config.teleport_step_count, most: steps, "teleport_steps")
        thetaStarts = try array(
            config.theta_starts, config.theta_start_count, most: steps, "theta_starts")
        seed = config.seed
        try validate()
    }
}

@_cdecl("tp_plane_config_init") @implementation
public func tp_plane_config_init(
    _ config: UnsafeMutablePointer<tp_plane_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

extension tp_plane_report {
    fileprivate init(_ move: PlaneMove) {
        self.init(
            struct_size: MemoryLayout<tp_plane_report>.size, accepted: move.accepted ? 1 : 0,
            outcome: move.outcome.rawValue, theta: move.theta, value_before: move.valueBefore,
            value_after: move.valueAfter, gradient_norm2_before: move.gradientNorm2Before,
            gradient_norm2_after: move.gradientNorm2After)
    }
}

@_cdecl("tp_plane_report_init") @implementation
public func tp_plane_report_init(
    _ report: UnsafeMutablePointer<tp_plane_report>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(report, size: struct_size, with: tp_plane_report(PlaneMove()), "report") }
}

/// A point of the host, finite.
private func point(_ xy: UnsafePointer<Double>?, _ name: StaticString) throws -> SIMD2<Double> {
    let point = SIMD2(try xy.required(name))
    guard point.x.isFinite, point.y.isFinite else {
        throw TeleportError(.notFinite, "\(name) is (\(point.x), \(point.y))")
    }
    return point
}

@_cdecl("tp_plane_teleport") @implementation
public func tp_plane_teleport(
    _ function: UnsafePointer<tp_plane_function>?, _ xy: UnsafeMutablePointer<Double>?,
    _ theta: Double, _ config: UnsafePointer<tp_plane_config>?,
    _ report_out: UnsafeMutablePointer<tp_plane_report>?
) -> tp_status {
    callStoppable {
        let function = try PlaneFunction(function)
        let options = try PlaneConfig(config)
        try checkOutput(report_out, "report_out")
        var position = try point(UnsafePointer(xy), "xy")
        guard theta.isFinite else { throw TeleportError(.notFinite, "theta is \(theta)") }
        let move = try function.teleport(&position, from: theta, options)
        position.store(to: xy)
        try writeOutput(tp_plane_report(move), to: report_out, "report_out")
    }
}

@_cdecl("tp_plane_descend") @implementation
public func tp_plane_descend(
    _ function: UnsafePointer<tp_plane_function>?, _ start: UnsafePointer<Double>?,
    _ config: UnsafePointer<tp_plane_config>?, _ trajectory: UnsafeMutablePointer<Double>?,
    _ trajectory_capacity: Int, _ values: UnsafeMutablePointer<Double>?, _ values_capacity: Int
) -> tp_status {
    callStoppable {
        let function = try PlaneFunction(function)
        let options = try PlaneConfig(config)
        let start = try point(start, "start")
        let points = options.steps + 1
        try requireOptional(trajectory, trajectory_capacity, 2 * points, "trajectory")
        try requireOptional(values, values_capacity, points, "values")
        try function.descend(from: start, options) { step, point, value in
            point.store(to: trajectory.map { $0 + 2 * step })
            values?[step] = value
        } moved: { _, _ in
        }
    }
}

/// A function of the plane that is a function of u^2 + v^2 in coordinates of its own, so that
/// rotating (u, v) keeps its value: the test functions of arXiv 2205.10637, section 6.1. All in
/// double.
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

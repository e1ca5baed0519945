import Networks
import Runtime

/// The curves t -> exp(t M) . W of a group through a model's weights.
protocol CurveFamily {
    /// Draws an M of norm 1 and adds its curve's first and second derivative at t = 0
    /// (parameterCount each).
    func addCurve(
        at model: Model, _ generator: inout RandomGenerator, _ velocity: Buffer<Double>,
        _ acceleration: Buffer<Double>) throws
}

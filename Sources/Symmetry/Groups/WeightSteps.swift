import LinearAlgebra
import Networks
import Runtime

/// The vector at length 1, or nil where nothing but rounding is left of what it came from.
func normalized(
    _ vector: Buffer<Double>, relativeTo covector: UnsafePointer<Float>
) -> Buffer<Double>? {
    var sum = 0.0
    for i in 0..<vector.count { sum += vector.pointer[i] * vector.pointer[i] }
    let norm = sum.squareRoot()
    let whole = squaredNorm(covector, count: vector.count).squareRoot()
    guard norm.isFinite, norm > 1e-6 * whole else { return nil }
    for i in 0..<vector.count { vector.pointer[i] /= norm }
    return vector
}

/// W <- W + length |W| direction
func step(_ model: Model, along direction: Buffer<Double>, by length: Double) {
    let parameters = model.parameters.pointer
    let scale = length * squaredNorm(parameters, count: direction.count).squareRoot()
    for i in 0..<direction.count {
        parameters[i] = Float(Double(parameters[i]) + scale * direction.pointer[i])
    }
}

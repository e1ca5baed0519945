// The few SIMD helpers of the elementwise passes. Sixteen floats are one AVX-512 register, two of
// AVX2 or four of SSE2; elementwise results do not depend on which.

@inlinable @inline(__always)
public func load(_ pointer: UnsafePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
}

@inlinable @inline(__always)
public func load(_ pointer: UnsafeMutablePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
}

@inlinable @inline(__always)
public func store(_ value: SIMD16<Float>, _ pointer: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: SIMD16<Float>.self)
}

/// Calls `vector` for 0, 16, 32, ... and `tail` for each index that is left of 0 ..< count.
@inlinable @inline(__always)
public func forEachVector(_ count: Int, _ vector: (Int) -> Void, tail: (Int) -> Void) {
    var i = 0
    while i &+ 16 <= count {
        vector(i)
        i &+= 16
    }
    while i < count {
        tail(i)
        i &+= 1
    }
}

/// y += alpha x
@inlinable
public func addScaled(
    _ x: UnsafePointer<Float>, by alpha: Float, to y: UnsafeMutablePointer<Float>, count: Int
) {
    forEachVector(count) { i in
        store(load(y + i) + alpha * load(x + i), y + i)
    } tail: { i in
        y[i] += alpha * x[i]
    }
}

/// No element is NaN or infinite: x - x is 0 for finite x only.
@inlinable
public func allFinite(_ x: UnsafePointer<Float>, count: Int) -> Bool {
    var differences = SIMD16<Float>.zero
    var rest: Float = 0
    forEachVector(count) { i in
        let value = load(x + i)
        differences += value - value
    } tail: { i in
        rest += x[i] - x[i]
    }
    return differences.sum() + rest == 0
}

/// The sum of squares in double.
@inlinable
public func squaredNorm(_ x: UnsafePointer<Float>, count: Int) -> Double {
    dot(x, x, count: count)
}

/// The sum of products in double.
@inlinable
public func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Double {
    var total = 0.0
    var i = 0
    var sums = SIMD8<Double>.zero
    while i &+ 8 <= count {
        let a = SIMD8<Double>(UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self))
        let b = SIMD8<Double>(UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Float>.self))
        sums += a * b
        i &+= 8
    }
    while i < count {
        total += Double(x[i]) * Double(y[i])
        i &+= 1
    }
    return total + sums.sum()
}

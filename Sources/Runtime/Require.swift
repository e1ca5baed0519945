/// Refuses a host's number that breaks its rule, with a sentence that names it: "momentum is 1.5;
/// it must be at least 0 and below 1".
@inline(__always)
public func require(
    _ name: @autoclosure () -> String, _ value: Double, _ holds: Bool, _ rule: String
) throws {
    guard holds else { throw TeleportError.wrong(name(), value, rule) }
}

/// The same for a float, which is printed as one.
@inline(__always)
public func require(
    _ name: @autoclosure () -> String, _ value: Float, _ holds: Bool, _ rule: String
) throws {
    guard holds else { throw TeleportError.wrong(name(), value, rule) }
}

@inline(__always)
public func require(
    _ name: @autoclosure () -> String, _ value: Int, _ holds: Bool, _ rule: String
) throws {
    guard holds else { throw TeleportError.invalid("\(name()) is \(value); it must be \(rule)") }
}

/// A count within its bounds.
public func require(_ name: StaticString, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
        throw TeleportError.invalid(
            "\(name) is \(value); it must be \(range.lowerBound) to \(range.upperBound)")
    }
}

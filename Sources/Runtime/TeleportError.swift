/// What a failed call came to; the raw values are those of `tp_status` in the header.
public enum Status: Int32, Sendable {
    case error = -1
    case invalidArgument = -2
    case outOfMemory = -3
    case bufferTooSmall = -4
    case shapeMismatch = -5
    case badState = -6
    case unsupported = -7
    case notFinite = -8
    case linearAlgebra = -9
    case notFound = -20
    case io = -21
    case format = -22
    case version = -23
}

/// The one error type of the library: a status and a sentence that names the value at fault.
public struct TeleportError: Error, Sendable {
    public let status: Status
    public let message: String

    public init(_ status: Status, _ message: String) {
        self.status = status
        self.message = message
    }

    /// A value of a host is out of range or no number.
    public var isWrongValue: Bool { status == .invalidArgument || status == .notFinite }

    public static func invalid(_ message: String) -> TeleportError {
        TeleportError(.invalidArgument, message)
    }

    /// For a number of a host that breaks `rule`: what is NaN or infinite has a status of its own.
    public static func wrong(_ name: String, _ value: Double, _ rule: String) -> TeleportError {
        let status = value.isFinite ? Status.invalidArgument : .notFinite
        return TeleportError(status, "\(name) is \(value); it must be \(rule)")
    }

    /// The same for a float, which is printed as one.
    public static func wrong(_ name: String, _ value: Float, _ rule: String) -> TeleportError {
        let status = value.isFinite ? Status.invalidArgument : .notFinite
        return TeleportError(status, "\(name) is \(value); it must be \(rule)")
    }
}

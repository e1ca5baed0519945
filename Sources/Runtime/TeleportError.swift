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

    public static func invalid(_ message: String) -> TeleportError {
        TeleportError(.invalidArgument, message)
    }
}

import CShims
import Glibc
import Runtime

/// Why one file could not be read; its path is the caller's to add.
public struct FileFailure: Error {
    public let status: Status
    public let reason: String

    /// Other files would fail as well, so none may be left out for it: no memory, no file
    /// descriptors.
    public let endsAll: Bool

    public init(_ status: Status, _ reason: String, endsAll: Bool = false) {
        self.status = status
        self.reason = reason
        self.endsAll = endsAll
    }

    public init(systemError number: Int32) {
        let reason = systemErrorText(number)
        switch number {
        case ENOMEM: self.init(.outOfMemory, reason, endsAll: true)
        case EMFILE, ENFILE: self.init(.io, reason, endsAll: true)
        case ENOENT, ENOTDIR: self.init(.notFound, reason)
        default: self.init(.io, reason)
        }
    }

    public init(_ error: any Error) {
        if let failure = error as? FileFailure {
            self = failure
            return
        }
        let error = error as? TeleportError
        let status = error?.status ?? .error
        self.init(status, error?.message ?? "unknown error", endsAll: status == .outOfMemory)
    }

    /// The error for a host that asked for `path`.
    public func error(_ what: String, at path: UnsafePointer<CChar>) -> TeleportError {
        if status == .outOfMemory { return TeleportError(status, reason) }
        return TeleportError(status, "\(what) \(quoted(path)): \(reason)")
    }
}

public func systemErrorText(_ number: Int32) -> String {
    guard let text = shim_system_error_text(number) else { return "system error \(number)" }
    return String(cString: text)
}

/// A name or path for a message: between quotes, valid UTF-8, without control characters, and cut
/// at the front where it is so long that the message would lose its end.
public func quoted(_ bytes: UnsafePointer<CChar>) -> String {
    bytes.withMemoryRebound(to: UInt8.self, capacity: strlen(bytes)) {
        quoted(UnsafeBufferPointer(start: $0, count: strlen(bytes)))
    }
}

public func quoted(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
    let longest = 400
    var text = bytes.count > longest ? "'..." : "'"
    let repaired = String(decoding: bytes.suffix(longest), as: UTF8.self)
    for scalar in repaired.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        text.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
    }
    return text + "'"
}

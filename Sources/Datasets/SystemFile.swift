import CShims
import Glibc
import Runtime

/// A regular file opened for reading, or the reason why it is none.
struct SystemFile: ~Copyable {
    let descriptor: Int32
    let size: Int

    /// Opens without blocking: a FIFO has no end to wait for, and is refused.
    ///
    /// `suspicious` is set for paths that no folder listing has shown to be regular files: opening a device can
    /// do things, so these are looked at first.
    init(path: UnsafePointer<CChar>, suspicious: Bool) throws(ImageFailure) {
        var status = stat()
        if suspicious {
            guard stat(path, &status) == 0 else { throw ImageFailure(systemError: errno) }
            if let failure = Self.refusal(of: status) { throw failure }
        }
        var opened: Int32
        repeat {
            opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        } while opened < 0 && errno == EINTR
        guard opened >= 0 else { throw ImageFailure(systemError: errno) }
        guard fstat(opened, &status) == 0 else {
            let failure = ImageFailure(systemError: errno)
            close(opened)
            throw failure
        }
        if let failure = Self.refusal(of: status) {
            close(opened)
            throw failure
        }
        descriptor = opened
        size = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills `buffer` as far as the file goes and gives the bytes read.
    func read(into buffer: UnsafeMutableRawPointer, capacity: Int) throws(ImageFailure) -> Int {
        var filled = 0
        while filled < capacity {
            let count = Glibc.read(descriptor, buffer + filled, capacity - filled)
            if count < 0 {
                if errno == EINTR { continue }
                throw ImageFailure(systemError: errno)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    private static func refusal(of status: stat) -> ImageFailure? {
        switch status.st_mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: ImageFailure(.format, "it is a folder")
        case S_IFIFO: ImageFailure(.format, "it is a FIFO, not a file")
        case S_IFSOCK: ImageFailure(.format, "it is a socket, not a file")
        default: ImageFailure(.format, "it is a device, not a file")
        }
    }
}

/// Why one file could not be read; its path is the caller's to add.
struct ImageFailure: Error {
    let status: Status
    let reason: String

    /// Other files would fail as well, so none may be left out for it: no memory, no file descriptors.
    let endsAll: Bool

    init(_ status: Status, _ reason: String, endsAll: Bool = false) {
        self.status = status
        self.reason = reason
        self.endsAll = endsAll
    }

    init(systemError number: Int32) {
        let reason = systemErrorText(number)
        switch number {
        case ENOMEM: self.init(.outOfMemory, reason, endsAll: true)
        case EMFILE, ENFILE: self.init(.io, reason, endsAll: true)
        case ENOENT, ENOTDIR: self.init(.notFound, reason)
        default: self.init(.io, reason)
        }
    }

    init(_ error: any Error) {
        let error = error as? TeleportError
        let status = error?.status ?? .error
        self.init(status, error?.message ?? "unknown error", endsAll: status == .outOfMemory)
    }

    /// The error for a host that asked for `path`.
    func error(at path: UnsafePointer<CChar>) -> TeleportError {
        if status == .outOfMemory { return TeleportError(status, reason) }
        return TeleportError(status, "image \(quoted(path)): \(reason)")
    }
}

func systemErrorText(_ number: Int32) -> String {
    guard let text = shim_system_error_text(number) else { return "system error \(number)" }
    return String(cString: text)
}

/// A name or path for a message: between quotes, valid UTF-8, without control characters, and cut at the
/// front where it is so long that the message would lose its end.
func quoted(_ bytes: UnsafePointer<CChar>) -> String {
    let longest = 400
    let length = strlen(bytes)
    let start = bytes + max(0, length - longest)
    let shown = UnsafeBufferPointer(start: start, count: min(length, longest))
    var text = "'"
    if length > longest { text += "..." }
    let repaired = String(decoding: shown.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
    for scalar in repaired.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        text.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
    }
    return text + "'"
}

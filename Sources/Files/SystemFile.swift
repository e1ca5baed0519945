import Glibc
import Runtime

/// A regular file opened for reading, or the reason why it is none.
public struct SystemFile: ~Copyable {
    public let descriptor: Int32
    public let size: Int

    /// Opens without blocking: a FIFO has no end to wait for, and is refused.
    ///
    /// `suspicious` is set for paths that no folder listing has shown to be regular files: opening
    /// a device can do things, so these are looked at first.
    public init(path: UnsafePointer<CChar>, suspicious: Bool) throws(FileFailure) {
        var status = stat()
        if suspicious {
            guard stat(path, &status) == 0 else { throw FileFailure(systemError: errno) }
            if let failure = Self.refusal(of: status) { throw failure }
        }
        var opened: Int32
        repeat {
            opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        } while opened < 0 && errno == EINTR
        guard opened >= 0 else { throw FileFailure(systemError: errno) }
        guard fstat(opened, &status) == 0 else {
            let failure = FileFailure(systemError: errno)
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
    public func read(into buffer: UnsafeMutableRawPointer, capacity: Int) throws(FileFailure) -> Int
    {
        var filled = 0
        while filled < capacity {
            let count = Glibc.read(descriptor, buffer + filled, capacity - filled)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFailure(systemError: errno)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Fills `buffer` with the `count` bytes from `offset` on.
    func read(into buffer: UnsafeMutableRawPointer, count: Int, at offset: Int) throws(FileFailure)
    {
        var filled = 0
        while filled < count {
            let part = pread(
                descriptor, buffer + filled, min(count - filled, 1 << 30), off_t(offset + filled))
            if part < 0 {
                if errno == EINTR { continue }
                throw FileFailure(systemError: errno)
            }
            guard part > 0 else {
                throw FileFailure(.format, "it ends at byte \(offset + filled) while it is read")
            }
            filled += part
        }
    }

    /// Why a path of this kind is no file; nil for a regular one.
    static func refusal(of status: stat) -> FileFailure? {
        switch status.st_mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: FileFailure(.format, "it is a folder")
        case S_IFIFO: FileFailure(.format, "it is a FIFO, not a file")
        case S_IFSOCK: FileFailure(.format, "it is a socket, not a file")
        default: FileFailure(.format, "it is a device, not a file")
        }
    }
}

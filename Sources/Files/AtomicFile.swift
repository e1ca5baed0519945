import Glibc
import Runtime

/// A file that takes the place of another all at once: written beside it under a name of its own,
/// synced, renamed. Whenever the process or the machine stops, the path leads to the old file or to
/// the new one.
public struct AtomicFile: ~Copyable {
    /// How many may write to one path at a time.
    private static let mostTemporaries: Int32 = 16

    private let descriptor: Int32

    /// Writes a new file at `path`; where that fails, what was there stays and nothing is left
    /// beside it.
    ///
    /// A thread that is cancelled meanwhile ends after it.
    ///
    /// Links are followed. What is no regular file, or may not be written, is not replaced. The new
    /// file has the permissions of the old one. The `keeping` old files before it stay as path.1
    /// (the last one), path.2, ...
    public static func replace(
        _ path: UnsafePointer<CChar>, keeping: Int = 0,
        _ write: (borrowing AtomicFile) throws(FileFailure) -> Void
    ) throws(FileFailure) {
        try withoutCancellation { () throws(FileFailure) in
            try withoutFileSizeSignal { () throws(FileFailure) in
                let target = try FileTarget(path)
                let temporary = try Temporary(for: target)
                do throws(FileFailure) {
                    try write(temporary.file)
                    try temporary.finish(target, keeping: keeping)
                } catch {
                    temporary.remove(from: target)
                    throw error
                }
                try target.sync()
            }
        }
    }

    fileprivate init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    public func write(_ bytes: UnsafeRawPointer, count: Int) throws(FileFailure) {
        var written = 0
        while written < count {
            let part = Glibc.write(descriptor, bytes + written, min(count - written, 1 << 30))
            if part < 0 {
                if errno == EINTR { continue }
                throw FileFailure(systemError: errno)
            }
            // Not known to happen; without this it would go on for ever.
            guard part > 0 else { throw FileFailure(systemError: ENOSPC) }
            written += part
        }
    }

    /// The file while it has not its name yet.
    ///
    /// A process that is killed leaves it behind. Its writer holds a lock on it, so the next one to
    /// write to the same path sees that nobody does any more and removes it.
    private struct Temporary: ~Copyable {
        let file: AtomicFile
        private let name: Buffer<CChar>

        init(for target: FileTarget) throws(FileFailure) {
            for number in 0..<AtomicFile.mostTemporaries {
                let name = try target.name(with: number == 0 ? ".tmp" : ".tmp\(number)")
                for _ in 0..<3 {
                    if let descriptor = try Self.create(name.pointer, target) {
                        file = AtomicFile(descriptor: descriptor)
                        self.name = name
                        return
                    }
                    guard try Self.removeAbandoned(name.pointer, target) else { break }
                }
            }
            throw FileFailure(
                .io, "\(AtomicFile.mostTemporaries) others are writing it at this moment")
        }

        /// A new file that this process has locked; nil where one of this name is there.
        private static func create(
            _ name: UnsafePointer<CChar>, _ target: FileTarget
        ) throws(FileFailure) -> Int32? {
            // What replaces a file must not be more open than it, not even for a moment.
            let mode: mode_t = target.old == nil ? 0o666 : 0o600
            let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
            let descriptor = retrying { openat(target.folder, name, flags, mode) }
            if descriptor < 0 {
                if errno == EEXIST { return nil }
                throw FileFailure(systemError: errno)
            }
            // Another writer may have taken it for abandoned before it was locked.
            if !holds(descriptor, name, target) {
                close(descriptor)
                return nil
            }
            if let old = target.old {
                _ = fchown(descriptor, old.owner, old.group)
                if fchmod(descriptor, old.permissions) != 0 {
                    let failure = FileFailure(systemError: errno)
                    unlinkat(target.folder, name, 0)
                    close(descriptor)
                    throw failure
                }
            }
            return descriptor
        }

        /// Locks a file and says whether it still has its name.
        private static func holds(
            _ descriptor: Int32, _ name: UnsafePointer<CChar>, _ target: FileTarget
        ) -> Bool {
            guard retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 else {
                // File systems without locks: the name itself has to do.
                return errno != EWOULDBLOCK
            }
            var opened = stat()
            var named = stat()
            return fstat(descriptor, &opened) == 0
                && fstatat(target.folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0
                && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
        }

        /// Removes a file whose writer is gone; false where it is in use.
        private static func removeAbandoned(
            _ name: UnsafePointer<CChar>, _ target: FileTarget
        ) throws(FileFailure) -> Bool {
            let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY
            let descriptor = retrying { openat(target.folder, name, flags) }
            guard descriptor >= 0 else { return errno == ENOENT }
            defer { close(descriptor) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
                retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0,
                holds(descriptor, name, target)
            else { return false }
            return unlinkat(target.folder, name, 0) == 0
        }

        /// Brings the bytes to the disk and gives the file its name.
        func finish(_ target: FileTarget, keeping: Int) throws(FileFailure) {
            guard retrying({ fsync(file.descriptor) }) == 0 else {
                throw FileFailure(systemError: errno)
            }
            if keeping > 0, target.old != nil { try target.keepOld(keeping) }
            guard renameat(target.folder, name.pointer, target.folder, target.name.pointer) == 0
            else { throw FileFailure(systemError: errno) }
        }

        func remove(from target: FileTarget) {
            unlinkat(target.folder, name.pointer, 0)
        }
    }
}

/// The call's result, tried again for as long as a signal interrupts it.
func retrying(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

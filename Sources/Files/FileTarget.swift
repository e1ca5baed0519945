import Glibc
import Runtime

/// Where a file is to be: an open folder and a name in it. The folder may be moved meanwhile.
final class FileTarget {
    struct OldFile {
        let permissions: mode_t
        let owner: uid_t
        let group: gid_t
    }

    let folder: Int32
    let name: Buffer<CChar>
    /// What is there now.
    let old: OldFile?

    init(_ path: UnsafePointer<CChar>) throws(FileFailure) {
        guard strnlen(path, Int(PATH_MAX)) < Int(PATH_MAX) else {
            throw FileFailure(systemError: ENAMETOOLONG)
        }
        guard path.pointee != 0 else { throw FileFailure(systemError: ENOENT) }
        // The file that a link leads to is the one to replace.
        let resolved = realpath(path, nil)
        defer { free(resolved) }
        if resolved == nil, errno != ENOENT { throw FileFailure(systemError: errno) }
        let place = UnsafePointer(resolved) ?? path
        let start = strrchr(place, 0x2F).map { UnsafePointer($0) + 1 } ?? place
        guard start.pointee != 0 else { throw FileFailure(.io, "it is the name of a folder") }
        let prefix = start - place
        let folderPath: Buffer<CChar>
        do {
            name = try Buffer(copying: start, count: strlen(start) + 1)
            folderPath = try Buffer(count: prefix + 2)
        } catch { throw FileFailure(error) }
        // "/a" is in "/", "a" in "."; a slash at the end does no harm.
        folderPath.pointer[0] = 0x2E
        folderPath.pointer.update(from: place, count: prefix)
        folderPath.pointer[max(prefix, 1)] = 0
        let opened = retrying { open(folderPath.pointer, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard opened >= 0 else { throw FileFailure(systemError: errno) }
        do throws(FileFailure) {
            old = try Self.oldFile(opened, name.pointer)
        } catch {
            close(opened)
            throw error
        }
        folder = opened
    }

    deinit { close(folder) }

    /// The file that is to be replaced, or why it must not be.
    private static func oldFile(
        _ folder: Int32, _ name: UnsafePointer<CChar>
    ) throws(FileFailure) -> OldFile? {
        var status = stat()
        if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 {
            if errno == ENOENT { return nil }
            throw FileFailure(systemError: errno)
        }
        guard status.st_mode & S_IFMT != S_IFLNK else {
            throw FileFailure(.notFound, "it is a link to nothing")
        }
        if let failure = SystemFile.refusal(of: status) {
            throw FileFailure(.io, failure.reason)
        }
        // rename would ask for the folder's permission alone.
        guard faccessat(folder, name, W_OK, AT_EACCESS) == 0 else {
            throw FileFailure(systemError: errno)
        }
        return OldFile(
            permissions: status.st_mode & 0o777, owner: status.st_uid, group: status.st_gid)
    }

    func name(with suffix: String) throws(FileFailure) -> Buffer<CChar> {
        let length = name.count - 1
        do {
            let result = try Buffer<CChar>(count: length + suffix.utf8.count + 1)
            result.pointer.update(from: name.pointer, count: length)
            var next = length
            for byte in suffix.utf8 {
                result.pointer[next] = CChar(bitPattern: byte)
                next += 1
            }
            result.pointer[next] = 0
            return result
        } catch { throw FileFailure(error) }
    }

    /// Gives the old file a second name, name.1, after name.1 has become name.2, and so on up to
    /// `count`.
    func keepOld(_ count: Int) throws(FileFailure) {
        for number in stride(from: count - 1, through: 1, by: -1) {
            let (from, to) = (try name(with: ".\(number)"), try name(with: ".\(number + 1)"))
            if renameat(folder, from.pointer, folder, to.pointer) != 0, errno != ENOENT {
                throw FileFailure(systemError: errno)
            }
        }
        let last = try name(with: ".1")
        if unlinkat(folder, last.pointer, 0) != 0, errno != ENOENT {
            throw FileFailure(systemError: errno)
        }
        if linkat(folder, name.pointer, folder, last.pointer, 0) == 0 { return }
        // Some file systems have no second names; there the first is missing for a moment.
        guard renameat(folder, name.pointer, folder, last.pointer) == 0 else {
            throw FileFailure(systemError: errno)
        }
    }

    /// Makes the new name survive a crash of the machine.
    func sync() throws(FileFailure) {
        guard retrying({ fsync(folder) }) != 0 else { return }
        // Some file systems cannot sync a folder; they keep names by other means.
        if errno == EINVAL || errno == ENOTSUP || errno == EROFS { return }
        throw FileFailure(
            .io, "it is written, but a crash may undo that: \(systemErrorText(errno))")
    }
}

extension AtomicFile {
    /// Says whether a file could be written at `path` now, as far as that is known without writing
    /// one.
    public static func check(_ path: UnsafePointer<CChar>) throws(FileFailure) {
        let target = try FileTarget(path)
        try withExtendedLifetime(target) { () throws(FileFailure) in
            guard faccessat(target.folder, ".", W_OK | X_OK, AT_EACCESS) == 0 else {
                throw FileFailure(systemError: errno)
            }
        }
    }
}

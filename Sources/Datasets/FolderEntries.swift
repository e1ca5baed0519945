import Files
import Glibc
import Runtime

/// The folders and `.png` files of folders that are being walked: a stack of names, sorted folder
/// by folder.
struct FolderEntries {
    enum Kind: UInt8 {
        case folder
        case file
        /// Named `.png` but no regular file, as far as the listing can tell.
        case suspicious
    }

    struct Entry: BitwiseCopyable {
        /// The first eight bytes, so that most comparisons touch no names.
        var prefix: UInt64
        var start: Int
        var length: Int32
        var kind: Kind
    }

    /// Where a folder's entries begin, to drop them when it is done.
    struct Mark: BitwiseCopyable {
        var entries: Int
        var names: Int
    }

    private let names: GrowingBuffer<CChar>
    private let entries: GrowingBuffer<Entry>
    /// Regular files that are passed over.
    let others: OtherFiles

    init() throws {
        names = try GrowingBuffer()
        entries = try GrowingBuffer()
        others = try OtherFiles()
    }

    var count: Int { entries.count }
    var mark: Mark { Mark(entries: entries.count, names: names.count) }

    func drop(to mark: Mark) {
        entries.removeLast(to: mark.entries)
        names.removeLast(to: mark.names)
    }

    subscript(index: Int) -> Entry { entries[index] }

    /// The name of an entry, zero-terminated; valid until the next folder is read.
    func name(_ entry: Entry) -> UnsafePointer<CChar> {
        UnsafePointer(names.pointer + entry.start)
    }

    /// Reads the folder at `path` and sorts its entries by bytes.
    ///
    /// With `asPaths` a folder sorts as its name and a slash, so that walking the entries in order
    /// gives whole paths in order.
    func read(path: UnsafePointer<CChar>, asPaths: Bool) throws {
        guard let folder = opendir(path) else { throw folderError(path, "opened", errno) }
        defer { closedir(folder) }
        let first = entries.count
        while true {
            errno = 0
            guard let item = readdir(folder) else {
                guard errno == 0 else { throw folderError(path, "read", errno) }
                break
            }
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
            let name = UnsafeRawPointer(item).advanced(by: offset).assumingMemoryBound(
                to: CChar.self)
            guard name.pointee != CChar(UInt8(ascii: ".")) else { continue }
            guard let kind = kind(of: name, type: Int(item.pointee.d_type), in: folder) else {
                continue
            }
            try append(name, kind, slash: asPaths && kind == .folder)
        }
        try sort(from: first)
    }

    private func kind(of name: UnsafePointer<CChar>, type: Int, in folder: OpaquePointer) -> Kind? {
        if type == Int(DT_DIR) { return .folder }
        let isImage = isPNGName(name)
        if type == Int(DT_REG) { return regular(name, isImage) }
        guard type == Int(DT_LNK) || type == Int(DT_UNKNOWN) else {
            return isImage ? .suspicious : nil
        }
        var status = stat()
        if fstatat(dirfd(folder), name, &status, 0) == 0 {
            if status.st_mode & S_IFMT == S_IFDIR { return .folder }
            if status.st_mode & S_IFMT == S_IFREG { return regular(name, isImage) }
        }
        return isImage ? .suspicious : nil
    }

    private func regular(_ name: UnsafePointer<CChar>, _ isImage: Bool) -> Kind? {
        if isImage { return .file }
        others.add(name)
        return nil
    }

    private func append(_ name: UnsafePointer<CChar>, _ kind: Kind, slash: Bool) throws {
        let length = strlen(name)
        let start = names.count
        try names.append(from: name, count: length)
        if slash { try names.append(CChar(UInt8(ascii: "/"))) }
        try names.append(0)
        let used = length + (slash ? 1 : 0)
        var prefix: UInt64 = 0
        for i in 0..<8 {
            prefix = prefix << 8 | (i < used ? UInt64(UInt8(bitPattern: names[start + i])) : 0)
        }
        // Names of a folder have at most 255 bytes on every Linux file system.
        try entries.append(
            Entry(prefix: prefix, start: start, length: Int32(clamping: used), kind: kind))
    }

    /// Merge sort: the standard library's takes memory of its own.
    private func sort(from first: Int) throws {
        let count = entries.count - first
        let spare = try Buffer<Entry>(count: count)
        var source = entries.pointer + first
        var target = spare.pointer
        var width = 1
        while width < count {
            var start = 0
            while start < count {
                let middle = min(start + width, count)
                let end = min(middle + width, count)
                merge(source, start, middle, end, into: target)
                start = end
            }
            swap(&source, &target)
            width *= 2
        }
        if source != entries.pointer + first {
            target.update(from: source, count: count)
        }
    }

    private func merge(
        _ source: UnsafeMutablePointer<Entry>, _ start: Int, _ middle: Int, _ end: Int,
        into target: UnsafeMutablePointer<Entry>
    ) {
        var (left, right) = (start, middle)
        for i in start..<end {
            if left < middle && (right >= end || !isBefore(source[right], source[left])) {
                target[i] = source[left]
                left += 1
            } else {
                target[i] = source[right]
                right += 1
            }
        }
    }

    private func isBefore(_ a: Entry, _ b: Entry) -> Bool {
        if a.prefix != b.prefix { return a.prefix < b.prefix }
        return strcmp(names.pointer + a.start, names.pointer + b.start) < 0
    }
}

/// Whether a name ends in `.png`, in any case.
func isPNGName(_ name: UnsafePointer<CChar>) -> Bool {
    let length = strlen(name)
    guard length > 4 else { return false }
    let end = name + length - 4
    func matches(_ i: Int, _ letter: Unicode.Scalar) -> Bool {
        UInt8(bitPattern: end[i]) | 0x20 == UInt8(ascii: letter)
    }
    return end[0] == CChar(UInt8(ascii: ".")) && matches(1, "p") && matches(2, "n")
        && matches(3, "g")
}

func folderError(_ path: UnsafePointer<CChar>, _ action: String, _ number: Int32) -> TeleportError {
    let status: Status =
        switch number {
        case ENOENT: .notFound
        case ENOMEM: .outOfMemory
        default: .io
        }
    return TeleportError(
        status, "folder \(quoted(path)) cannot be \(action): \(systemErrorText(number))")
}

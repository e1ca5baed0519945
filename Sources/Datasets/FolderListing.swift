import Files
import Glibc
import Runtime

/// The files that a data set is read from, in its order.
struct ImageFiles {
    let paths: StringTable
    /// One for each path; empty without labels.
    let labels: GrowingBuffer<Int32>
    /// Paths that no listing has shown to be regular files.
    let suspicious: GrowingBuffer<Bool>
    let classNames: StringTable

    init() throws {
        paths = try StringTable()
        labels = try GrowingBuffer()
        suspicious = try GrowingBuffer()
        classNames = try StringTable()
    }

    var count: Int { paths.count }

    /// Puts a file into the place of an earlier one that is left out.
    func move(from source: Int, to target: Int) {
        guard source != target else { return }
        paths.move(from: source, to: target)
        if labels.count > 0 { labels[target] = labels[source] }
    }

    func removeLast(to remaining: Int) {
        paths.removeLast(to: remaining)
        labels.removeLast(to: remaining)
    }
}

/// Walks an image folder: classes by bytes or as the host orders them, files sorted by the bytes of their path
/// within the class.
///
/// The walk keeps its own stack, and PATH_MAX bounds its depth. A folder is entered once, and the class folders
/// count as entered from the start: a link from one class into another adds nothing.
struct FolderListing {
    private let options: ImageOptions
    private let root: UnsafePointer<CChar>
    private let files: ImageFiles
    private let entries: FolderEntries
    private var visits: FolderVisits
    private var path: FolderPath
    private var report: ProgressReport

    /// nil when the host stopped it.
    static func list(
        root: UnsafePointer<CChar>, options: ImageOptions, report: ProgressReport
    ) throws -> ImageFiles? {
        var listing = try FolderListing(root: root, options: options, report: report)
        let goesOn = try options.isFlat ? listing.listFlat() : listing.listClasses()
        return goesOn ? listing.files : nil
    }

    private init(
        root: UnsafePointer<CChar>, options: ImageOptions, report: ProgressReport
    ) throws {
        self.root = root
        self.options = options
        self.report = report
        files = try ImageFiles()
        entries = try FolderEntries()
        visits = try FolderVisits()
        path = try FolderPath(root: root)
    }

    private mutating func listFlat() throws -> Bool {
        _ = try enter()
        guard try walk(from: readFolder(), label: nil) else { return false }
        guard files.count > 0 else {
            throw TeleportError(
                .notFound, "folder \(quoted(root)) has no .png file" + others(after: "; "))
        }
        return true
    }

    private mutating func listClasses() throws -> Bool {
        _ = try enter()
        try entries.read(path: path.pointer, asPaths: false)
        let folders = try GrowingBuffer<FolderEntries.Entry>()
        for i in 0..<entries.count where entries[i].kind == .folder {
            try folders.append(entries[i])
        }
        guard folders.count > 0 || options.classCount > 0 else {
            throw TeleportError(
                .notFound,
                "folder \(quoted(root)) has no class: each needs a sub-directory of .png files"
                    + (entries.count > 0
                        ? " (it has .png files itself: read it with flat = 1)"
                        : others(after: " (", before: ")")))
        }
        guard folders.count <= ImageOptions.mostClasses else {
            throw TeleportError(
                .unsupported,
                "folder \(quoted(root)) has \(folders.count) classes; at most "
                    + "\(ImageOptions.mostClasses) are possible")
        }
        // Classes and their order; below, an entry of length 0 stands for a class without a folder.
        let classes = try ClassFolders(options: options, folders: folders, entries: entries)
        if let stranger = classes.stranger {
            throw TeleportError(
                .notFound,
                "folder \(quoted(entries.name(stranger))) in \(quoted(root)) is none of the "
                    + "\(options.classCount) class names given")
        }
        let own = try GrowingBuffer<Bool>(capacity: classes.count)
        for label in 0..<classes.count {
            guard let name = classes.folderName(label) else {
                try own.append(false)
                continue
            }
            try path.push(name)
            try own.append(enter())
            path.pop(to: path.rootLength)
        }
        for label in 0..<classes.count {
            let before = files.count
            // The walk reuses the memory of the listed names: this copy stays.
            try files.classNames.append(classes.name(label))
            if own[label] {
                try path.push(files.classNames[label])
                entries.others.reset()
                let top = try readFolder()
                try requireImages(in: top, files.classNames[label], classes)
                guard try walk(from: top, label: Int32(clamping: label)) else { return false }
                path.pop(to: path.rootLength)
            }
            guard files.count > before || options.keepsEmptyClasses else {
                throw emptyClass(
                    files.classNames[label], hasFolder: classes.folderName(label) != nil,
                    isOwn: own[label])
            }
        }
        guard files.count > 0 else {
            throw TeleportError(
                .notFound, "folder \(quoted(root)) has no .png file in any of its classes")
        }
        return true
    }

    /// Refuses a class whose images could only lie in folders below it: most likely these are the classes.
    private func requireImages(
        in top: Frame, _ name: UnsafePointer<CChar>, _ classes: ClassFolders
    ) throws {
        guard !options.takesNestedClasses, top.next < top.end,
            (top.next..<top.end).allSatisfy({ entries[$0].kind == .folder })
        else { return }
        let hasTrain = (0..<classes.count).contains { label in
            classes.folderName(label).map { strcmp($0, "train") == 0 } ?? false
        }
        var likely = try FolderPath(root: root)
        if hasTrain { try likely.push("train") } else { try likely.push(name) }
        throw TeleportError(
            .notFound,
            "class \(quoted(name)) in \(quoted(root)) holds only folders, such as "
                + "\(quoted(entries.name(entries[top.next]))), and no image: the classes may lie in "
                + "\(quoted(likely.pointer)); nested_classes = 1 takes the images of all folders below"
        )
    }

    /// What there is beside images in the folder that was read last, or nothing.
    private func others(after start: String, before end: String = "") -> String {
        entries.others.sentence.map { start + $0 + end } ?? ""
    }

    private func emptyClass(
        _ name: UnsafePointer<CChar>, hasFolder: Bool, isOwn: Bool
    ) -> TeleportError {
        let what =
            !hasFolder
            ? "has no folder in \(quoted(root))"
            : isOwn
                ? "has no .png file in \(quoted(root))" + others(after: "; ")
                : "is the same folder as another class of \(quoted(root))"
        return TeleportError(
            .notFound, "class \(quoted(name)) \(what); allow_empty_classes = 1 keeps such a class")
    }

    /// Notes the folder at `path` and tells whether it is new.
    private mutating func enter() throws -> Bool {
        var status = stat()
        guard stat(path.pointer, &status) == 0 else {
            throw folderError(path.pointer, "opened", errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw folderError(path.pointer, "opened", ENOTDIR)
        }
        return try visits.insert(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// A folder on the way down: the entries that are left of it, and what to restore after it.
    private struct Frame: BitwiseCopyable {
        var next: Int
        var end: Int
        var mark: FolderEntries.Mark
        var pathLength: Int
    }

    /// Takes in all files below `path`, which is there again afterwards; false when the host stopped it.
    private mutating func walk(from first: Frame, label: Int32?) throws -> Bool {
        let frames = try GrowingBuffer<Frame>()
        try frames.append(first)
        while frames.count > 0 {
            let top = frames.count - 1
            let frame = frames[top]
            guard frame.next < frame.end else {
                entries.drop(to: frame.mark)
                frames.removeLast(to: top)
                if top > 0 { path.pop(to: frames[top - 1].pathLength) }
                guard report.goesOn(done: 0, total: files.count) else { return false }
                continue
            }
            frames[top].next += 1
            let entry = entries[frame.next]
            try path.push(entries.name(entry))
            if entry.kind == .folder {
                if try enter() {
                    try frames.append(readFolder())
                } else {
                    path.pop(to: frame.pathLength)
                }
                continue
            }
            try files.paths.append(path.pointer, length: path.length)
            try files.suspicious.append(entry.kind == .suspicious)
            if let label { try files.labels.append(label) }
            path.pop(to: frame.pathLength)
        }
        return true
    }

    private func readFolder() throws -> Frame {
        let mark = entries.mark
        try entries.read(path: path.pointer, asPaths: true)
        return Frame(next: mark.entries, end: entries.count, mark: mark, pathLength: path.length)
    }
}

/// The path of a walk, in one block of PATH_MAX bytes.
struct FolderPath {
    private let bytes: Buffer<CChar>
    private(set) var length = 0
    private(set) var rootLength = 0

    init(root: UnsafePointer<CChar>) throws {
        bytes = try Buffer(repeating: 0, count: Int(PATH_MAX))
        guard root.pointee != 0 else { throw TeleportError.invalid("the folder's path is empty") }
        try append(root, strlen(root))
        rootLength = length
    }

    var pointer: UnsafePointer<CChar> { UnsafePointer(bytes.pointer) }

    /// Adds a name; one that ends with a slash loses it.
    mutating func push(_ name: UnsafePointer<CChar>) throws {
        let slash = CChar(UInt8(ascii: "/"))
        var count = strlen(name)
        if count > 0 && name[count - 1] == slash { count -= 1 }
        let needsSlash = bytes.pointer[length - 1] != slash
        guard count + (needsSlash ? 1 : 0) < bytes.count - length else { throw tooLong() }
        if needsSlash {
            bytes.pointer[length] = slash
            length += 1
        }
        try append(name, count)
    }

    mutating func pop(to length: Int) {
        self.length = length
        bytes.pointer[length] = 0
    }

    private mutating func append(_ name: UnsafePointer<CChar>, _ count: Int) throws {
        guard count < bytes.count - length else { throw tooLong() }
        (bytes.pointer + length).update(from: name, count: count)
        length += count
        bytes.pointer[length] = 0
    }

    private func tooLong() -> TeleportError {
        TeleportError(
            .io, "a path below \(quoted(pointer)) is longer than \(PATH_MAX - 1) bytes")
    }
}

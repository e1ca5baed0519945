import Files
import Glibc
import Runtime

/// Walks an image folder: classes by bytes or as the host orders them, files sorted by the bytes of
/// their path within the class.
///
/// The walk keeps its own stack, and PATH_MAX bounds its depth. A folder is entered once, and the
/// class folders count as entered from the start: a link from one class into another adds nothing.
struct FolderListing {
    private let options: ImageConfig
    private let root: UnsafePointer<CChar>
    private let files: ImageFiles
    private let entries: FolderEntries
    private var visits: FolderVisits
    private var path: FolderPath
    private var report: ProgressReport

    /// nil when the host stopped it.
    static func list(
        root: UnsafePointer<CChar>, options: ImageConfig, report: ProgressReport
    ) throws -> ImageFiles? {
        var listing = try FolderListing(root: root, options: options, report: report)
        let goesOn = try options.isFlat ? listing.listFlat() : listing.listClasses()
        return goesOn ? listing.files : nil
    }

    private init(
        root: UnsafePointer<CChar>, options: ImageConfig, report: ProgressReport
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
        guard folders.count <= ImageConfig.mostClasses else {
            throw TeleportError(
                .unsupported,
                "folder \(quoted(root)) has \(folders.count) classes; at most "
                    + "\(ImageConfig.mostClasses) are possible")
        }
        // Classes and their order; below, an entry of length 0 stands for a class without a folder.
        let classes = try ClassFolders(
            names: options.classNames, folders: folders, entries: entries)
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
            guard files.count > before || options.allowsEmptyClasses else {
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

    /// Refuses a class whose images could only lie in folders below it: most likely these are the
    /// classes.
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

    /// Takes in all files below `path`, which is there again afterwards; false when the host
    /// stopped it.
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

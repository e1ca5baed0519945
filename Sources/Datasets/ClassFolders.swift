import Files
import Glibc
import Runtime

/// The classes of a folder in the order of their labels: its sub-directories by bytes, or the names
/// that the host gives.
struct ClassFolders {
    /// From the host.
    private let names: StringTable?
    private let folders: GrowingBuffer<FolderEntries.Entry>
    private let entries: FolderEntries
    /// With names from the host: for each the place of its folder, or -1.
    private let places: GrowingBuffer<Int>
    /// A folder that is none of the names given.
    let stranger: FolderEntries.Entry?

    /// `folders` are sorted by bytes.
    init(
        names: StringTable?, folders: GrowingBuffer<FolderEntries.Entry>, entries: FolderEntries
    ) throws {
        self.names = names
        self.folders = folders
        self.entries = entries
        places = try GrowingBuffer()
        guard let names else {
            stranger = nil
            return
        }
        let owners = try Buffer<Int>(repeating: -1, count: folders.count)
        for label in 0..<names.count {
            let name = names[label]
            try Self.check(name, label)
            let place = Self.search(name, in: folders, entries)
            if let place {
                guard owners.pointer[place] < 0 else {
                    throw TeleportError.invalid(
                        "class_names[\(owners.pointer[place])] and class_names[\(label)] are both "
                            + quoted(name))
                }
                owners.pointer[place] = label
            }
            try places.append(place ?? -1)
        }
        stranger = owners.elements.firstIndex(of: -1).map { folders[$0] }
    }

    var count: Int { names?.count ?? folders.count }

    /// Valid until the next folder is read.
    func name(_ label: Int) -> UnsafePointer<CChar> {
        names?[label] ?? entries.name(folders[label])
    }

    /// nil for a class without a folder.
    func folderName(_ label: Int) -> UnsafePointer<CChar>? {
        guard names == nil || places[label] >= 0 else { return nil }
        return name(label)
    }

    private static func check(_ name: UnsafePointer<CChar>, _ label: Int) throws {
        guard strchr(name, Int32(UInt8(ascii: "/"))) == nil else {
            throw TeleportError.invalid(
                "class_names[\(label)] is \(quoted(name)); a class is one folder, without '/'")
        }
        guard name.pointee != CChar(UInt8(ascii: ".")) else {
            throw TeleportError.invalid(
                "class_names[\(label)] is \(quoted(name)); folders that begin with '.' are skipped")
        }
    }

    private static func search(
        _ name: UnsafePointer<CChar>, in folders: GrowingBuffer<FolderEntries.Entry>,
        _ entries: FolderEntries
    ) -> Int? {
        var (low, high) = (0, folders.count)
        while low < high {
            let middle = (low + high) / 2
            let order = strcmp(entries.name(folders[middle]), name)
            if order == 0 { return middle }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
    }
}

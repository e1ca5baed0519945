import Files
import Glibc
import Runtime

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

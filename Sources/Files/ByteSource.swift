import Glibc

/// Bytes of known size that can be read from any place.
public protocol ByteSource: AnyObject {
    var size: Int { get }

    /// Fills `buffer` with the `count` bytes from `offset` on; the caller stays within `size`.
    func read(into buffer: UnsafeMutableRawPointer, count: Int, at offset: Int) throws(FileFailure)
}

/// A file that is read as it is asked for.
public final class FileSource: ByteSource {
    private let file: SystemFile

    public init(path: UnsafePointer<CChar>) throws(FileFailure) {
        file = try SystemFile(path: path, suspicious: true)
    }

    public var size: Int { file.size }

    public func read(
        into buffer: UnsafeMutableRawPointer, count: Int, at offset: Int
    ) throws(FileFailure) {
        try file.read(into: buffer, count: count, at: offset)
    }
}

/// Memory of the caller, valid while this is in use.
public final class MemorySource: ByteSource {
    private let bytes: UnsafeRawBufferPointer

    public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    public var size: Int { bytes.count }

    public func read(
        into buffer: UnsafeMutableRawPointer, count: Int, at offset: Int
    ) throws(FileFailure) {
        guard count > 0, let base = bytes.baseAddress else { return }
        memcpy(buffer, base + offset, count)
    }
}

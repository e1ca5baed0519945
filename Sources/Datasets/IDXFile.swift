import CZlib
import Files
import Glibc
import Runtime

/// A file of unsigned bytes in MNIST's own format, plain or gzip: a magic number, the sizes of its
/// dimensions as big-endian 32-bit numbers, the bytes.
struct IDXFile {
    /// Sizes of the dimensions; unused ones are 1.
    let sizes: SIMD4<Int>
    let bytes: Buffer<UInt8>

    /// Reads a file that must have `dimensions` dimensions, at most three.
    static func read(path: UnsafePointer<CChar>, dimensions: Int) throws -> IDXFile {
        do throws(FileFailure) {
            return try parse(IDXStream(path: path), dimensions: dimensions)
        } catch {
            if error.status == .outOfMemory { throw TeleportError(error.status, error.reason) }
            throw TeleportError(error.status, "IDX file \(quoted(path)): \(error.reason)")
        }
    }

    private static func parse(
        _ stream: IDXStream, dimensions: Int
    ) throws(FileFailure) -> IDXFile {
        let magic = try stream.readNumber("magic number")
        // Two zero bytes, the type (8: unsigned byte), the number of dimensions.
        guard magic == 0x0800 | dimensions else {
            throw FileFailure(
                .format,
                "its magic number is \(hexadecimal(magic)), not \(hexadecimal(0x0800 | dimensions)) "
                    + "of \(dimensions == 1 ? "labels" : "images")")
        }
        var sizes = SIMD4<Int>(repeating: 1)
        var total = 1
        for i in 0..<dimensions {
            sizes[i] = try stream.readNumber("size of dimension \(i)")
            guard sizes[i] > 0 else { throw FileFailure(.format, "dimension \(i) is 0") }
            let (product, overflow) = total.multipliedReportingOverflow(by: sizes[i])
            guard !overflow else { throw FileFailure(.format, "its sizes are too large") }
            total = product
        }
        guard total <= stream.mostBytesLeft else {
            throw FileFailure(
                .format,
                "its header promises \(total) bytes, but only \(stream.mostBytesLeft) can follow")
        }
        let bytes: Buffer<UInt8>
        do { bytes = try Buffer(count: total) } catch { throw FileFailure(error) }
        let filled = try stream.read(into: bytes.pointer, count: total)
        guard filled == total else {
            throw FileFailure(.format, "it ends after \(filled) of \(total) bytes")
        }
        guard try stream.isAtEnd() else {
            throw FileFailure(
                .format, "it goes on after the \(total) bytes that its header promises")
        }
        return IDXFile(sizes: sizes, bytes: bytes)
    }

    private static func hexadecimal(_ number: Int) -> String {
        let digits = String(number, radix: 16, uppercase: true)
        return "0x" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }
}

/// The bytes of a file, unpacked when it is gzip.
private final class IDXStream {
    private static let capacity = 1 << 16

    /// Deflate codes at most 258 bytes in 2 bits.
    private static let mostInflation = 1032

    private let file: SystemFile
    private let input: Buffer<UInt8>
    /// zlib checks that its state stays at one address.
    private let packed: Buffer<z_stream>
    private var isPacked = false
    /// Within a gzip member; a file may have several, one after another.
    private var isInMember = false
    private var bytesRead = 0

    init(path: UnsafePointer<CChar>) throws(FileFailure) {
        file = try SystemFile(path: path, suspicious: true)
        do {
            input = try Buffer(count: Self.capacity)
            packed = try Buffer(repeating: z_stream(), count: 1)
        } catch { throw FileFailure(error) }
        try refill()
        stream.pointee.next_in = input.pointer
        guard stream.pointee.avail_in >= 2, input.pointer[0] == 0x1F, input.pointer[1] == 0x8B
        else { return }
        // 16: gzip only, 15: the largest window.
        switch shim_inflate_init(stream, 16 + 15) {
        case Z_OK: isPacked = true
        case Z_MEM_ERROR: throw FileFailure(systemError: ENOMEM)
        default: throw FileFailure(.error, "zlib cannot start")
        }
        isInMember = true
    }

    deinit {
        if isPacked { inflateEnd(stream) }
    }

    private var stream: UnsafeMutablePointer<z_stream> { packed.pointer }

    /// A bound on what can still come, before memory is taken for it.
    var mostBytesLeft: Int {
        guard isPacked else { return max(file.size - bytesRead, 0) }
        let (most, overflow) = file.size.multipliedReportingOverflow(by: Self.mostInflation)
        return overflow ? Int.max : most
    }

    func readNumber(_ what: String) throws(FileFailure) -> Int {
        var bytes: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
        let filled: Int
        do {
            filled = try withUnsafeMutableBytes(of: &bytes) { buffer in
                guard let start = buffer.bindMemory(to: UInt8.self).baseAddress else { return 0 }
                return try read(into: start, count: 4)
            }
        } catch let failure as FileFailure {
            throw failure
        } catch {
            throw FileFailure(error)
        }
        guard filled == 4 else { throw FileFailure(.format, "it ends within its \(what)") }
        return Int(bytes.0) << 24 | Int(bytes.1) << 16 | Int(bytes.2) << 8 | Int(bytes.3)
    }

    /// Gives the bytes read: fewer than `count` at the end.
    func read(into out: UnsafeMutablePointer<UInt8>, count: Int) throws(FileFailure) -> Int {
        var filled = 0
        while filled < count {
            let added = try readSome(into: out + filled, count: count - filled)
            if added == 0 { break }
            filled += added
        }
        bytesRead += filled
        return filled
    }

    func isAtEnd() throws(FileFailure) -> Bool {
        var byte: UInt8 = 0
        return try readSome(into: &byte, count: 1) == 0
    }

    private func readSome(
        into out: UnsafeMutablePointer<UInt8>, count: Int
    ) throws(FileFailure) -> Int {
        guard isPacked else {
            if stream.pointee.avail_in == 0 { try refill() }
            let taken = min(Int(stream.pointee.avail_in), count)
            if taken > 0, let next = stream.pointee.next_in {
                out.update(from: next, count: taken)
                stream.pointee.next_in = next + taken
                stream.pointee.avail_in -= UInt32(taken)
            }
            return taken
        }
        stream.pointee.next_out = out
        // avail_out has 32 bits.
        let wanted = min(count, 1 << 30)
        stream.pointee.avail_out = UInt32(wanted)
        while Int(stream.pointee.avail_out) == wanted {
            if stream.pointee.avail_in == 0 { try refill() }
            if stream.pointee.avail_in == 0 {
                guard !isInMember else {
                    throw FileFailure(.format, "its gzip data ends too early")
                }
                return 0
            }
            if !isInMember {
                inflateReset(stream)
                isInMember = true
            }
            switch inflate(stream, Z_NO_FLUSH) {
            case Z_OK, Z_BUF_ERROR: continue
            case Z_STREAM_END: isInMember = false
            case Z_MEM_ERROR: throw FileFailure(systemError: ENOMEM)
            default:
                let text = stream.pointee.msg.map { String(cString: $0) } ?? "bad data"
                throw FileFailure(.format, "its gzip data is broken: \(text)")
            }
        }
        return wanted - Int(stream.pointee.avail_out)
    }

    private func refill() throws(FileFailure) {
        let count = try file.read(into: input.pointer, capacity: Self.capacity)
        stream.pointee.next_in = input.pointer
        stream.pointee.avail_in = UInt32(count)
    }
}

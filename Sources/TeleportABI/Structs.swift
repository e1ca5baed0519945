import Glibc
import Runtime

// Structs of hosts that were compiled against another version of the header: each begins with its
// own size.

/// Larger than any struct of the header will be; a size beyond it is no size.
private let largestStructSize = 65_536

private func structSize(at pointer: UnsafeRawPointer, _ name: StaticString) throws -> Int {
    let size = pointer.load(as: Int.self)
    guard size >= MemoryLayout<Int>.size, size <= largestStructSize, size % 8 == 0 else {
        throw TeleportError.invalid(
            "\(name)->struct_size is \(UInt(bitPattern: size)); set it to sizeof, as the init function does"
        )
    }
    return size
}

/// A host's config: the defaults for NULL and for what a shorter struct lacks; a longer one must
/// end in zeros.
func readConfig<Config: BitwiseCopyable>(
    _ config: UnsafePointer<Config>?, defaults: Config, _ name: StaticString
) throws -> Config {
    guard let config else { return defaults }
    let size = try structSize(at: config, name)
    let known = MemoryLayout<Config>.size
    var result = defaults
    withUnsafeMutableBytes(of: &result) { bytes in
        guard let base = bytes.baseAddress else { return }
        memcpy(base, config, min(size, known))
    }
    for offset in stride(from: known, to: size, by: 1)
    where UnsafeRawPointer(config).load(fromByteOffset: offset, as: UInt8.self) != 0 {
        throw TeleportError.invalid(
            "\(name) is from a newer header and byte \(offset), which this library does not know, is not 0"
        )
    }
    return result
}

/// A config's number, or the standard one where 0 stands for it (header, "Defaults").
func given(_ value: some BinaryInteger, or standard: Int) -> Int {
    value == 0 ? standard : Int(truncatingIfNeeded: value)
}

func given<Number: Numeric>(_ value: Number, or standard: Number) -> Number {
    value == 0 ? standard : value
}

/// The same where 0 is a value, so that -1 stands for the default.
func givenUnlessMinusOne(_ value: Double) -> Double? {
    value == -1 ? nil : value
}

/// Fills a host's struct with `value` as far as it reaches, zeros after that, and its own size.
func initialize<Struct: BitwiseCopyable>(
    _ target: UnsafeMutablePointer<Struct>?, size: Int, with value: Struct, _ name: StaticString
) throws {
    let target = try target.required(name)
    guard size >= MemoryLayout<Int>.size, size <= largestStructSize, size % 8 == 0 else {
        throw TeleportError.invalid(
            "struct_size is \(UInt(bitPattern: size)); it must be sizeof the struct")
    }
    write(value, to: target, size: size)
    if size > MemoryLayout<Struct>.size {
        memset(
            UnsafeMutableRawPointer(target) + MemoryLayout<Struct>.size, 0,
            size - MemoryLayout<Struct>.size)
    }
}

/// Checks an output struct before the work begins; NULL is allowed where the result is optional.
func checkOutput<Struct: BitwiseCopyable>(
    _ target: UnsafeMutablePointer<Struct>?, _ name: StaticString
) throws {
    if let target { _ = try structSize(at: target, name) }
}

/// Writes a result into a host's output struct, no further than its struct_size.
func writeOutput<Struct: BitwiseCopyable>(
    _ value: Struct, to target: UnsafeMutablePointer<Struct>?, _ name: StaticString
) throws {
    guard let target else { return }
    write(value, to: target, size: try structSize(at: target, name))
}

/// A host's array of at most `most` values, copied; NULL with count 0 is nil.
func array<Element: BitwiseCopyable>(
    _ pointer: UnsafePointer<Element>?, _ count: Int, most: Int, _ name: StaticString
) throws -> Buffer<Element>? {
    guard count >= 0, count <= most else {
        throw TeleportError.invalid(
            "the count of \(name) is \(UInt(bitPattern: count)); the most is \(most)")
    }
    guard let pointer else {
        guard count == 0 else {
            throw TeleportError.invalid("\(name) is NULL, but its count is \(count)")
        }
        return nil
    }
    return try Buffer(copying: pointer, count: count)
}

private func write<Struct: BitwiseCopyable>(
    _ value: Struct, to target: UnsafeMutablePointer<Struct>, size: Int
) {
    withUnsafeBytes(of: value) { bytes in
        guard let base = bytes.baseAddress else { return }
        memcpy(target, base, min(size, bytes.count))
    }
    UnsafeMutableRawPointer(target).storeBytes(of: size, as: Int.self)
}

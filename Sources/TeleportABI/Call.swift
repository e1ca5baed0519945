import CShims
import CTeleport
import Runtime

// Every function of the ABI has one shape: convert, guard, call, status.

/// Runs the body of a call and turns what it throws into a status and this thread's message.
@inline(__always)
func call(_ body: () throws -> Void) -> tp_status {
    do {
        try body()
        return TP_OK
    } catch {
        return record(error)
    }
}

/// The same for calls that can end early (`Stop`).
func callStoppable(_ body: () throws -> Void) -> tp_status {
    do {
        try Stop.scope(body)
        return TP_OK
    } catch is Stopped {
        return TP_STOPPED
    } catch {
        return record(error)
    }
}

private func record(_ error: any Error) -> tp_status {
    guard let error = error as? TeleportError else {
        setMessage("an unexpected error")
        return TP_ERROR
    }
    setMessage(error.message)
    return tp_status(rawValue: error.status.rawValue)
}

/// Copies the message, cut at a character's boundary, into the thread's buffer of 1,024 bytes.
private func setMessage(_ message: String) {
    guard let text = shim_error_text() else { return }
    var length = 0
    for byte in message.utf8.prefix(1_023) {
        text[length] = CChar(bitPattern: byte)
        length += 1
    }
    if message.utf8.count > length {
        // Leave off a character that the cut went through: its continuation bytes, then its first
        // byte.
        while length > 0, UInt8(bitPattern: text[length - 1]) & 0xC0 == 0x80 { length -= 1 }
        if length > 0, text[length - 1] < 0 { length -= 1 }
    }
    text[length] = 0
}

extension Optional {
    /// The value, or an error that names the argument that is NULL.
    @inline(__always)
    func required(_ name: StaticString) throws -> Wrapped {
        guard let self else { throw TeleportError.invalid("\(name) is NULL") }
        return self
    }
}

extension OpaquePointer? {
    /// The object behind a handle.
    @inline(__always)
    func object<Object: AnyObject>(_ type: Object.Type, _ name: StaticString) throws -> Object {
        Unmanaged<Object>.fromOpaque(UnsafeRawPointer(try required(name))).takeUnretainedValue()
    }

    /// Gives up the reference that the handle holds; nothing for NULL.
    func release<Object: AnyObject>(_ type: Object.Type) {
        guard let self else { return }
        Unmanaged<Object>.fromOpaque(UnsafeRawPointer(self)).release()
    }
}

/// A handle that holds one reference.
func makeHandle(_ object: some AnyObject) -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// Creates an object into `out`, which is NULL where that fails.
func create(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ make: () throws -> some AnyObject
) throws {
    let out = try out.required("out")
    out.pointee = nil
    out.pointee = makeHandle(try make())
}

/// A buffer's capacity, a size_t, holds `needed` elements.
func requireCapacity(_ capacity: Int, _ needed: Int, _ name: StaticString) throws {
    guard UInt(bitPattern: capacity) >= UInt(bitPattern: needed) else {
        throw TeleportError(
            .bufferTooSmall,
            "\(name) has room for \(UInt(bitPattern: capacity)) elements; \(needed) are needed")
    }
}

/// A part that the host does not want: NULL with capacity 0.
func requireNoCapacity(_ capacity: Int, _ name: StaticString) throws {
    guard capacity == 0 else {
        throw TeleportError.invalid(
            "\(name) is NULL, but its capacity or count is \(UInt(bitPattern: capacity))")
    }
}

/// A result's buffer that may be left out.
func requireOptional(
    _ buffer: UnsafeMutableRawPointer?, _ capacity: Int, _ needed: @autoclosure () throws -> Int,
    _ name: StaticString
) throws {
    guard buffer != nil else { return try requireNoCapacity(capacity, name) }
    try requireCapacity(capacity, try needed(), name)
}

/// A count that must match.
func requireCount(_ count: Int, _ needed: Int, _ name: StaticString) throws {
    guard count == needed else {
        throw TeleportError(
            .shapeMismatch, "\(name) has \(UInt(bitPattern: count)) elements; \(needed) are needed")
    }
}

/// Elements of a result that are written before all of the input is read would be read as its.
func requireApart<Element: BitwiseCopyable>(
    _ input: UnsafePointer<Element>, _ inputName: StaticString,
    _ result: UnsafeMutablePointer<Element>, _ resultName: StaticString, count: Int
) throws {
    let (first, second) = (UInt(bitPattern: input), UInt(bitPattern: result))
    let distance = first < second ? second - first : first - second
    guard distance >= UInt(count * MemoryLayout<Element>.stride) else {
        throw TeleportError.invalid("\(resultName) overlaps \(inputName)")
    }
}

/// An enum value of a host, from an argument or a config's field.
func member<Member: RawRepresentable<Int32>>(
    _ value: Int32, _ type: Member.Type, _ name: StaticString
) throws -> Member {
    guard let member = Member(rawValue: value) else {
        throw TeleportError.invalid("\(name) is \(value), which is none of its values")
    }
    return member
}

/// A field or argument that is 0 or 1.
func flag(_ value: Int32, _ name: StaticString) throws -> Bool {
    guard value == 0 || value == 1 else {
        throw TeleportError.invalid("\(name) is \(value); it must be 0 or 1")
    }
    return value == 1
}

func requireZero(_ value: Int32) throws {
    guard value == 0 else {
        throw TeleportError.invalid("a reserved field is \(value); it must be 0")
    }
}

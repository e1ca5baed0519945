import CShims
import CTeleport
import LinearAlgebra
import Runtime

// Header section 1 and 2: version, status, process settings.

/// Text that lives as long as the process.
private func staticText(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@_cdecl("tp_version_number") @implementation
public func tp_version_number() -> Int32 {
    TP_VERSION_MAJOR * 10_000 + TP_VERSION_MINOR * 100 + TP_VERSION_PATCH
}

@_cdecl("tp_version_string") @implementation
public func tp_version_string() -> UnsafePointer<CChar>? {
    version
}

@_cdecl("tp_build_info") @implementation
public func tp_build_info() -> UnsafePointer<CChar>? {
    buildInfo
}

private let versionText = "\(TP_VERSION_MAJOR).\(TP_VERSION_MINOR).\(TP_VERSION_PATCH)"
private nonisolated(unsafe) let version = permanent(versionText)
private nonisolated(unsafe) let buildInfo = permanent(
    "libteleport \(versionText), \(BLAS.description)")

/// A copy that is never freed, made once.
private func permanent(_ text: String) -> UnsafePointer<CChar> {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { copy[index] = byte }
    return UnsafePointer(copy)
}

@_cdecl("tp_status_string") @implementation
public func tp_status_string(_ status: tp_status) -> UnsafePointer<CChar>? {
    switch status {
    case TP_OK: return staticText("done")
    case TP_STOPPED: return staticText("stopped")
    case TP_ERROR: return staticText("error")
    case TP_ERROR_INVALID_ARGUMENT: return staticText("invalid argument")
    case TP_ERROR_OUT_OF_MEMORY: return staticText("out of memory")
    case TP_ERROR_BUFFER_TOO_SMALL: return staticText("buffer too small")
    case TP_ERROR_SHAPE_MISMATCH: return staticText("shape mismatch")
    case TP_ERROR_BAD_STATE: return staticText("bad state")
    case TP_ERROR_UNSUPPORTED: return staticText("unsupported")
    case TP_ERROR_NOT_FINITE: return staticText("not finite")
    case TP_ERROR_LINEAR_ALGEBRA: return staticText("linear algebra failed")
    case TP_ERROR_NOT_FOUND: return staticText("not found")
    case TP_ERROR_IO: return staticText("input or output failed")
    case TP_ERROR_FORMAT: return staticText("bad format")
    case TP_ERROR_VERSION: return staticText("newer version")
    default: return staticText("unknown status")
    }
}

@_cdecl("tp_error_message") @implementation
public func tp_error_message() -> UnsafePointer<CChar>? {
    UnsafePointer(shim_error_text())
}

@_cdecl("tp_set_thread_count") @implementation
public func tp_set_thread_count(_ count: Int32) -> tp_status {
    call { try ThreadPool.shared.setThreadCount(Int(count)) }
}

@_cdecl("tp_thread_count") @implementation
public func tp_thread_count() -> Int32 {
    Int32(truncatingIfNeeded: ThreadPool.shared.threadCount)
}

@_cdecl("tp_set_stop") @implementation
public func tp_set_stop(
    _ stop_flag: UnsafePointer<Int32>?, _ callback: tp_stop_callback?,
    _ user_data: UnsafeMutableRawPointer?
) -> tp_status {
    call { Stop.set(flag: stop_flag, callback: callback, userData: user_data) }
}

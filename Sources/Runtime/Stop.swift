import CShims

/// What is thrown where a call ends early because it was asked to; whoever passes it on puts back
/// what he has changed.
public struct Stopped: Error {
    public init() {}
}

/// Whether the call of the host that is under way on this thread is asked to end.
///
/// One question for the whole library, asked between the pieces of long work: whatever ends a call,
/// a flag of the host's, a trainer's or a callback, is known to the thread that it runs on, and
/// need not be handed down to where the time goes. On pool workers, and in calls that cannot stop,
/// the answer is no.
public enum Stop {
    /// What is asked in every call of this thread from now on that can stop; each may be nil.
    public static func set(
        flag: UnsafePointer<Int32>?,
        callback: (@convention(c) (UnsafeMutableRawPointer?) -> Int32)?,
        userData: UnsafeMutableRawPointer?
    ) {
        let stop = shim_thread_stop()
        stop?.pointee.flag = flag
        stop?.pointee.callback = callback
        stop?.pointee.user_data = userData
        stop?.pointee.next_call = 0
    }

    /// Lets `body` be stopped. A call within a callback of another is asked for itself: the flags
    /// of the outer one are not its own.
    public static func scope<Result>(_ body: () throws -> Result) rethrows -> Result {
        try with(shim_stop_source(flag: nil, next: nil), body)
    }

    /// The same by one flag more.
    public static func watching<Result>(
        _ flag: UnsafePointer<Int32>?, _ body: () throws -> Result
    ) rethrows -> Result {
        try with(shim_stop_source(flag: flag, next: shim_thread_stop()?.pointee.sources), body)
    }

    private static func with<Result>(
        _ source: shim_stop_source, _ body: () throws -> Result
    ) rethrows -> Result {
        let stop = shim_thread_stop()
        let outer = stop?.pointee.sources
        return try withUnsafePointer(to: source) {
            stop?.pointee.sources = $0
            defer { stop?.pointee.sources = outer }
            return try body()
        }
    }

    public static var isRequested: Bool { shim_stop_is_requested() != 0 }

    /// Throws `Stopped` where the call is to end.
    /// - Complexity: some nanoseconds; now and then the host's callback.
    @inline(__always)
    public static func ask() throws {
        if isRequested { throw Stopped() }
    }
}

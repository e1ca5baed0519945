import CShims

/// Which objects are asking their host something on this thread, so that calls from within the host's answer can be
/// told from others.
///
/// The record is a list through the stacks of the calls at work, one a thread: objects that are only read may ask on
/// many threads at once.
public enum HostCallback {
    private struct Call {
        let asking: (ObjectIdentifier, ObjectIdentifier)
        let outer: UnsafeMutableRawPointer?
    }

    /// Carries out `body`, which calls the host on behalf of two objects that must stay as they are meanwhile.
    @inline(__always)
    public static func asking<Answer>(
        _ first: AnyObject, _ second: AnyObject, _ body: () -> Answer
    ) -> Answer {
        guard let innermost = shim_innermost_callback() else { return body() }
        let outer = innermost.pointee
        defer { innermost.pointee = outer }
        var call = Call(
            asking: (ObjectIdentifier(first), ObjectIdentifier(second)), outer: outer)
        return withUnsafeMutablePointer(to: &call) { call in
            innermost.pointee = UnsafeMutableRawPointer(call)
            return body()
        }
    }

    /// Whether this thread is inside an answer that `object` waits for.
    public static func isAsking(_ object: AnyObject) -> Bool {
        var next = shim_innermost_callback()?.pointee
        while let place = next {
            let call = place.load(as: Call.self)
            let identifier = ObjectIdentifier(object)
            if call.asking.0 == identifier || call.asking.1 == identifier { return true }
            next = call.outer
        }
        return false
    }
}

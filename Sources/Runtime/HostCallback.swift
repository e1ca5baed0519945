import CShims

/// Which objects are asking their host something on this thread, so that calls from within the
/// host's answer can be told from others.
///
/// The record is a list through the stacks of the calls at work, one a thread: objects that are
/// only read may ask on many threads at once.
public enum HostCallback {
    /// What the host answers.
    public enum Question: Sendable {
        /// The rate of a step.
        case rate
        /// Whether a run that it is told of goes on.
        case run
    }

    private struct Call {
        let question: Question
        let asking: (ObjectIdentifier, ObjectIdentifier)
        let outer: UnsafeMutableRawPointer?
    }

    /// Carries out `body`, which calls the host on behalf of two objects that must stay as they are
    /// meanwhile.
    @inline(__always)
    public static func asking<Answer>(
        _ question: Question, _ first: AnyObject, _ second: AnyObject, _ body: () throws -> Answer
    ) rethrows -> Answer {
        guard let innermost = shim_innermost_callback() else { return try body() }
        let outer = innermost.pointee
        defer { innermost.pointee = outer }
        var call = Call(
            question: question, asking: (ObjectIdentifier(first), ObjectIdentifier(second)),
            outer: outer)
        return try withUnsafeMutablePointer(to: &call) { call in
            innermost.pointee = UnsafeMutableRawPointer(call)
            return try body()
        }
    }

    /// Whether this thread is inside the answer to such a question that `object` waits for.
    public static func isAsking(_ question: Question, _ object: AnyObject) -> Bool {
        let identifier = ObjectIdentifier(object)
        var next = shim_innermost_callback()?.pointee
        while let place = next {
            let call = place.load(as: Call.self)
            if call.question == question,
                call.asking.0 == identifier || call.asking.1 == identifier
            {
                return true
            }
            next = call.outer
        }
        return false
    }
}

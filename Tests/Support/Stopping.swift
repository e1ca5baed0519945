import CShims
import Runtime

extension Stop {
    /// Carries out `body` so that it is asked to stop at its question number `question`, from 1.
    public static func atQuestion<Result>(
        _ question: Int, _ body: () throws -> Result
    ) rethrows -> Result {
        var left = question
        return try withUnsafeMutablePointer(to: &left) {
            set(
                flag: nil,
                callback: { left in
                    // At every question, not only now and then.
                    shim_thread_stop()?.pointee.next_call = 0
                    guard let left = left?.assumingMemoryBound(to: Int.self) else { return 0 }
                    left.pointee -= 1
                    return left.pointee <= 0 ? 1 : 0
                }, userData: $0)
            defer { set(flag: nil, callback: nil, userData: nil) }
            return try scope(body)
        }
    }
}

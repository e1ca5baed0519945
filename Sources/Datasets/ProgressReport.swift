import Runtime

/// Tells a host how far a long call is, at most some fifty times a second, and whether to go on.
struct ProgressReport {
    /// Gets what is done and the total so far, and answers whether to go on.
    typealias Callback = (Int64, Int64) -> Bool

    private static let interval = 0.02

    private let callback: Callback?
    private var last = 0.0

    init(_ callback: Callback?) {
        self.callback = callback
    }

    mutating func goesOn(done: Int, total: Int, isLast: Bool = false) -> Bool {
        guard let callback else { return true }
        let now = Clock.seconds()
        guard isLast || now - last >= Self.interval else { return true }
        last = now
        return callback(Int64(clamping: done), Int64(clamping: total))
    }
}

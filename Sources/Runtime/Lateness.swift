/// Leaves workers alone whose processor has other work: one that is not run in the middle of a part
/// holds up its job for milliseconds, more than it has gained in all jobs between.
struct Lateness {
    /// Longer than any worker takes that is running.
    private static let patience = 0.000_3
    private static let shortestPause = 0.005
    private static let longestPause = 0.64

    private var end = 0.0
    private var pause = 0.0

    /// At time `now` jobs are done without workers.
    func isAlone(_ now: Double) -> Bool { now < end }

    /// The caller has done its share of a job, by time `start` and in `worked` seconds, and has
    /// then waited for the others until now. Who is late again soon after a pause is left alone for
    /// longer.
    mutating func note(worked: Double, until start: Double) {
        let now = Clock.seconds()
        guard now - start > Self.patience + worked else { return }
        let isAgain = now < end + 4 * pause
        pause = isAgain ? min(2 * pause, Self.longestPause) : Self.shortestPause
        end = now + pause
    }
}

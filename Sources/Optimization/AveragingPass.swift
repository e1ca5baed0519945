import CShims

/// What averages of weights do after a step, for any part of the weights by itself.
struct AveragingPass: BitwiseCopyable {
    let weights: UnsafeMutablePointer<Float>
    let average: UnsafeMutablePointer<Float>
    let share: Float
    /// Of Schedule-Free; nil: the weights themselves are averaged.
    let fast: UnsafeMutablePointer<Float>?
    var lost: Float = 0
    var beta: Float = 0

    func run(_ range: Range<Int>) {
        let first = range.lowerBound
        if let fast {
            shim_schedule_free(
                weights + first, fast + first, average + first, range.count, lost, share, beta)
        } else {
            shim_average(average + first, weights + first, range.count, share)
        }
    }
}

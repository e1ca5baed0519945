import CShims
import Runtime

/// One pass of the adaptive optimizers over all weights (`shim_adaptive_step`), shared by threads
/// where it pays.
struct AdaptiveStep: BitwiseCopyable {
    /// Weights for which a second thread gains more than it takes to wake.
    static let smallestShare = 1 << 17

    /// Nil: the step goes into the gradient's place, which must be the caller's own, and there is
    /// no decay.
    private let weights: UnsafeMutablePointer<Float>?
    private let gradient: UnsafePointer<Float>
    /// Nil: the gradient itself takes the place of its average.
    private let moments: UnsafeMutablePointer<Float>?
    private let squares: UnsafeMutablePointer<Float>
    private let count: Int
    private let factors: shim_adaptive

    /// Nil where the rule keeps no squares.
    init?(_ step: OptimizerStep, _ factors: shim_adaptive) {
        guard let squares = step.squares else { return nil }
        (weights, gradient, moments) = (step.weights, step.gradient, step.gradients)
        (self.squares, count, self.factors) = (squares, step.count, factors)
    }

    /// Every weight's step depends on nothing but its own numbers, so the result does not depend on
    /// the parts.
    func run() {
        var job = (step: self, parts: Self.parts(count))
        ThreadPool.shared.run(parts: job.parts, context: &job) { context, part in
            typealias Job = (step: AdaptiveStep, parts: Int)
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            let count = job.pointee.step.count
            let vectors = (count + 15) / 16
            let first = vectors * part / job.pointee.parts * 16
            let end = vectors * (part + 1) / job.pointee.parts * 16
            job.pointee.step.run(first..<min(end, count))
        }
    }

    static func parts(_ count: Int) -> Int {
        min(max(count / smallestShare, 1), ThreadPool.shared.threadCount)
    }

    /// The part of it that is the given weights'.
    func run(_ range: Range<Int>) {
        let first = range.lowerBound
        let moments = moments.map { $0 + first }
        withUnsafePointer(to: factors) {
            if let weights {
                shim_adaptive_step(
                    weights + first, gradient + first, moments, squares + first, range.count, $0)
            } else {
                shim_adaptive_move(
                    UnsafeMutablePointer(mutating: gradient) + first, moments, squares + first,
                    range.count, $0)
            }
        }
    }
}

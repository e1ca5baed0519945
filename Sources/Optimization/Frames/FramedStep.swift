import CShims
import Layers
import Runtime

/// The step of one layer in its frame, a few rows at a time, so that what one pass writes the next
/// finds in the cache: the optimizer's step in the gradient's place, weights <- beta weights +
/// alpha step A^T, averages of weights.
struct FramedStep: BitwiseCopyable {
    /// A^T; nil: the layer has no frame, and what is stepped is `count` numbers from `offset` on.
    let map: RowMap?
    let offset: Int
    let rows: Int
    let width: Int
    /// The first of the biases, one a row.
    let biasOffset: Int?

    let target: UnsafeMutablePointer<Float>
    let source: UnsafeMutablePointer<Float>
    let adaptive: AdaptiveStep?
    let alpha: Float
    let beta: Float
    let averaging: AveragingPass?

    /// Numbers that are stepped at a time: four to six arrays of them are in the first-level cache.
    private static let piece = 2_048

    /// Multiply-adds for which a second thread gains more than it takes to wake.
    private static let smallestShare = 1 << 21

    /// Rows depend on nothing but their own numbers, so the result does not depend on the parts.
    func run() {
        // What an elementwise pass over a number takes, in multiply-adds.
        let pass = Self.smallestShare / AdaptiveStep.smallestShare
        let work = rows &* width &* max(map?.work ?? 1, pass)
        let parts = min(
            max(work / Self.smallestShare, 1), ThreadPool.shared.threadCount, max(rows / 16, 1))
        guard parts > 1 else { return run(0..<rows) }
        var job = (step: self, parts: parts)
        ThreadPool.shared.run(parts: parts, context: &job) { context, part in
            typealias Job = (step: FramedStep, parts: Int)
            guard let job = context?.assumingMemoryBound(to: Job.self) else { return }
            let (rows, parts) = (job.pointee.step.rows, job.pointee.parts)
            job.pointee.step.run(rows * part / parts..<rows * (part + 1) / parts)
        }
    }

    private func run(_ rows: Range<Int>) {
        let biases = biasOffset.map { $0 + rows.lowerBound..<$0 + rows.upperBound }
        if let biases { adaptive?.run(biases) }
        let height = max(Self.piece / max(width, 1), 1)
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: height) {
            let end = min(first + height, rows.upperBound)
            let range = offset + first * width..<offset + end * width
            adaptive?.run(range)
            step(range, first: first, rows: end - first)
            averaging?.run(range)
        }
        if let biases { averaging?.run(biases) }
    }

    @inline(__always)
    private func step(_ range: Range<Int>, first: Int, rows: Int) {
        let (from, to) = (source + range.lowerBound, target + range.lowerBound)
        guard let map else { return shim_step(to, from, range.count, alpha, beta) }
        let bias = biasOffset.map { $0 + first }
        map.add(
            from, last: bias.map { UnsafePointer(source + $0) }, rows: rows, alpha: alpha,
            beta: beta, to: to, lastTarget: bias.map { target + $0 })
    }
}

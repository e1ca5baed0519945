import CShims
import Networks

/// An optimizer's step by rows of the gradient, each taken by the thread that has summed it.
enum RowStep: BitwiseCopyable {
    case adaptive(AdaptiveStep)
    case momentum(MomentumStep)

    /// What the gradient is added to, and what that is multiplied by before.
    func target(
        _ gradient: UnsafeMutablePointer<Float>
    ) -> (place: UnsafeMutablePointer<Float>, beta: Float) {
        switch self {
        case .adaptive: return (gradient, 0)
        case .momentum(let step): return (step.moments, step.momentum)
        }
    }

    /// Of weights `first ..< first + count`, on any thread.
    func run(_ first: Int, _ count: Int) {
        switch self {
        case .adaptive(let step): step.run(first..<first + count)
        case .momentum(let step): step.run(first, count)
        }
    }
}

/// M <- mu M + G, which the product with the deltas has done: it is written once, and no gradient
/// is kept.  M <- M + decay W,  W <- W - rate M.
struct MomentumStep: BitwiseCopyable {
    let weights: UnsafeMutablePointer<Float>
    let moments: UnsafeMutablePointer<Float>
    let momentum: Float
    let rate: Float
    let decay: Float

    func run(_ first: Int, _ count: Int) {
        shim_momentum_step(weights + first, moments + first, count, rate, decay)
    }
}

extension Optimizer {
    /// One step with the gradient of the batch that has just gone through the workspace; false, and
    /// nothing done, where the rule or a layer has no such way. `scratch`: room for a gradient.
    func step(
        _ weights: Weights, _ batch: Batch, _ workspace: Workspace,
        scratch: UnsafeMutablePointer<Float>
    ) -> Bool {
        guard workspace.hasParameterRows,
            var step = beginRows(weights.parameters.pointer, scratch)
        else { return false }
        let (target, beta) = step.target(scratch)
        withUnsafePointer(to: &step) {
            workspace.accumulateGradient(
                weights, of: batch, into: target, alpha: 1, beta: beta, .training,
                then: GradientUpdate($0, parts: AdaptiveStep.parts(weights.parameters.count)) {
                    $0.assumingMemoryBound(to: RowStep.self).pointee.run($1, $2)
                })
        }
        return true
    }
}

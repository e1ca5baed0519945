import CShims
import Networks
import Runtime

/// Sees to it that no step leaves weights or averages that are not finite, at no cost where none
/// can.
///
/// A finite float stays finite when less than half a unit in the last place of the largest float,
/// 2^103, is added to it. A gradient within `trusted` moves no weight and no average so far, even
/// squared. After a larger one, what came of it is looked at, and put back.
struct StepTrust {
    private static let trusted = 0x1p50
    private static let largestRate = 0x1p30

    private let model: Model
    private let optimizer: Optimizer
    /// Made when a gradient is first too large.
    private var kept: (weights: Weights, optimizer: Optimizer)?
    /// An average of gradients is so large that a small gradient may follow it out of the finite
    /// numbers.
    private var isSuspect = false

    init(_ model: Model, _ optimizer: Optimizer) {
        self.model = model
        self.optimizer = optimizer
    }

    /// Makes a step with a gradient whose elements are at most `bound`. False, and all as before,
    /// where it leads out of the finite numbers.
    @inline(__always)
    mutating func keepsFinite(_ bound: Double, _ step: () -> Void) throws -> Bool {
        if bound <= Self.trusted, !isSuspect, hasModestRate {
            step()
            return true
        }
        try keep()
        step()
        return look()
    }

    /// Decay alone makes no weight larger.
    private var hasModestRate: Bool {
        let rate = abs(optimizer.learningRate)
        return rate <= Self.largestRate && rate * optimizer.weightDecay <= 1
            && largestRadius(half: true) <= Self.trusted
    }

    /// DoG's distances, which are its rates, and with the other half the sums they are divided by.
    private func largestRadius(half: Bool) -> Double {
        guard let radii = optimizer.state.radii else { return 0 }
        var largest = 0.0
        for index in 0..<(half ? radii.count / 2 : radii.count) {
            let radius = radii.pointer[index]
            largest = max(largest, radius.isNaN ? .infinity : radius)
        }
        return largest
    }

    private mutating func keep() throws {
        guard let kept else {
            kept = (try Weights(copying: model.weights), try optimizer.copy())
            return
        }
        kept.weights.copy(from: model.weights)
        kept.optimizer.restore(from: optimizer)
    }

    private mutating func look() -> Bool {
        let averages = largest(optimizer.state.firstMoments)
        let sizes = largest(model.parameters) + averages + largest(optimizer.state.secondMoments)
        guard sizes.isFinite, largestRadius(half: false).isFinite else {
            putBack()
            return false
        }
        isSuspect = averages > Self.trusted
        return true
    }

    private func largest(_ values: Buffer<Float>?) -> Double {
        values.map { Double(shim_largest_magnitude($0.pointer, $0.count)) } ?? 0
    }

    private func putBack() {
        guard let kept else { return }
        model.weights.copy(from: kept.weights)
        optimizer.restore(from: kept.optimizer)
    }
}

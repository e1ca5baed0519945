import Layers
import LinearAlgebra
import Networks
import Runtime

/// The frame of one layer's outputs: an invertible B after it, W_bar = B V A^T, with steps
/// W_bar <- W_bar - rate B B^T G_bar A A^T. B is made of L, the mean of G' G'^T for the gradients
/// G' = G_bar A that steps have seen, as A is of C; L's own scale has no part in it.
struct OutputFrame {
    let kind: FrameKind
    let coordinates: FrameCoordinates
    let node: Int
    let map: LinearMap
    /// Of its matrices among the numbers of all frames; L follows them.
    let offset: Int

    init(
        _ kind: FrameKind, _ coordinates: FrameCoordinates, node: Int, map: LinearMap, offset: Int
    ) {
        (self.kind, self.coordinates, self.node) = (kind, coordinates, node)
        (self.map, self.offset) = (map, offset)
    }

    private var size: Int { map.outputs }
    /// Folded steps are by B B^T alone.
    private var factors: [Factor] { coordinates == .folded ? [.gradient] : Factor.allCases }
    var matrixCount: Int { (coordinates == .folded ? 1 : Factor.allCases.count) * size * size }
    var statistics: Int { offset + matrixCount }
    /// Numbers with L. At most 256 outputs are far from too many.
    var count: Int { matrixCount + size * size }

    /// What the rows of a gradient or a step are multiplied by, from the left.
    enum Factor: Int, CaseIterable {
        /// Gradients, into the frame: B^T, or B B^T where that is folded
        case gradient = 0
        /// Steps, back to the weights: B
        case back
        /// Gradients, out of the frame: B^-T
        case inverse
        /// Differences of weights, into the frame: B^-1
        case difference
    }

    private func place(_ factor: Factor) -> Int { offset + factor.rawValue * size * size }

    /// target <- T (the layer's part of source), which are not the same.
    func apply(
        _ factor: Factor, _ numbers: UnsafePointer<Float>, _ source: UnsafePointer<Float>,
        into target: UnsafeMutablePointer<Float>
    ) {
        let t = numbers + place(factor)
        BLAS.multiply(
            t, stride: size, source + map.weightOffset, stride: map.inputs,
            into: target + map.weightOffset, stride: map.inputs, m: size, n: map.inputs, k: size)
        guard map.hasBias else { return }
        BLAS.multiply(
            t, stride: size, source + map.biasOffset, stride: 1, into: target + map.biasOffset,
            stride: 1, m: size, n: 1, k: size)
    }

    /// What deltas, a row a sample, are multiplied by from the right: B, or B B^T.
    func ofDeltas(_ numbers: UnsafePointer<Float>) -> UnsafePointer<Float> {
        numbers + place(coordinates == .folded ? .gradient : .back)
    }

    /// L with one more G_bar P G_bar^T, into `numbers`: an average that forgets a tenth at each.
    /// `gradient` and `other` are G_bar A both, or G_bar P and G_bar.
    func collect(
        _ gradient: UnsafePointer<Float>, _ other: UnsafePointer<Float>,
        _ old: UnsafePointer<Float>, into numbers: UnsafeMutablePointer<Float>
    ) {
        let target = numbers + statistics
        target.update(from: old + statistics, count: size * size)
        BLAS.multiply(
            gradient + map.weightOffset, stride: map.inputs, other + map.weightOffset, .yes,
            stride: map.inputs, into: target, stride: size, m: size, n: size, k: map.inputs,
            alpha: 0.1, beta: 0.9)
        guard map.hasBias else { return }
        BLAS.multiply(
            gradient + map.biasOffset, stride: 1, other + map.biasOffset, stride: size,
            into: target, stride: size, m: size, n: size, k: 1, alpha: 0.1, beta: 1)
    }

    /// The identity's numbers, and no gradient seen.
    func reset(_ numbers: UnsafeMutablePointer<Float>) throws {
        let identity = try Matrix(identity: size)
        for factor in factors { identity.copy(into: numbers + place(factor)) }
        (numbers + statistics).update(repeating: 0, count: size * size)
    }

    /// Writes the frame of the L in `numbers`; the condition of what was inverted, or nil where
    /// there is no frame yet or none that is fit.
    func write(
        _ options: FrameConfig, _ numbers: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>
    ) throws -> Double? {
        let l = try Matrix(numbers + statistics, rows: size, columns: size)
        guard l.isFinite, (0..<size).contains(where: { l[$0, $0] > 0 }),
            let matrices = try FrameMatrices.of(l, kind, coordinates, options), matrices.isFinite,
            matrices.condition <= FrameMatrices.mostCondition
        else { return nil }
        guard matrices.others.count == 3 else {
            matrices.forward.copy(into: target + place(.gradient))
            return matrices.condition
        }
        let (transposed, inverse) = (matrices.others[0], matrices.others[1])
        transposed.copy(into: target + place(.gradient))
        matrices.forward.copy(into: target + place(.back))
        matrices.others[2].copy(into: target + place(.inverse))
        inverse.copy(into: target + place(.difference))
        return matrices.condition
    }

    /// No number grows by more in B^T or in B.
    func growth(_ numbers: UnsafePointer<Float>) -> Double {
        var most = 1.0
        for factor in factors.prefix(2) {
            for row in 0..<size {
                let first = numbers + place(factor) + row * size
                most = max(most, (0..<size).reduce(0) { $0 + Double(abs(first[$1])) })
            }
        }
        return most
    }
}

// The frames of outputs among those of a trainer.
extension Frames {
    /// Steps from one whose gradient L is made of to the next, early and later: the products for it
    /// cost more than a step.
    private static let intervals = (8, 32)
    /// Squares of gradients within this are finite in sums.
    private static let largest = 0x1p50

    /// Before a step whose gradients are within `bound`: forgets what a step that was refused had
    /// begun.
    func begin(_ bound: Double) {
        (isCollecting, hasCollected) = (false, false)
        guard hasOutputs, bound * growth <= Self.largest else { return }
        let isEarly = age < options.earlySteps
        isCollecting = age % (isEarly ? Self.intervals.0 : Self.intervals.1) == 0
    }

    /// The step has been taken.
    func end() {
        age += 1
        guard hasCollected else { return }
        for frame in outputs {
            let first = frame.statistics
            (numbers.pointer + first).update(
                from: collected.pointer + first, count: frame.count - frame.matrixCount)
        }
        hasCollected = false
    }

    var hasOutputs: Bool { !outputs.isEmpty }
    static let roomRows = 64

    /// Where the step at hand is to put its gradient, by the weights' own coordinates: L is made of
    /// it. Nil: the gradient may come in the frames' coordinates at once, which is cheaper.
    var plainGradient: UnsafeMutablePointer<Float>? { isCollecting ? plain.pointer : nil }

    /// gradient G_bar <- B^T G_bar A; some are part of L.
    func enter(
        _ gradient: UnsafeMutablePointer<Float>, collecting source: UnsafePointer<Float>
    ) {
        enterInputs(gradient)
        if isCollecting {
            let other = coordinates == .folded ? source : UnsafePointer(gradient)
            for frame in outputs {
                frame.collect(gradient, other, numbers.pointer, into: collected.pointer)
            }
            hasCollected = true
        }
        multiply(.gradient, gradient)
    }

    /// The deltas of a batch <- deltas B, before its gradient is summed.
    func enterOutputs(_ workspace: Workspace, count: Int) {
        for frame in outputs {
            workspace.multiplyDeltas(
                of: frame.node, by: frame.ofDeltas(numbers.pointer), width: frame.map.outputs,
                count: count, room: room.pointer, rows: Self.roomRows)
        }
    }

    /// values <- T values, of layers with a frame of their outputs.
    func multiply(_ factor: OutputFrame.Factor, _ values: UnsafeMutablePointer<Float>) {
        guard !outputs.isEmpty else { return }
        scratch.pointer.update(from: values, count: scratch.count)
        for frame in outputs { frame.apply(factor, numbers.pointer, scratch.pointer, into: values) }
    }

    /// scratch <- B step for the whole step of a layer, whose rows B mixes; false where it has no
    /// such frame.
    func turn(
        _ layer: LayerFrame, _ gradient: UnsafeMutablePointer<Float>, by adaptive: AdaptiveStep?
    ) -> Bool {
        let map = layer.map
        for frame in outputs where frame.map.weightOffset == map.weightOffset {
            adaptive?.run(map.weightOffset..<map.weightOffset + map.parameterCount)
            frame.apply(.back, numbers.pointer, gradient, into: scratch.pointer)
            return true
        }
        return false
    }

    func refreshOutputs(moments: UnsafeMutablePointer<Float>?) throws -> Double {
        var condition = 1.0
        for frame in outputs {
            guard
                let found = try frame.write(options, numbers.pointer, to: collected.pointer)
            else { continue }
            condition = max(condition, found)
            if let moments {
                frame.apply(.inverse, numbers.pointer, moments, into: scratch.pointer)
                frame.apply(.gradient, collected.pointer, scratch.pointer, into: moments)
            }
            (numbers.pointer + frame.offset).update(
                from: collected.pointer + frame.offset, count: frame.matrixCount)
        }
        return condition
    }
}

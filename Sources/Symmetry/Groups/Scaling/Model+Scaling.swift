import Networks
import Runtime

extension Model {
    /// Multiplies the units of one hidden layer by given factors (`tp_model_apply_scaling`). On
    /// failure nothing moves.
    public func applyScaling(
        hiddenLayer layer: Int, factors: UnsafePointer<Float>, count: Int
    ) throws {
        try Scaling.requireHomogeneous(graph)
        let element = try Scaling(graph)
        let classes = element.classes
        let units = classes.channels(of: try classes.made(byLayer: layer, of: graph))
        guard count == units.count else {
            throw TeleportError(
                .shapeMismatch,
                "\(UInt(bitPattern: count)) factors given for the \(units.count) units of layer \(layer)"
            )
        }
        for i in 0..<count {
            guard factors[i] > 0, factors[i].isFinite else {
                throw TeleportError.wrong("factor \(i)", factors[i], "positive and finite")
            }
            element.factors.pointer[units.lowerBound + i] = Double(factors[i])
        }
        let before = try Weights(copying: weights)
        guard element.apply(to: self) else {
            weights.copy(from: before)
            throw TeleportError(.notFinite, "scaling layer \(layer) makes a weight overflow")
        }
    }
}

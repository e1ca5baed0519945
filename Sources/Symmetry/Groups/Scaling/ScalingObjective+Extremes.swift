import Glibc
import Runtime

extension ScalingObjective {
    /// Ascends phi from s = 0 in the box |s| <= radius: `steps` steps of steepest ascent in the
    /// largest-coordinate norm, 2 radius / steps each, so that every unit can cross the box. phi is
    /// convex, so the ascent ends in a corner: a unit that is still inside moves to the better end,
    /// which never lowers phi. `layer` nil: all.
    ///
    /// Going layer by layer to each layer's best end finds corners of several times the phi, from
    /// which training was slower when this was chosen: MNIST, 784-64-64-10, SGD at 0.001, training
    /// loss after 5 epochs 0.25 to 0.30 over three seeds, against 0.14 to 0.15. What counts is the
    /// direction in which phi grows from where the weights are.
    public func maximize(
        _ s: UnsafeMutablePointer<Double>, radius: Double, layer: Int?, steps: Int
    ) throws -> Int {
        s.update(repeating: 0, count: classes.channelCount)
        let length = 2 * radius / Double(steps)
        for step in 1...max(steps, 1) {
            try Stop.ask()
            var moved = false
            forEachChannel(s, layer: layer) { i in
                let slope = from.pointer[i] * exp(2 * s[i]) - into.pointer[i] * exp(-2 * s[i])
                let value = max(
                    -radius, min(radius, s[i] + (slope > 0 ? length : slope < 0 ? -length : 0)))
                next.pointer[i] = value
                moved = moved || value != s[i]
            }
            guard moved else { return step }
            for index in 0..<classes.count where layer == nil || layer == index {
                for i in classes.channels(of: index) { s[i] = next.pointer[i] }
            }
        }
        forEachChannel(s, layer: layer) { i in
            guard abs(s[i]) < radius else { return }
            s[i] =
                from.pointer[i] > into.pointer[i]
                ? radius : from.pointer[i] < into.pointer[i] ? -radius : s[i]
        }
        return steps
    }

    /// Descends to the minimum in the box, unique where every unit has a gradient, one layer after
    /// the other to its best element given the others.
    public func minimize(
        _ s: UnsafeMutablePointer<Double>, radius: Double, layer: Int?, steps: Int
    ) throws -> Int {
        s.update(repeating: 0, count: classes.channelCount)
        for step in 1...max(steps, 1) {
            try Stop.ask()
            var change = 0.0
            forEachChannel(s, layer: layer) { i in
                guard into.pointer[i] > 0 || from.pointer[i] > 0 else { return }
                let balance = 0.25 * (log(into.pointer[i]) - log(from.pointer[i]))
                let value = max(-radius, min(radius, balance))
                change = max(change, abs(value - s[i]))
                s[i] = value
            }
            if change < 1e-12 { return step }
        }
        return steps
    }
}

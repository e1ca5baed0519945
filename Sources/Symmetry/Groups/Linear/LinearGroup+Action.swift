import Layers
import LinearAlgebra
import Networks
import Runtime

extension LinearGroup {
    /// Moves the layers one after the other by g_m, the Cayley transform of length T_m, which is
    /// exp(length T_m) to second order and much cheaper. Each layer sees the activations that the
    /// ones below left. False when a layer's g f(z) leaves the activation's range; the weights are
    /// then anything. `elements` gets the g_m.
    func move(
        _ model: Model, along t: Algebra, by length: Double, fit: inout LinearAction.Fit,
        elements: inout [Int: Matrix]
    ) throws -> Bool {
        try act(on: model, fit: &fit) { m, z in
            guard let direction = t[m] else { return nil }
            let element = try element(direction, length, z, layer: m) {
                LinearElement(g: try $0.cayleyTransform())
            }
            elements[m] = element.g
            return element
        }
    }

    /// The element of length T by a map from the algebra to the group; to the bit the identity on
    /// units that are saturated.
    func element(
        _ direction: Matrix, _ length: Double, _ z: Matrix, layer m: Int,
        _ map: (Matrix) throws -> LinearElement
    ) throws -> LinearElement {
        let units = activeUnits(z, layer: m)
        let scaled = try direction.copy()
        scaled.scale(by: length)
        leaveOut(units, of: scaled)
        let element = try map(scaled)
        for matrix in [element.g, element.inverse].compactMap({ $0 }) {
            leaveOut(units, of: matrix)
            for i in 0..<units.count where units[i] == 0 { matrix[i, i] = 1 }
        }
        return element
    }

    /// Acts with the elements that `element(m, z)` gives, nil for none.
    func act(
        on model: Model, fit: inout LinearAction.Fit,
        _ element: (_ m: Int, _ z: Matrix) throws -> LinearElement?
    ) throws -> Bool {
        try forEachLayer(of: model) { layer in
            guard layers.contains(layer.index), let element = try element(layer.index, layer.z)
            else { return .left }
            guard graph.layers.pointer[layer.index].activation.kind != .identity else {
                try LinearAction.applyExactly(
                    element, toLayer: layer.index, of: model)
                return .rewritten
            }
            let isMoved = try LinearAction.apply(
                element, toLayer: layer.index, of: model, z: layer.z,
                pseudoInverse: try layer.inverse(), fit: &fit)
            return isMoved ? .moved : .failed
        }
    }

    /// Refuses an element that moves a saturated unit.
    func requireUnsaturated(_ g: Matrix, _ z: Matrix, layer: Int) throws {
        for (unit, isActive) in activeUnits(z, layer: layer).enumerated() where isActive == 0 {
            for other in 0..<g.rows where other != unit {
                guard g[unit, other] == 0, g[other, unit] == 0 else {
                    throw TeleportError(
                        .unsupported,
                        "unit \(unit) of layer \(layer + row.shift) is saturated on this batch, so g must leave it alone"
                    )
                }
            }
            guard g[unit, unit] == 1 else {
                throw TeleportError(
                    .unsupported,
                    "unit \(unit) of layer \(layer + row.shift) is saturated on this batch, so g must leave it alone"
                )
            }
        }
    }
}

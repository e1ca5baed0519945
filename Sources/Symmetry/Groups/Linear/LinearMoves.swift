import LinearAlgebra
import Networks

/// The general linear group. Length: the joint Frobenius norm of the T_m.
final class LinearMoves: DirectedGroup {
    private let group: LinearGroup
    /// Of all elements so far, in floats: only their condition is asked for.
    private var products: [Int: Matrix] = [:]
    private var fit = LinearAction.Fit()
    private var lastFit = LinearAction.Fit()
    private var lastElements: [Int: Matrix] = [:]

    init(_ group: LinearGroup) {
        self.group = group
    }

    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> LinearGroup.Algebra?
    {
        let t = try group.derivative(at: model, covector)
        let norm = LinearGroup.norm(t)
        guard norm > 0, norm.isFinite else { return nil }
        for matrix in t.values { matrix.scale(by: 1 / norm) }
        return t
    }

    func move(_ model: Model, along t: LinearGroup.Algebra, by length: Double) throws -> Bool {
        lastFit = LinearAction.Fit()
        lastElements = [:]
        return try group.move(
            model, along: t, by: length, fit: &lastFit, elements: &lastElements)
    }

    func accept(_ t: LinearGroup.Algebra, _ length: Double) throws {
        fit.include(lastFit)
        for (m, g) in lastElements {
            products[m] =
                try products[m].map { try LinearGroup.floatProduct(g, $0) } ?? g
        }
    }

    func describe(_ report: inout TeleportReport) throws {
        report.condition = try products.values.map { try SVD.condition($0) }.max() ?? 1
        report.include(fit)
    }
}

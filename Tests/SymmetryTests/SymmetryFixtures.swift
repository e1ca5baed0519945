import LinearAlgebra
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Symmetry

/// What a call failed with.
func failure(_ body: () throws -> Void) -> TeleportError? {
    do { try body() } catch { return error as? TeleportError }
    return nil
}

extension TeleportConfig {
    /// Without a held-out share and with few, small steps: for tests of one thing at a time.
    static func plain(_ group: Group, _ search: Search, radius: Double? = nil) -> TeleportConfig {
        var options = TeleportConfig()
        options.group = group
        options.search = search
        options.radius = radius
        options.heldOutTolerance = -1
        options.learningRate = 0.01
        options.candidates = 8
        return options
    }
}

/// |grad L|^2, measured.
func gradientNorm2(_ model: Model, _ samples: Samples, _ loss: Loss) throws -> Double {
    let gradient = try model.gradient(samples, loss)
    return squaredNorm(gradient, count: gradient.count)
}

/// |grad L|^2 of the reference network by finite differences in double.
func referenceGradientNorm2(_ network: ReferenceNetwork, _ samples: Samples, _ loss: Loss) -> Double
{
    network.gradient(samples, loss).reduce(0) { $0 + $1 * $1 }
}

/// The largest change of an output over the range of the outputs.
func outputChange(_ before: [Float], _ after: [Float]) -> Double {
    let range = Double((before.max() ?? 0) - (before.min() ?? 0))
    return zip(before, after).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } / range
}

extension LinearGroup {
    /// A move whose elements nobody asks for.
    func move(
        _ model: Model, along t: Algebra, by length: Double, fit: inout LinearAction.Fit
    ) throws -> Bool {
        var elements: [Int: Matrix] = [:]
        return try move(model, along: t, by: length, fit: &fit, elements: &elements)
    }
}

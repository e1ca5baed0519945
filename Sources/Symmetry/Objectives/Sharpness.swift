import Layers
import Networks
import Runtime

/// The mean loss over isotropic random perturbations of given norms (arXiv 2305.13404, section 5),
/// the same ones at every call. Its derivative is the mean gradient at the perturbed weights.
final class Sharpness: ObjectiveFunction {
    private let batch: Batch
    private let loss: Loss
    private let norms: Buffer<Double>
    private let count: Int
    private let seed: UInt64
    private let workspace: Workspace
    private let perturbed: Model
    private let gradient: Buffer<Float>
    private let perturbation: Buffer<Double>

    /// `count` perturbations of each norm.
    init(
        _ model: Model, _ batch: Batch, _ loss: Loss, norms: Buffer<Double>, count: Int,
        seed: UInt64
    ) throws {
        self.batch = batch
        self.loss = loss
        self.norms = norms
        self.count = count
        self.seed = seed
        workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        perturbed = try Model(copying: model)
        gradient = try Buffer(count: model.graph.parameterCount)
        perturbation = try Buffer(count: model.graph.parameterCount)
    }

    func value(_ model: Model) throws -> Double {
        var sum = 0.0
        try forEachPerturbation(of: model) {
            sum += try perturbed.loss(batch, loss, workspace: workspace)
        }
        return sum / Double(norms.count * count)
    }

    func derivative(_ model: Model, into covector: UnsafeMutablePointer<Float>) throws -> Double {
        var sum = 0.0
        let share = 1 / Float(norms.count * count)
        covector.update(repeating: 0, count: gradient.count)
        try forEachPerturbation(of: model) {
            sum += try perturbed.gradient(
                batch, loss, into: gradient.pointer, workspace: workspace)
            addScaled(gradient.pointer, by: share, to: covector, count: gradient.count)
        }
        return sum / Double(norms.count * count)
    }

    private func forEachPerturbation(of model: Model, _ body: () throws -> Void) throws {
        var generator = RandomGenerator(seed: seed, stream: RandomStream.perturbations)
        for norm in norms.elements {
            for _ in 0..<count {
                try Stop.ask()
                var sum = 0.0
                for i in 0..<perturbation.count {
                    let value = generator.nextNormal()
                    perturbation.pointer[i] = value
                    sum += value * value
                }
                let factor = norm / sum.squareRoot()
                for i in 0..<perturbation.count {
                    perturbed.parameters.pointer[i] = Float(
                        Double(model.parameters.pointer[i]) + factor * perturbation.pointer[i])
                }
                try body()
            }
        }
    }
}

import Networks
import Runtime

/// Draws elements of a group at random.
protocol ElementSampler {
    /// Draws one and moves `trial` by it; nil where that cannot be done.
    func draw(_ trial: Model, _ generator: inout RandomGenerator) throws -> DrawnElement?

    /// The candidates whose objective is better than `value`, the best first, where that is known
    /// without moving a model; otherwise nil.
    func ranking(
        beyond value: Double, _ generator: RandomGenerator, _ report: inout TeleportReport
    ) throws -> GrowingBuffer<RankedDraw>?
}

extension ElementSampler {
    func ranking(
        beyond value: Double, _ generator: RandomGenerator, _ report: inout TeleportReport
    ) throws -> GrowingBuffer<RankedDraw>? { nil }
}

/// An element that has been drawn and applied to the trial model.
struct DrawnElement {
    /// Nil: the way to the trial model's weights, once they are kept.
    private(set) var move: (any Move)?
    let radius: Double
    /// Where a single one has moved.
    let layer: Int?
    /// Adds what the element is and could not do.
    let describe: (inout TeleportReport) throws -> Void

    init(
        move: (any Move)? = nil, radius: Double, layer: Int?,
        describe: @escaping (inout TeleportReport) throws -> Void
    ) {
        self.move = move
        self.radius = radius
        self.layer = layer
        self.describe = describe
    }

    mutating func keep(_ trial: Model) throws {
        if move == nil { move = try MovedWeights(trial) }
    }
}

/// A candidate that is better than staying, with the generator that draws it.
struct RankedDraw: BitwiseCopyable {
    let gain: Double
    let turn: Int
    let generator: RandomGenerator
}

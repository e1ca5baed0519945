import Networks

/// A family of moves that knows, wherever the weights are, the direction in which an objective
/// changes most.
protocol DirectedGroup: AnyObject {
    associatedtype Direction

    /// The direction of length 1 at the model's weights for an objective with derivative
    /// `covector`; nil where nothing can move.
    func direction(at model: Model, _ covector: UnsafePointer<Float>) throws -> Direction?

    /// Moves the model along it; false when that cannot be done, and the weights are then anything.
    func move(_ model: Model, along direction: Direction, by length: Double) throws -> Bool

    /// Counts a move as made.
    func accept(_ direction: Direction, _ length: Double) throws

    /// Adds what the accepted moves came to.
    func describe(_ report: inout TeleportReport) throws

    /// What one move led to.
    func found(_ model: Model, along direction: Direction, by length: Double) throws -> any Move

    /// What the accepted moves led to.
    func found(_ model: Model) throws -> any Move

    /// There was no direction, although the objective has a derivative.
    var hasNoRoom: Bool { get }
}

extension DirectedGroup {
    func found(_ model: Model, along direction: Direction, by length: Double) throws -> any Move {
        try MovedWeights(model)
    }

    func found(_ model: Model) throws -> any Move { try MovedWeights(model) }

    var hasNoRoom: Bool { false }

    func accept(_ direction: Direction, _ length: Double) throws {}
    func describe(_ report: inout TeleportReport) throws {}
}

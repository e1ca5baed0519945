import Networks
import Optimization
import Runtime

/// A family of moves that keep the loss: all that is its own, and nothing of how it is searched.
///
/// It says what it asks of a model and of a config, and gives what the searches work with:
/// directions, random elements, curves. One whose moves change nothing but what a trainer remembers
/// asks for an optimizer in `require`, and finds its move by itself in `findMove`.
protocol SymmetryGroup {
    /// As it stands in a sentence after "a".
    var name: String { get }
    /// The move keeps the loss on the samples it was made from, and elsewhere only as far as they
    /// speak for others.
    var dependsOnData: Bool { get }
    /// Where a config names none.
    var radius: Double { get }
    func steps(for objective: Objective) -> Int

    // What it can do; nothing of it by default.

    /// A layer can move alone.
    var movesLayers: Bool { get }
    /// It has elements that can be drawn at random.
    var hasElements: Bool { get }
    /// Among them are some that move no output by one bit.
    var hasExactElements: Bool { get }
    /// It knows what becomes of an optimizer's averages.
    var transformsState: Bool { get }

    /// Throws the sentence that says why it has no meaning for a model, or for one without a
    /// trainer: `optimizer` nil.
    func require(_ graph: Graph, _ optimizer: Optimizer?) throws
    /// Parts of a model that move apart from each other; a perceptron's are its hidden layers.
    func layerCount(_ graph: Graph) throws -> Int
    /// Throws the sentence that says why a hidden layer that a config names cannot move.
    func requireMovable(_ layer: Int, _ graph: Graph) throws
    /// Those that move where a config names none.
    func movableLayers(_ graph: Graph, samples: Int) throws -> [Int]

    // What the searches work with.

    func moves(_ task: SearchTask, layers: [Int]) throws -> any DirectedGroup
    func sampler(_ task: SearchTask, layers: [Int]) throws -> any ElementSampler
    func curves(_ graph: Graph, _ batch: Batch, layers: [Int]) throws -> any CurveFamily

    /// What to do, or nil to stay. Leaves the model as it is. `check` has measured it.
    func findMove(_ task: SearchTask, _ check: Guard, _ report: inout TeleportReport) throws
        -> (any Move)?
    /// The same for a given objective, which is `value` where the model is.
    func improve(
        _ objective: any ObjectiveFunction, from value: Double, _ task: SearchTask,
        _ check: Guard, _ report: inout TeleportReport
    ) throws -> (any Move)?
}

extension SymmetryGroup {
    func steps(for objective: Objective) -> Int { 10 }

    var movesLayers: Bool { false }
    var hasElements: Bool { false }
    var hasExactElements: Bool { false }
    var transformsState: Bool { false }

    func layerCount(_ graph: Graph) throws -> Int { graph.hiddenLayerCount }
    func requireMovable(_ layer: Int, _ graph: Graph) throws {}
    func movableLayers(_ graph: Graph, samples: Int) throws -> [Int] {
        Array(0..<(try layerCount(graph)))
    }

    /// Layers that may move; all movable ones where each candidate takes another one.
    func movedLayers(_ layers: TeleportConfig.Layers, _ graph: Graph, samples: Int) throws
        -> [Int]
    {
        if case .one(let layer) = layers { return [layer] }
        return try movableLayers(graph, samples: samples)
    }

    func sampler(_ task: SearchTask, layers: [Int]) throws -> any ElementSampler {
        throw noElements
    }

    func curves(_ graph: Graph, _ batch: Batch, layers: [Int]) throws -> any CurveFamily {
        throw noElements
    }

    var noElements: TeleportError {
        TeleportError(
            .unsupported,
            "the random search draws group elements, and a \(name) has none to draw")
    }

    func requireHiddenLayer(_ graph: Graph) throws {
        guard graph.hiddenLayerCount > 0 else {
            throw TeleportError(
                .unsupported, "the model has no hidden layer, and every group acts on hidden layers"
            )
        }
    }
}

extension Graph {
    /// What goes through the inputs of layers from one to the next needs them in a row.
    func requireRow(_ group: String) throws {
        guard let reason = otherThanRow else { return }
        throw TeleportError(
            .unsupported, "\(group) needs dense layers in a row; \(reason)")
    }
}

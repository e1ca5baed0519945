import Networks
import Runtime

/// Draws the logarithms of the factors uniformly from the box of the radius.
struct ScalingSampler: ElementSampler {
    private let task: SearchTask
    private let layers: [Int]
    private let classes: ChannelClasses
    private let s: Buffer<Double>

    init(_ task: SearchTask, layers: [Int]) throws {
        self.task = task
        self.layers = layers
        classes = try ChannelClasses(task.model.graph)
        s = try Buffer(count: classes.channelCount)
    }

    func draw(_ trial: Model, _ generator: inout RandomGenerator) throws -> DrawnElement? {
        let element = try Scaling(classes)
        let layers = draw(into: element, &generator)
        guard !element.isIdentity, element.apply(to: trial) else { return nil }
        return DrawnElement(
            move: element, radius: element.radius, layer: layers.count == 1 ? layers[0] : nil
        ) { $0.condition = element.condition }
    }

    /// The factors of a candidate that moves no model, and the layers that it moves.
    func draw(into element: Scaling, _ generator: inout RandomGenerator) -> [Int] {
        let layers = task.drawLayers(from: layers, &generator)
        s.pointer.update(repeating: 0, count: s.count)
        for m in layers {
            for i in classes.channels(of: m) {
                s.pointer[i] = generator.nextDouble(from: -task.radius, to: task.radius)
            }
        }
        element.setLogFactors(s.pointer, exact: task.options.exact)
        return layers
    }
}

import CShims
import Layers
import LinearAlgebra
import Networks
import Runtime

/// The frames that a model is trained in: an invertible A before each layer, which is not trained.
/// With W_bar = [W b] = V A^T the step is V's, W_bar <- W_bar - rate G_bar A A^T: neither weights
/// nor outputs change when A does. Natural neural networks (arXiv 1507.00210) and FOOF (arXiv
/// 2201.12250) are frames of this kind.
public final class Frames {
    public let options: FrameConfig
    public let coordinates: FrameCoordinates
    public let graph: Graph
    /// Of all frames, one after the other: what a checkpoint keeps.
    public let numbers: Buffer<Float>
    /// Steps since they were set.
    public var age = 0
    /// The age of the last refresh, so that a run taken up again does not repeat it.
    public var refreshedAge = -1
    /// Halved when training went wrong.
    public var scale = 1.0

    /// No number of a gradient or a step grows by more on its way through the frames.
    private(set) var growth = 1.0

    /// Frames of outputs, and where the step at hand puts what it adds to their statistics.
    let outputs: [OutputFrame]
    let collected: Buffer<Float>
    /// A gradient in the weights' own coordinates, and some rows of deltas.
    let plain: Buffer<Float>
    let room: Buffer<Float>
    var isCollecting = false
    var hasCollected = false

    /// The first refreshes come sooner.
    private let refreshesEarly: Bool
    let layers: [LayerFrame]
    /// Numbers of these; those of the frames of outputs follow.
    private let inputCount: Int
    /// What became of every layer with weights in the last refresh.
    public internal(set) var reports: [FrameReport]
    /// Parameters without a frame, those of a layer each.
    private let unframed: [Range<Int>]
    private var refreshRoom: FrameRefreshRoom?
    private let spare: Buffer<Float>
    let scratch: Buffer<Float>

    /// The identity, until the first refresh.
    ///
    /// DoG does without early refreshes: its first steps are small, and a radius is the largest
    /// distance by any of the frames, which each change of them makes larger.
    public init(
        _ graph: Graph, _ options: FrameConfig, _ coordinates: FrameCoordinates,
        refreshesEarly: Bool = true
    ) throws {
        try options.validate()
        if options.kind == .rotate, coordinates != .root {
            throw TeleportError(
                .unsupported,
                "a rotated frame changes no step of an optimizer without second moments; ADAGRAD, RMSPROP, ADAM and ADAMW have them"
            )
        }
        var layers: [LayerFrame] = []
        var reports: [FrameReport] = []
        var count = 0
        for node in 0..<graph.nodes.count {
            let place = graph.parameterOffset(node)
            guard let map = graph.nodes[node].facts.linearMap?.placed(at: place) else { continue }
            var report = FrameReport()
            report.size = map.inputs + (map.hasBias ? 1 : 0)
            report.reason = LayerFrame.refusal(graph, node: node, map: map, options)
            report.isFramed = report.reason == nil
            reports.append(report)
            guard report.isFramed else { continue }
            let layer = try LayerFrame(
                graph, node: node, index: reports.count - 1, map: map, options, coordinates,
                offset: count)
            layers.append(layer)
            count += layer.count
        }
        guard !layers.isEmpty else {
            throw TeleportError(
                .unsupported,
                "no layer can have such a frame: inputs are centred by a bias, and a rotated layer inside reads at most \(FrameConfig.widest) values"
            )
        }
        inputCount = count
        var outputs: [OutputFrame] = []
        for layer in layers where options.outputs && layer.map.outputs <= FrameConfig.widest {
            outputs.append(
                OutputFrame(
                    options.kind, coordinates, node: layer.node, map: layer.map, offset: count))
            count += outputs[outputs.count - 1].count
        }
        self.outputs = outputs
        collected = try Buffer(count: outputs.isEmpty ? 0 : count)
        plain = try Buffer(count: outputs.isEmpty ? 0 : graph.parameterCount)
        room = try Buffer(count: outputs.isEmpty ? 0 : Self.roomRows * FrameConfig.widest)
        self.graph = graph
        self.options = options
        self.coordinates = coordinates
        self.refreshesEarly = refreshesEarly
        self.layers = layers
        self.reports = reports
        unframed = (0..<graph.nodes.count).compactMap { node in
            let (first, count) = (
                graph.parameterOffset(node), graph.nodes[node].facts.parameterCount
            )
            let isFramed = layers.contains { $0.node == node }
            return isFramed || count == 0 ? nil : first..<first + count
        }
        numbers = try Buffer(count: count)
        spare = try Buffer(count: count)
        scratch = try Buffer(count: graph.parameterCount)
        for layer in layers { try layer.reset(numbers.pointer) }
        for frame in outputs { try frame.reset(numbers.pointer) }
    }

    /// Some layer can have such a frame.
    public static func arePossible(_ graph: Graph, _ options: FrameConfig) -> Bool {
        (0..<graph.nodes.count).contains { node in
            graph.nodes[node].facts.linearMap.map {
                LayerFrame.refusal(graph, node: node, map: $0, options) == nil
            } ?? false
        }
    }

    /// Layers with weights that stay without a frame.
    public var refusedCount: Int { graph.layerCount - layers.count }

    /// For the workspace of a training step.
    public var maps: [RowMap?] {
        var maps = [RowMap?](repeating: nil, count: graph.nodes.count)
        for layer in layers { maps[layer.node] = layer.forward(numbers.pointer) }
        return maps
    }

    /// What the rate is multiplied by in the next step.
    public var rateFactor: Double {
        let warmup = options.warmupSteps
        return age < warmup ? scale * Double(age + 1) / Double(warmup) : scale
    }

    /// A refresh comes before the next step.
    public var isDue: Bool { stepsToRefresh == 0 }

    /// Steps from here to the next refresh; nil: there is none.
    public var stepsToRefresh: Int? {
        let (every, early) = (options.every, options.earlyEvery)
        guard every > 0 else { return nil }
        let isEarly = refreshesEarly && age < options.earlySteps
        let period = isEarly ? early : every
        if age % period == 0, refreshedAge != age { return 0 }
        let steps = period - age % period
        guard isEarly, steps >= options.earlySteps - age else { return steps }
        // The first multiple of the later period from where it holds.
        let rest = options.earlySteps % every
        return options.earlySteps - age &+ (rest == 0 ? 0 : every - rest)
    }

    /// Takes over the numbers of frames of the same kind. Allocates nothing and cannot fail.
    public func restore(_ numbers: Buffer<Float>, age: Int, scale: Double) {
        self.numbers.pointer.update(
            from: numbers.pointer, count: min(numbers.count, self.numbers.count))
        (self.age, self.scale, refreshedAge) = (age, scale, -1)
        measureGrowth()
    }

    /// After `numbers` have been written.
    public func measureGrowth() {
        let widest = layers.reduce(1) { max($0, $1.map.inputs + 1) }
        let largest = Double(shim_largest_magnitude(numbers.pointer, inputCount))
        let once = 1 + largest * Double(widest)
        // By a row's length where a layer is centred and whitened too.
        let twice = 1 + 2 * largest * Double(widest).squareRoot()
        let whitened = layers.contains { $0.isLowRank } ? twice * twice : 1
        let after = outputs.reduce(1) { max($0, $1.growth(numbers.pointer)) }
        growth = once * once * whitened * after * after
    }
}

/// What a refresh came to.
public struct FrameRefresh: Sendable {
    /// Layers whose frame is new, and those that kept the old one because the new had not been
    /// finite or well conditioned.
    public var renewed = 0
    public var kept = 0
    /// The largest of what was inverted.
    public var condition = 1.0
    public init() {}
}

extension Frames {
    /// New frames from the inputs of each layer for `count` samples; averages of gradients go
    /// along, exactly. Takes memory the first time, and when there are more samples than ever.
    public func refresh(
        _ model: Model, x: UnsafePointer<Float>, count: Int, moments: UnsafeMutablePointer<Float>?
    ) throws -> FrameRefresh {
        // A host's first steps have not seen all samples yet.
        let most = options.every > 0 ? max(count, options.samples) : count
        let room = try refreshRoom ?? FrameRefreshRoom(graph, layers, count: most)
        refreshRoom = room
        try room.write(
            model.weights, x: x, count: count, damping: options.damping,
            from: numbers.pointer, to: spare.pointer)
        var result = FrameRefresh()
        for (index, layer) in layers.enumerated() {
            guard let condition = room.condition(index) else {
                result.kept += 1
                report(layer, isRenewed: false)
                continue
            }
            result.renewed += 1
            report(layer, isRenewed: true)
            result.condition = max(result.condition, condition)
            if let moments, coordinates != .folded {
                layer.apply(layer.inverse(numbers.pointer), moments, into: scratch.pointer)
                layer.apply(layer.forward(spare.pointer), scratch.pointer, into: moments)
            }
            (numbers.pointer + layer.offset).update(
                from: spare.pointer + layer.offset, count: layer.count)
        }
        result.condition = max(result.condition, try refreshOutputs(moments: moments))
        refreshedAge = age
        measureGrowth()
        return result
    }

    /// What was measured at an earlier refresh is not of this one.
    private func report(_ layer: LayerFrame, isRenewed: Bool) {
        var report = FrameReport()
        (report.isFramed, report.isRenewed, report.size) = (true, isRenewed, layer.size)
        report.reason = isRenewed ? nil : FrameReport.unfit
        reports[layer.index] = report
    }

    /// gradient <- the same in the frame's coordinates, or times P where it is folded.
    public func enter(_ gradient: UnsafeMutablePointer<Float>) {
        enterInputs(gradient)
        multiply(.gradient, gradient)
    }

    /// gradient <- G_bar A, or G_bar P
    func enterInputs(_ gradient: UnsafeMutablePointer<Float>) {
        scratch.pointer.update(from: gradient, count: scratch.count)
        for layer in layers {
            layer.apply(layer.forward(numbers.pointer), scratch.pointer, into: gradient)
        }
    }

    /// gradient += factor (B^T weights A)
    func add(
        _ weights: UnsafePointer<Float>, scaledBy factor: Float,
        to gradient: UnsafeMutablePointer<Float>
    ) {
        scratch.pointer.update(from: weights, count: scratch.count)
        for layer in layers {
            layer.apply(layer.forward(numbers.pointer), weights, into: scratch.pointer)
        }
        if hasOutputs {
            plain.pointer.update(from: scratch.pointer, count: scratch.count)
            multiply(.gradient, plain.pointer)
        }
        let entered = hasOutputs ? plain.pointer : scratch.pointer
        addScaled(entered, by: factor, to: gradient, count: scratch.count)
    }

    /// target <- beta target + B step A^T with the optimizer's step, and averages of the weights;
    /// the gradient, which is by the frames' coordinates, is lost.
    func step(
        _ gradient: UnsafeMutablePointer<Float>, by optimizer: Optimizer,
        target: UnsafeMutablePointer<Float>, beta: Float, averaging: AveragingPass?
    ) {
        let adaptive = optimizer.stepByParts(gradient)
        func run(
            _ map: RowMap?, _ offset: Int, _ rows: Int, _ width: Int, _ bias: Int?,
            isTurned: Bool = false
        ) {
            FramedStep(
                map: map, offset: offset, rows: rows, width: width, biasOffset: bias,
                target: target, source: isTurned ? scratch.pointer : gradient,
                adaptive: isTurned ? nil : adaptive,
                alpha: optimizer.dog?.factor(at: offset) ?? 1, beta: beta, averaging: averaging
            ).run()
        }
        for layer in layers {
            let map = layer.map
            let isTurned = turn(layer, gradient, by: adaptive)
            run(
                layer.back(numbers.pointer), map.weightOffset, map.outputs, map.inputs,
                map.hasBias ? map.biasOffset : nil, isTurned: isTurned)
        }
        // In pieces of their own, as rows.
        for range in unframed { run(nil, range.lowerBound, range.count, 1, nil) }
    }

    /// |B^-1 (x - y) A^-T|^2, the squared distance in the metric P^-1, of each layer, whose
    /// parameters begin at `offset`. `difference` is room for a model's parameters.
    func measure(
        from x: UnsafePointer<Float>, to y: UnsafePointer<Float>,
        difference: UnsafeMutablePointer<Float>, _ body: (_ offset: Int, _ norm2: Double) -> Void
    ) {
        for layer in layers {
            let map = layer.map
            let (first, bias) = (map.weightOffset, map.biasOffset)
            let t = layer.difference(numbers.pointer)
            let output = outputs.first { $0.node == layer.node }
            if output == nil, map.hasBias,
                let norm2 = t.squaredDistance(
                    x + first, y + first, last: x + bias, y + bias, rows: map.outputs)
            {
                body(first, norm2)
                continue
            }
            (difference + first).update(from: x + first, count: map.parameterCount)
            addScaled(y + first, by: -1, to: difference + first, count: map.parameterCount)
            layer.apply(t, difference, into: scratch.pointer)
            var framed = UnsafePointer(scratch.pointer)
            if let output {
                output.apply(.difference, numbers.pointer, framed, into: difference)
                framed = UnsafePointer(difference)
            }
            body(first, shim_squared_distance(framed + first, nil, map.parameterCount))
        }
        for range in unframed {
            let first = range.lowerBound
            body(first, shim_squared_distance(x + first, y + first, range.count))
        }
    }

    /// The averages of gradients, out of the frames.
    public func release(_ moments: UnsafeMutablePointer<Float>) {
        multiply(.inverse, moments)
        scratch.pointer.update(from: moments, count: scratch.count)
        for layer in layers {
            layer.apply(layer.inverse(numbers.pointer), scratch.pointer, into: moments)
        }
    }
}

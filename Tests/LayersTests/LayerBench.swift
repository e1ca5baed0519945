import LinearAlgebra
import Networks
import Runtime
import TestSupport

@testable import Layers

/// One layer on a bench: inputs, parameters, statistics, deltas and tangents of a few samples, as
/// passes store them (an image with its border of zeros).
final class LayerBench {
    let layer: any Layer
    let rows: Int
    var mode: PassMode
    /// One or two.
    var inputs: [[Float]]
    var parameters: [Float]
    var statistics: [Float]
    /// The derivative of some function by the outputs.
    let outputDelta: [Float]
    var direction: [Float]
    var inputTangents: [[Float]]
    let outputDeltaTangent: [Float]
    /// NaN but for the borders.
    private lazy var unwrittenInputs = layer.inputs.map { $0.stored(rows) { _ in .nan } }
    private lazy var unwrittenOutput = layer.output.stored(rows) { _ in .nan }

    init(_ layer: any Layer, rows: Int, mode: PassMode = .batch, seed: UInt64) throws {
        var generator = RandomGenerator(seed: seed, stream: 7)
        func normal(_ shape: Shape) -> [Float] {
            shape.stored(rows) { _ in Float(generator.nextNormal()) }
        }
        func normal(_ count: Int) -> [Float] {
            (0..<count).map { _ in Float(generator.nextNormal()) }
        }
        self.layer = layer
        self.rows = rows
        self.mode = mode
        inputs = layer.inputs.map {
            $0.isVector ? normal($0) : Self.spaced($0, rows: rows, &generator)
        }
        parameters = normal(layer.parameterCount)
        statistics = normal(layer.statisticCount).map { 0.5 + abs($0) }
        outputDelta = normal(layer.output)
        direction = normal(layer.parameterCount)
        // A table's inputs are no numbers that anything could move along.
        let readsTable = layer.linearMap?.readsTable == true
        inputTangents = readsTable ? [] : layer.inputs.map { normal($0) }
        outputDeltaTangent = normal(layer.output)
    }

    /// Numbers of which no two in a sample are close, so that a small step does not make another
    /// one the largest.
    private static func spaced(
        _ shape: Shape, rows: Int, _ generator: inout RandomGenerator
    ) -> [Float] {
        var numbers: [Float] = []
        for _ in 0..<rows {
            let order = (0..<shape.count).shuffled(using: &generator)
            numbers += order.map { 6 * (Float($0) + 0.7) / Float(shape.count) - 3 }
        }
        return shape.stored(rows) { numbers[$0] }
    }

    /// The same moved along its tangents.
    init(moving other: LayerBench, by step: Float) throws {
        layer = other.layer
        rows = other.rows
        mode = other.mode
        func moved(_ x: [Float], _ v: [Float]) -> [Float] { zip(x, v).map { $0 + step * $1 } }
        inputs =
            other.inputTangents.isEmpty
            ? other.inputs : zip(other.inputs, other.inputTangents).map { moved($0, $1) }
        parameters = moved(other.parameters, other.direction)
        statistics = other.statistics
        outputDelta = moved(other.outputDelta, other.outputDeltaTangent)
        direction = other.direction
        inputTangents = other.inputTangents
        outputDeltaTangent = other.outputDeltaTangent
    }

    /// What a pass over all rows leaves behind.
    struct Result {
        var output: [Float]
        var inputDeltas: [[Float]]
        var gradient: [Float]
        var outputTangent: [Float]
        var inputDeltaTangents: [[Float]]
        var gradientTangent: [Float]
        var statistics: [Float]
        /// Nothing but its own places has been written; looked at where a run is asked to.
        var isClean: Bool?

        /// To the bit, NaN where nothing was written included.
        func isIdentical(to other: Result) -> Bool {
            zip(parts, other.parts).allSatisfy {
                $0.map { $0.bitPattern } == $1.map { $0.bitPattern }
            }
        }

        private var parts: [[Float]] {
            [output, gradient, outputTangent, gradientTangent, statistics] + inputDeltas
                + inputDeltaTangents
        }

        /// The largest relative error of a part; what was not written must be that in both.
        func largestError(to other: Result) -> Double {
            zip(parts, other.parts).reduce(0) { largest, pair in
                let (a, b) = pair
                guard b.contains(where: { $0.isNaN }) else {
                    return max(largest, relativeError(a, b))
                }
                return a.map { $0.isNaN } == b.map { $0.isNaN } ? largest : .infinity
            }
        }

        func hasSigns(of other: Result) -> Bool {
            zip(output, other.output).allSatisfy { ($0 > 0) == ($1 > 0) }
        }
    }

    /// What the layer gives a step up and a step down along the tangents.
    func ends(_ step: Float) throws -> (above: Result, below: Result) {
        (
            try LayerBench(moving: self, by: step).run(),
            try LayerBench(moving: self, by: -step).run()
        )
    }

    /// How a run is done, and what it is given.
    struct Manner {
        /// Of the samples, for what goes by rows, and of the gradient's rows.
        var cuts: [Int] = []
        var gradientCuts: [Int] = []
        /// Deltas are added to these, of inputs and as many of their tangents.
        var addsTo: [[Float]]?
        /// The inputs are data: they have neither deltas nor tangents.
        var isData = false
        var looksAtAll = false
        var isForwardOnly = false
    }

    /// Through all functions of the layer, or through the forward pass alone, as always in mode
    /// `running`.
    func run(_ manner: Manner = Manner()) -> Result {
        let (unwritten, output) = (unwrittenInputs, unwrittenOutput)
        var result = Result(
            output: output, inputDeltas: manner.addsTo ?? unwritten,
            gradient: Array(repeating: .nan, count: parameters.count), outputTangent: output,
            inputDeltaTangents: manner.addsTo ?? unwritten,
            gradientTangent: Array(repeating: .nan, count: parameters.count),
            statistics: statistics)
        let memory = BenchMemory(self, result, manner)
        let box = layer.boxed()
        let samples = Self.runs(rows, manner.cuts)
        let all = memory.pass(0, rows)
        func pass(_ phase: PassPhase, _ body: (LayerPass) -> Void) {
            if layer.meets(mode) {
                for (first, count) in samples { box.gather(memory.pass(first, count), phase) }
                box.meet(all, phase)
            }
            for (first, count) in samples { body(memory.pass(first, count)) }
        }
        box.prepare(all)
        pass(.forward, box.forward)
        if mode != .running, !manner.isForwardOnly {
            pass(.backward, box.backward)
            for (first, count) in Self.runs(layer.gradientRows, manner.gradientCuts) {
                box.accumulate(
                    all, into: memory.gradient, first: first, count: count, alpha: 1, beta: 0)
            }
            box.prepareTangent(all)
            pass(.forwardTangent, box.forwardTangent)
            pass(.backwardTangent, box.backwardTangent)
            box.accumulateTangent(all, into: memory.gradientTangent, beta: 0)
            box.updateStatistics(all, memory.statistics)
        }
        memory.read(into: &result)
        return result
    }

    /// Allocations of one run of each function, or nil where they cannot be counted.
    func allocations() -> Int? {
        let memory = BenchMemory(self, run(), Manner())
        let box = layer.boxed()
        let pass = memory.pass(0, rows)
        let (gradientRows, meets) = (layer.gradientRows, layer.meets(mode))
        return countAllocations {
            func meet(_ phase: PassPhase) {
                guard meets else { return }
                box.gather(pass, phase)
                box.meet(pass, phase)
            }
            box.prepare(pass)
            meet(.forward)
            box.forward(pass)
            meet(.backward)
            box.backward(pass)
            box.accumulate(
                pass, into: memory.gradient, first: 0, count: gradientRows, alpha: 1, beta: 0)
            box.prepareTangent(pass)
            meet(.forwardTangent)
            box.forwardTangent(pass)
            meet(.backwardTangent)
            box.backwardTangent(pass)
            box.accumulateTangent(pass, into: memory.gradientTangent, beta: 0)
            box.updateStatistics(pass, memory.statistics)
        }
    }

    private static func runs(_ total: Int, _ cuts: [Int]) -> [(first: Int, count: Int)] {
        let ends = cuts.filter { $0 > 0 && $0 < total } + [total]
        var first = 0
        return ends.map { end in
            defer { first = end }
            return (first, end - first)
        }
    }
}

extension Shape {
    /// Where the numbers of `rows` samples lie in a pass, in the order of C x H x W.
    func places(_ rows: Int) -> [Int] {
        (0..<rows).flatMap { row in
            (0..<channels).flatMap { c in
                (0..<height).flatMap { y in
                    (0..<width).map { x in
                        row * storedCount + (y + border) * rowStride + (x + border) * channels + c
                    }
                }
            }
        }
    }

    /// `rows` samples as a pass stores them, from the numbers in the order of C x H x W.
    func stored(_ rows: Int, _ number: (Int) -> Float) -> [Float] {
        var values = [Float](repeating: 0, count: rows * storedCount)
        for (i, place) in places(rows).enumerated() { values[place] = number(i) }
        return values
    }

    func stored(_ numbers: [Double]) -> [Float] {
        stored(numbers.count / count) { Float(numbers[$0]) }
    }

    /// The numbers of stored samples in the order of C x H x W.
    func numbers(_ stored: [Float]) -> [Float] {
        places(stored.count / storedCount).map { stored[$0] }
    }

    /// The channel of a stored number.
    func channel(_ place: Int) -> Int { place % channels }
}

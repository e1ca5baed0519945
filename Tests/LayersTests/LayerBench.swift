import LinearAlgebra
import Networks
import Runtime
import TestSupport

@testable import Layers

/// One layer on a bench: inputs, parameters, deltas and tangents of a few samples in memory of
/// their own.
final class LayerBench {
    let layer: any Layer
    let rows: Int
    /// One or two.
    var inputs: [[Float]]
    var parameters: [Float]
    /// The derivative of some function by the outputs.
    let outputDelta: [Float]
    var direction: [Float]
    var inputTangents: [[Float]]
    let outputDeltaTangent: [Float]

    init(_ layer: any Layer, rows: Int, seed: UInt64) throws {
        var generator = RandomGenerator(seed: seed, stream: 7)
        func normal(_ count: Int) -> [Float] {
            (0..<count).map { _ in Float(generator.nextNormal()) }
        }
        self.layer = layer
        self.rows = rows
        inputs = layer.inputs.map { normal(rows * $0.count) }
        parameters = normal(layer.parameterCount)
        outputDelta = normal(rows * layer.output.count)
        direction = normal(layer.parameterCount)
        // A table's inputs are no numbers that anything could move along.
        let readsTable = layer.linearMap?.readsTable == true
        inputTangents = readsTable ? [] : layer.inputs.map { normal(rows * $0.count) }
        outputDeltaTangent = normal(rows * layer.output.count)
    }

    /// The same moved along its tangents.
    init(moving other: LayerBench, by step: Float) throws {
        layer = other.layer
        rows = other.rows
        func moved(_ x: [Float], _ v: [Float]) -> [Float] { zip(x, v).map { $0 + step * $1 } }
        inputs =
            other.inputTangents.isEmpty
            ? other.inputs : zip(other.inputs, other.inputTangents).map { moved($0, $1) }
        parameters = moved(other.parameters, other.direction)
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

        /// To the bit, NaN where nothing was written included.
        func isIdentical(to other: Result) -> Bool {
            zip(parts, other.parts).allSatisfy {
                $0.map { $0.bitPattern } == $1.map { $0.bitPattern }
            }
        }

        private var parts: [[Float]] {
            [output, gradient, outputTangent, gradientTangent] + inputDeltas + inputDeltaTangents
        }

        /// The largest relative error of a part; what was not written must be that in both.
        func largestError(to other: Result) -> Double {
            zip(parts, other.parts).reduce(0) { largest, pair in
                let (a, b) = pair
                guard let first = b.first, !first.isNaN || !(a.first?.isNaN ?? true) else {
                    return largest
                }
                return max(largest, relativeError(a, b))
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

    /// Through all six functions of the layer; `cuts` of the samples for what goes by rows,
    /// `gradientCuts` of the gradient's rows.
    func run(cuts: [Int] = [], gradientCuts: [Int] = []) -> Result {
        let width = layer.output.count
        var result = Result(
            output: Array(repeating: .nan, count: rows * width),
            inputDeltas: layer.inputs.map { Array(repeating: .nan, count: rows * $0.count) },
            gradient: Array(repeating: .nan, count: parameters.count),
            outputTangent: Array(repeating: .nan, count: rows * width),
            inputDeltaTangents: layer.inputs.map { Array(repeating: .nan, count: rows * $0.count) },
            gradientTangent: Array(repeating: .nan, count: parameters.count))
        let buffers = Buffers(self, result)
        let box = layer.boxed()
        for (first, count) in Self.runs(rows, cuts) {
            box.forward(buffers.pass(first, count))
            box.backward(buffers.pass(first, count))
        }
        for (first, count) in Self.runs(layer.gradientRows, gradientCuts) {
            box.accumulate(
                buffers.pass(0, rows), into: buffers.gradient, first: first, count: count,
                alpha: 1, beta: 0)
        }
        box.forwardTangent(buffers.pass(0, rows))
        box.backwardTangent(buffers.pass(0, rows))
        box.accumulateTangent(buffers.pass(0, rows), into: buffers.gradientTangent, beta: 0)
        buffers.read(into: &result)
        return result
    }

    /// Allocations of one run of each function, or nil where they cannot be counted.
    func allocations() -> Int? {
        let buffers = Buffers(self, run())
        let box = layer.boxed()
        let pass = buffers.pass(0, rows)
        let gradientRows = layer.gradientRows
        return countAllocations {
            box.forward(pass)
            box.backward(pass)
            box.accumulate(
                pass, into: buffers.gradient, first: 0, count: gradientRows, alpha: 1, beta: 0)
            box.forwardTangent(pass)
            box.backwardTangent(pass)
            box.accumulateTangent(pass, into: buffers.gradientTangent, beta: 0)
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

    /// The bench's numbers where pointers may stay while functions run.
    private final class Buffers {
        let bench: LayerBench
        private var storage: [UnsafeMutableBufferPointer<Float>] = []
        private(set) var values: [UnsafeMutablePointer<Float>] = []
        private(set) var deltas: [UnsafeMutablePointer<Float>] = []
        private(set) var tangents: [UnsafeMutablePointer<Float>] = []
        private(set) var deltaTangents: [UnsafeMutablePointer<Float>] = []
        private var parameters: UnsafeMutablePointer<Float>!
        private var direction: UnsafeMutablePointer<Float>!
        private var output: UnsafeMutablePointer<Float>!
        private var outputDelta: UnsafeMutablePointer<Float>!
        private var outputTangent: UnsafeMutablePointer<Float>!
        private var outputDeltaTangent: UnsafeMutablePointer<Float>!
        private(set) var gradient: UnsafeMutablePointer<Float>!
        private(set) var gradientTangent: UnsafeMutablePointer<Float>!

        init(_ bench: LayerBench, _ result: Result) {
            self.bench = bench
            values = bench.inputs.map(hold)
            deltas = result.inputDeltas.map(hold)
            tangents = bench.inputTangents.map(hold)
            deltaTangents = result.inputDeltaTangents.map(hold)
            parameters = hold(bench.parameters)
            direction = hold(bench.direction)
            output = hold(result.output)
            outputDelta = hold(bench.outputDelta)
            outputTangent = hold(result.outputTangent)
            outputDeltaTangent = hold(bench.outputDeltaTangent)
            gradient = hold(result.gradient)
            gradientTangent = hold(result.gradientTangent)
        }

        deinit { for buffer in storage { buffer.deallocate() } }

        private func hold(_ numbers: [Float]) -> UnsafeMutablePointer<Float> {
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(numbers.count, 1))
            _ = buffer.update(from: numbers)
            storage.append(buffer)
            return buffer.baseAddress!
        }

        func pass(_ first: Int, _ count: Int) -> LayerPass {
            let width = bench.layer.output.count
            var pass = LayerPass(
                rows: count, first: first, parameters: parameters, input: input(0, first),
                output: output + first * width)
            if values.count > 1 { pass.second = input(1, first) }
            pass.outputDelta = outputDelta + first * width
            pass.direction = UnsafePointer(direction)
            pass.outputTangent = outputTangent + first * width
            pass.outputDeltaTangent = outputDeltaTangent + first * width
            return pass
        }

        private func input(_ index: Int, _ first: Int) -> LayerPass.Input {
            let place = first * bench.layer.inputs[index].count
            var input = LayerPass.Input(values[index] + place)
            guard !tangents.isEmpty else { return input }
            input.delta = deltas[index] + place
            input.tangent = UnsafePointer(tangents[index] + place)
            input.deltaTangent = deltaTangents[index] + place
            return input
        }

        func read(into result: inout Result) {
            func array(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) -> [Float] {
                Array(UnsafeBufferPointer(start: pointer, count: count))
            }
            result.output = array(output, result.output.count)
            result.outputTangent = array(outputTangent, result.outputTangent.count)
            result.gradient = array(gradient, result.gradient.count)
            result.gradientTangent = array(gradientTangent, result.gradientTangent.count)
            for i in deltas.indices {
                result.inputDeltas[i] = array(deltas[i], result.inputDeltas[i].count)
                result.inputDeltaTangents[i] = array(
                    deltaTangents[i], result.inputDeltaTangents[i].count)
            }
        }
    }
}

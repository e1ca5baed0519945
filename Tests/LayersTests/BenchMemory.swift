import Runtime

@testable import Layers

/// The numbers of a bench where pointers may stay while functions run. What is not a layer's to
/// write is watched: borders of images, and what lies after every array.
final class BenchMemory {
    private let bench: LayerBench
    private let manner: LayerBench.Manner
    private var arrays: [(pointer: UnsafeMutablePointer<Float>, count: Int)] = []
    private var values: [UnsafeMutablePointer<Float>] = []
    private var deltas: [UnsafeMutablePointer<Float>] = []
    private var tangents: [UnsafeMutablePointer<Float>] = []
    private var deltaTangents: [UnsafeMutablePointer<Float>] = []
    private var parameters: UnsafeMutablePointer<Float>!
    private var direction: UnsafeMutablePointer<Float>!
    private var output: UnsafeMutablePointer<Float>!
    private var outputDelta: UnsafeMutablePointer<Float>!
    private var outputTangent: UnsafeMutablePointer<Float>!
    private var outputDeltaTangent: UnsafeMutablePointer<Float>!
    private var kept: UnsafeMutablePointer<Float>!
    private var scratch: UnsafeMutablePointer<Float>!
    private var shared: UnsafeMutablePointer<Float>!
    private var sharedTangent: UnsafeMutablePointer<Float>!
    private(set) var gradient: UnsafeMutablePointer<Float>!
    private(set) var gradientTangent: UnsafeMutablePointer<Float>!
    private(set) var statistics: UnsafeMutablePointer<Float>!

    private static let guarded = 32
    private static let guardValue: Float = 12_345.678

    init(_ bench: LayerBench, _ result: LayerBench.Result, _ manner: LayerBench.Manner) {
        self.bench = bench
        self.manner = manner
        func unwritten(_ count: Int) -> UnsafeMutablePointer<Float> {
            hold(Array(repeating: .nan, count: count))
        }
        values = bench.inputs.map(hold)
        deltas = result.inputDeltas.map(hold)
        tangents = bench.inputTangents.map(hold)
        deltaTangents = result.inputDeltaTangents.map(hold)
        parameters = hold(bench.parameters)
        direction = hold(bench.direction)
        statistics = hold(bench.statistics)
        output = hold(result.output)
        outputDelta = hold(bench.outputDelta)
        outputTangent = hold(result.outputTangent)
        outputDeltaTangent = hold(bench.outputDeltaTangent)
        gradient = hold(result.gradient)
        gradientTangent = hold(result.gradientTangent)
        let needs = bench.layer.needs
        kept = unwritten(needs.kept * bench.rows)
        scratch = unwritten(needs.scratch)
        shared = unwritten(needs.shared)
        sharedTangent = unwritten(needs.sharedTangent)
    }

    deinit { for array in arrays { array.pointer.deallocate() } }

    private func hold(_ numbers: [Float]) -> UnsafeMutablePointer<Float> {
        let guards = [Float](repeating: Self.guardValue, count: Self.guarded)
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(
            capacity: numbers.count + Self.guarded)
        _ = buffer.initialize(from: numbers + guards)
        arrays.append((buffer.baseAddress!, numbers.count))
        return buffer.baseAddress!
    }

    func pass(_ first: Int, _ count: Int) -> LayerPass {
        let width = bench.layer.output.storedCount
        var pass = LayerPass(
            rows: count, first: first, parameters: parameters, input: input(0, first),
            output: output + first * width)
        if values.count > 1 { pass.second = input(1, first) }
        pass.outputDelta = outputDelta + first * width
        pass.direction = UnsafePointer(direction)
        pass.outputTangent = outputTangent + first * width
        pass.outputDeltaTangent = outputDeltaTangent + first * width
        pass.mode = bench.mode
        pass.seed = 11
        pass.step = 3
        pass.layer = 2
        pass.statistics = UnsafePointer(statistics)
        pass.kept = kept + first * bench.layer.needs.kept
        pass.scratch = scratch
        pass.shared = shared
        pass.sharedTangent = sharedTangent
        return pass
    }

    private func input(_ index: Int, _ first: Int) -> LayerPass.Input {
        let place = first * bench.layer.inputs[index].storedCount
        var input = LayerPass.Input(values[index] + place)
        guard !tangents.isEmpty, !manner.isData else { return input }
        input.delta = deltas[index] + place
        input.addsDelta = manner.addsTo != nil
        input.tangent = UnsafePointer(tangents[index] + place)
        input.deltaTangent = deltaTangents[index] + place
        return input
    }

    func read(into result: inout LayerBench.Result) {
        func array(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) -> [Float] {
            Array(UnsafeBufferPointer(start: pointer, count: count))
        }
        result.output = array(output, result.output.count)
        result.outputTangent = array(outputTangent, result.outputTangent.count)
        result.gradient = array(gradient, result.gradient.count)
        result.gradientTangent = array(gradientTangent, result.gradientTangent.count)
        result.statistics = array(statistics, result.statistics.count)
        for i in deltas.indices {
            result.inputDeltas[i] = array(deltas[i], result.inputDeltas[i].count)
            result.inputDeltaTangents[i] = array(
                deltaTangents[i], result.inputDeltaTangents[i].count)
        }
        guard manner.looksAtAll else { return }
        result.isClean =
            arrays.allSatisfy { array in
                (0..<Self.guarded).allSatisfy {
                    array.pointer[array.count + $0] == Self.guardValue
                }
            } && zip(bench.inputs, values).allSatisfy { array($1, $0.count) == $0 }
            && bordersAreZero()
    }

    private func bordersAreZero() -> Bool {
        var images = [output, outputDelta, outputTangent, outputDeltaTangent].map {
            (shape: bench.layer.output, pointer: $0!)
        }
        for list in [values, deltas, tangents, deltaTangents] {
            images += zip(bench.layer.inputs, list).map { (shape: $0, pointer: $1) }
        }
        return images.allSatisfy { shape, pointer in
            var isInside = [Bool](repeating: false, count: bench.rows * shape.storedCount)
            for place in shape.places(bench.rows) { isInside[place] = true }
            return isInside.indices.allSatisfy { isInside[$0] || pointer[$0] == 0 }
        }
    }
}

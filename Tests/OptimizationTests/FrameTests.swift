import Foundation
import Layers
import Networks
import Runtime
import TestSupport
import XCTest

@testable import Optimization

final class FrameTests: XCTestCase {
    private let kinds: [String: OptimizerKind] = [
        "sgd": .sgd, "momentum": .momentum, "adam": .adam, "dog": .dog,
    ]

    /// W_bar of every layer, as in the golden file.
    private func weights(_ model: Model) -> [Double] {
        model.graph.layers.elements.flatMap { map in
            (0..<map.outputs).flatMap { row in
                (0..<map.inputs).map {
                    Double(model.parameters.pointer[map.weightOffset + row * map.inputs + $0])
                } + [Double(model.parameters.pointer[map.biasOffset + row])]
            }
        }
    }

    private func assign(_ golden: Golden, to model: Model) {
        for (map, matrix) in zip(model.graph.layers.elements, golden.list) {
            for (row, numbers) in matrix.list.map({ $0.numbers }).enumerated() {
                for (j, value) in numbers.dropLast().enumerated() {
                    model.parameters.pointer[map.weightOffset + row * map.inputs + j] = Float(value)
                }
                model.parameters.pointer[map.biasOffset + row] = Float(numbers[map.inputs])
            }
        }
    }

    private func model(_ golden: Golden) throws -> Model {
        var options = ModelConfig()
        options.activation = golden["activation"].text == "tanh" ? .tanh : .leakyReLU
        let model = try Model(
            widths: golden["widths"].numbers.map { Int($0) }, options: options)
        assign(golden["weights"], to: model)
        return model
    }

    private func samples(_ golden: Golden) throws -> Samples {
        let (x, y) = (golden["x"].numbers, golden["y"].numbers)
        let count = golden["x"].list.count
        return golden["loss"].text == "cross_entropy"
            ? try Samples(x: x, count: count, labels: y.map { Int32($0) })
            : try Samples(x: x, count: count, targets: y)
    }

    /// Ten steps in frames that are renewed on the way, against float64 and automatic
    /// differentiation.
    func testGoldenStepsInFrames() throws {
        for golden in try Golden.file("frames")["cases"].list {
            let samples = try samples(golden)
            for run in golden["steps_of_20_alternating"].list {
                let name = run["method"].text
                let model = try model(golden)
                var options = OptimizerConfig()
                options.kind = try XCTUnwrap(kinds[name])
                options.learningRate = run["rate"].number
                let optimizer = try options.makeOptimizer(
                    parameterCount: model.parameters.count,
                    layers: model.graph.layers.elements.map {
                        $0.weightOffset..<$0.biasOffset + $0.outputs
                    })
                let step = try TrainingStep(
                    model: model, loss: golden.loss, optimizer: optimizer, batchSize: 20)
                var frameOptions = FrameConfig()
                frameOptions.damping = golden["damping"].number
                let frames = try Frames(model.graph, frameOptions, options.frameCoordinates)
                try step.setFrames(frames)
                for (t, loss) in run["losses"].numbers.enumerated() {
                    if t % Int(run["every"].number) == 0 {
                        let refresh = try frames.refresh(
                            model, x: samples.batch.x, count: samples.count,
                            moments: optimizer.state.firstMoments?.pointer)
                        XCTAssertEqual(refresh.renewed, model.graph.layerCount)
                    }
                    let value = try step.take(samples.batch.slice(t % 2 * 20, 20))
                    XCTAssertEqual(try XCTUnwrap(value) / loss, 1, accuracy: 1e-5, name)
                }
                XCTAssertLessThan(
                    relativeError(weights(model), run["weights"].numbers), 1e-5, name)
                guard name == "dog" else { continue }
                let average = try Model(copying: model)
                average.parameters.pointer.update(
                    from: try XCTUnwrap(optimizer.state.average).pointer,
                    count: model.parameters.count)
                XCTAssertLessThan(
                    relativeError(weights(average), run["average"].numbers), 1e-5)
                let radii = try XCTUnwrap(optimizer.state.radii).array
                XCTAssertLessThan(
                    relativeError(
                        radii, run["radius"].numbers + run["sum_of_squares"].numbers), 1e-5)
            }
        }
    }

    /// P or A of every layer.
    func testGoldenFrames() throws {
        for golden in try Golden.file("frames")["cases"].list {
            let model = try model(golden)
            let samples = try samples(golden)
            for (coordinates, key) in [(FrameCoordinates.folded, "P"), (.root, "A")] {
                let frames = try Frames(model.graph, FrameConfig(), coordinates)
                _ = try frames.refresh(
                    model, x: samples.batch.x, count: samples.count, moments: nil)
                for (map, layer) in zip(frames.maps.compactMap { $0 }, golden["frames"].list) {
                    let size = map.width + 1
                    var found: [Double] = []
                    let (unit, row) = (
                        try Buffer<Float>(repeating: 0, count: size),
                        try Buffer<Float>(repeating: 0, count: size)
                    )
                    for i in 0..<size {
                        unit.pointer.update(repeating: 0, count: size)
                        unit.pointer[i] = 1
                        map.apply(
                            unit.pointer, last: unit.pointer + map.width, rows: 1,
                            into: row.pointer, lastOut: row.pointer + map.width)
                        found += row.array.map { Double($0) }
                    }
                    XCTAssertLessThan(relativeError(found, layer[key].numbers), 1e-5, key)
                }
            }
        }
    }
}

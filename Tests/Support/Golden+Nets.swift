import Layers
import Networks
import Runtime
import XCTest

// Nets of `conv.json` and its like: layers as lists, parameters by name.
extension Golden {
    /// The architecture's text.
    public var architecture: String {
        let input = self["input"].numbers.map { String(Int($0)) }.joined(separator: "x")
        let lines = self["layers"].list.map { layer in
            let sources = layer["of"].list.map { $0.text }.joined(separator: " ")
            return "\(layer["name"].text) = \(layer.words) of \(sources)"
        }
        return (["input \(input)"] + lines).joined(separator: "\n")
    }

    /// The kind of a layer and its arguments.
    private var words: String {
        switch self["type"].text {
        case "conv2d":
            return "conv \(whole("out", 0)) \(kernel) stride \(whole("stride", 1))"
                + " pad \(whole("padding", 0)) groups \(whole("groups", 1)) \(bias)"
        case "linear": return "dense \(whole("out", 0)) \(bias)"
        case "max_pool", "avg_pool":
            return "\(self["type"].text) \(kernel) stride \(whole("stride", 1))"
                + " pad \(whole("padding", 0))"
        case "batch_norm": return "batch_norm eps \(self["eps"].number)"
        case "leaky_relu": return "leaky_relu \(self["slope"].number)"
        case "dropout": return "dropout \(self["p"].number)"
        default: return self["type"].text
        }
    }

    private func whole(_ key: String, _ usual: Int) -> Int {
        self[key].isNull ? usual : Int(self[key].number)
    }

    private var kernel: String {
        let sizes = self["kernel"].numbers.map { Int($0) }
        return "\(sizes[0])x\(sizes[sizes.count - 1])"
    }

    private var bias: String { self["bias"].isNull || self["bias"].flag ? "bias" : "nobias" }

    /// The net with the parameters and the running statistics of a case.
    public func net() throws -> Model {
        let model = try Model(drawing: Graph(text: architecture), options: ModelConfig())
        try model.assign(self["parameters"])
        try model.assign(self["buffers"])
        return model
    }

    /// The images of a case with `x` and `y`.
    public func images() throws -> Samples {
        let (x, y) = (self["x"].numbers, self["y"].numbers)
        let count = self["x"].list.count
        return loss == .crossEntropy
            ? try Samples(x: x, count: count, labels: y.map { Int32($0) })
            : try Samples(x: x, count: count, targets: y)
    }

    /// Arrays by name in the order of a graph's parameters.
    public func flat(_ graph: Graph) -> [Double] {
        var numbers: [Double] = []
        graph.forEachTensor {
            if $0.tensor.role == .parameter { numbers += self[$0.name].numbers }
            return true
        }
        return numbers
    }
}

extension Model {
    /// Writes arrays by name; those that `golden` has not stay.
    public func assign(_ golden: Golden) throws {
        graph.forEachTensor { tensor in
            let numbers = golden[tensor.name].numbers
            guard !golden[tensor.name].isNull else { return true }
            XCTAssertEqual(numbers.count, tensor.tensor.count, tensor.name)
            for (i, number) in numbers.prefix(tensor.tensor.count).enumerated() {
                values(of: tensor)[i] = Float(number)
            }
            return true
        }
    }

    /// The numbers of every array that `golden` has, and those that it has for it.
    public func forEachTensor(
        of golden: Golden, _ body: (_ name: String, _ own: [Float], _ golden: [Double]) -> Void
    ) {
        graph.forEachTensor { tensor in
            guard !golden[tensor.name].isNull else { return true }
            let own = UnsafeBufferPointer(start: values(of: tensor), count: tensor.tensor.count)
            body(tensor.name, Array(own), golden[tensor.name].numbers)
            return true
        }
    }

    /// Outputs with the statistics of the samples or the running ones.
    public func outputs(_ samples: Samples, _ mode: PassMode) throws -> [Float] {
        let workspace = try Workspace(graph, capacity: samples.count, backward: false)
        workspace.forward(weights, x: samples.x.pointer, count: samples.count, mode)
        return Array(
            UnsafeBufferPointer(
                start: workspace.outputs, count: samples.count * graph.outputWidth))
    }
}

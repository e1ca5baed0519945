import Layers
import Runtime

/// An array of a net by its name in a file or a host: the layer's, a dot, and its own, as PyTorch
/// names it.
public struct NamedTensor {
    public let name: String
    /// The layer's place in the graph.
    public let node: Int
    public let tensor: LayerTensor
    /// Among the parameters or, of what is none, among the statistics.
    public let offset: Int
}

extension Graph {
    /// Calls `body` for every array in the order of the layers, until it answers false.
    public func forEachTensor(_ body: (NamedTensor) throws -> Bool) rethrows {
        for node in 0..<nodes.count {
            guard try forEachTensor(of: node, body) else { return }
        }
    }

    @discardableResult
    private func forEachTensor(
        of node: Int, _ body: (NamedTensor) throws -> Bool
    ) rethrows -> Bool {
        var (parameter, statistic) = (parameterOffset(node), statisticOffset(node))
        for tensor in nodes[node].facts.tensors {
            let isParameter = tensor.role == .parameter
            let found = NamedTensor(
                name: name(of: node) + "." + tensor.name, node: node, tensor: tensor,
                offset: isParameter ? parameter : statistic)
            if isParameter { parameter += tensor.count } else { statistic += tensor.count }
            guard try body(found) else { return false }
        }
        return true
    }

    public var tensorCount: Int {
        (0..<nodes.count).reduce(0) { $0 + nodes[$1].facts.tensors.count }
    }

    public func tensor(_ index: Int) throws -> NamedTensor {
        var left = index
        for node in 0..<nodes.count where left >= 0 {
            let count = nodes[node].facts.tensors.count
            if left < count {
                var found: NamedTensor?
                forEachTensor(of: node) {
                    left -= 1
                    if left < 0 { found = $0 }
                    return left >= 0
                }
                if let found { return found }
            }
            left -= count
        }
        throw TeleportError(
            .notFound, "index is \(index), but the model has \(tensorCount) tensors")
    }

    public func tensor(named name: String) throws -> NamedTensor {
        for node in 0..<nodes.count where name.hasPrefix(self.name(of: node) + ".") {
            var found: NamedTensor?
            forEachTensor(of: node) {
                if $0.name == name { found = $0 }
                return found == nil
            }
            if let found { return found }
        }
        let first = (try? tensor(0).name).map { "; the first is '\($0)'" } ?? ""
        throw TeleportError(
            .notFound, "the model has no tensor '\(name)' among its \(tensorCount)\(first)")
    }
}

/// A layer with parameters as a matrix and a bias: what it has one number of for every row.
public struct LayerParts {
    public let outputs: Int
    public let inputs: Int
    public let weightOffset: Int
    /// Nil: it has none.
    public let biasOffset: Int?

    public var weightCount: Int { outputs * inputs }
}

extension Graph {
    /// Of a layer by its number among those with parameters, which is checked.
    public func parts(_ layer: Int) -> LayerParts {
        let node = weighted.pointer[layer]
        let tensors = nodes[node].facts.tensors.filter { $0.role == .parameter }
        let weight = tensors[0]
        let outputs = max(weight.dimensions.first ?? 1, 1)
        return LayerParts(
            outputs: outputs, inputs: weight.count / outputs, weightOffset: parameterOffset(node),
            biasOffset: tensors.count > 1 ? parameterOffset(node) + weight.count : nil)
    }
}

extension NamedTensor {
    /// Refuses numbers that no training can have led to: means are any, while variances and counts
    /// are not negative.
    public func requireUsable(_ values: UnsafePointer<Float>) throws {
        guard let least = leastValue else { return }
        for i in 0..<tensor.count where !(values[i] >= least) {
            throw TeleportError.invalid(
                "element \(i) of '\(name)' is \(values[i]); it must not be negative")
        }
    }

    private var leastValue: Float? {
        switch tensor.role {
        case .parameter: return nil
        case .counter: return 0
        case .statistic: return tensor.name == "running_var" ? 0 : nil
        }
    }
}

extension Model {
    /// Where a tensor's numbers are, while the model lives.
    public func values(of tensor: NamedTensor) -> UnsafeMutablePointer<Float> {
        let numbers = tensor.tensor.role == .parameter ? weights.parameters : weights.statistics
        return numbers.pointer + tensor.offset
    }
}

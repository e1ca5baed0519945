import Foundation
import Layers
import Networks

/// The network and its losses once more, in double and in plain loops: what the library's float
/// passes are compared with, and what finite differences are taken of.
public struct ReferenceNetwork {
    public let widths: [Int]
    public let activation: Activation
    public let hasBias: Bool
    public var parameters: [Double]

    public init(_ model: Model) {
        widths = model.graph.widths
        activation = model.options.hiddenActivation
        hasBias = model.options.hasBias
        parameters = model.parameters.elements.map { Double($0) }
    }

    public func activate(_ z: Double) -> Double {
        switch activation.kind {
        case .identity: return z
        case .leakyReLU, .reLU: return z > 0 ? z : Double(activation.negativeSlope) * z
        case .sigmoid: return 1 / (1 + exp(-z))
        case .tanh: return tanh(z)
        }
    }

    /// Activations of hidden layer `last`, or the outputs for the last layer; one sample a row.
    public func activations(_ x: [Double], count: Int, last: Int) -> [Double] {
        var h = x
        var place = 0
        for m in 0...last {
            let (inputs, outputs) = (widths[m], widths[m + 1])
            let bias = place + inputs * outputs
            var z = [Double](repeating: 0, count: count * outputs)
            for row in 0..<count {
                for i in 0..<outputs {
                    var sum = hasBias ? parameters[bias + i] : 0
                    for j in 0..<inputs {
                        sum += parameters[place + i * inputs + j] * h[row * inputs + j]
                    }
                    z[row * outputs + i] = m < widths.count - 2 ? activate(sum) : sum
                }
            }
            place = bias + (hasBias ? outputs : 0)
            h = z
        }
        return h
    }

    public func outputs(_ samples: Samples) -> [Double] {
        activations(
            samples.x.elements.map { Double($0) }, count: samples.count, last: widths.count - 2)
    }

    public func loss(_ samples: Samples, _ loss: Loss) -> Double {
        let o = outputs(samples)
        let k = widths[widths.count - 1]
        var sum = 0.0
        var total = 0.0
        for row in 0..<samples.count {
            let weight = samples.weights.map { Double($0.pointer[row]) } ?? 1
            total += weight
            let output = Array(o[row * k..<(row + 1) * k])
            if let labels = samples.labels {
                let largest = output.max() ?? 0
                let logSum = log(output.reduce(0) { $0 + exp($1 - largest) }) + largest
                sum += weight * (logSum - output[Int(labels.pointer[row])])
            } else if let targets = samples.targets {
                for j in 0..<k {
                    let difference = output[j] - Double(targets.pointer[row * k + j])
                    sum += weight * difference * difference
                }
            }
        }
        switch loss.kind {
        case .crossEntropy: return sum / total
        case .meanSquaredError: return sum / (total * Double(k))
        case .halfSquaredError: return sum / 2
        }
    }

    /// Central differences of the loss by every parameter: the error is about step^2 and 1e-16 /
    /// step.
    public func gradient(_ samples: Samples, _ loss: Loss, step: Double = 1e-5) -> [Double] {
        var network = self
        return parameters.indices.map { i in
            network.parameters[i] = parameters[i] + step
            let above = network.loss(samples, loss)
            network.parameters[i] = parameters[i] - step
            let below = network.loss(samples, loss)
            network.parameters[i] = parameters[i]
            return (above - below) / (2 * step)
        }
    }
}

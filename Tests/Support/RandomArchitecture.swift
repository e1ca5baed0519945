import Layers
import Networks
import Runtime

/// Texts of nets drawn from a seed: convolutions of all sorts, norms, sums, poolings, dropout and
/// dense layers after each other.
public struct RandomArchitecture {
    public private(set) var text = ""
    private var generator: RandomGenerator
    private let normsEverywhere: Bool
    // The value that the next layer reads.
    private var channels: Int
    private var size: Int
    private var names = 0

    /// `normsEverywhere`: after every convolution, with nothing else that has weights before the
    /// last layer.
    public init(seed: UInt64, normsEverywhere: Bool = false) {
        generator = RandomGenerator(seed: seed, stream: 97)
        self.normsEverywhere = normsEverywhere
        channels = 1 + generator.nextIndex(below: 3)
        size = 6 + generator.nextIndex(below: 5)
        text = "input \(channels)x\(size)x\(size)\n"
        for _ in 0..<2 + generator.nextIndex(below: 3) { addBlock() }
        end()
    }

    public static let classes = 4

    private mutating func isDrawn(_ probability: Double) -> Bool {
        generator.nextDouble() < probability
    }

    private mutating func line(_ words: String) { text += words + "\n" }

    private mutating func addBlock() {
        switch generator.nextIndex(below: 6) {
        case 0: addPooling()
        case 1, 2: addSum()
        default: addConvolution()
        }
        if !normsEverywhere, isDrawn(0.15) { line("dropout 0.3") }
    }

    private mutating func activation() -> String {
        switch generator.nextIndex(below: normsEverywhere ? 2 : 8) {
        case 0, 2, 3: return "relu"
        case 4: return "tanh"
        case 5: return "leaky_relu 0.5"
        default: return "leaky_relu 0.1"
        }
    }

    private mutating func norm(_ probability: Double = 0.4) {
        if normsEverywhere || isDrawn(probability) { line("batch_norm") }
    }

    /// Grouped and depthwise where the channels allow it, of any kernel and stride.
    private mutating func addConvolution() {
        let outputs = [4, 6, 8][generator.nextIndex(below: 3)]
        var words = "conv \(outputs)"
        if size >= 4, isDrawn(0.25) {
            words += " 3x3 stride 2 pad 1"
            size = (size - 1) / 2 + 1
        } else {
            words += isDrawn(0.3) ? " 1x1" : isDrawn(0.3) ? " 5x5 pad same" : " 3x3 pad same"
        }
        for groups in [channels, 2] where isDrawn(0.4) {
            guard channels % groups == 0, outputs % groups == 0 else { continue }
            words += " groups \(groups)"
            break
        }
        line(words)
        channels = outputs
        norm()
        if isDrawn(0.9) { line(activation()) }
    }

    private mutating func addPooling() {
        guard size >= 4 else { return addConvolution() }
        switch generator.nextIndex(below: 3) {
        case 0:
            line("max_pool 2")
            size /= 2
        case 1:
            line("avg_pool 2")
            size /= 2
        default:
            line("max_pool 3 stride 2 pad 1")
            size = (size - 1) / 2 + 1
        }
    }

    /// A residual block, whose last layer before the sum reads the stream itself now and then: it
    /// then reads and makes one class.
    private mutating func addSum() {
        addConvolution()
        names += 1
        let stream = "s\(names)"
        line("\(stream) = \(activation())")
        if isDrawn(0.5) {
            line("conv \(channels) 3x3 pad same")
            norm()
            line(activation())
        }
        line("conv \(channels) 3x3 pad same" + (isDrawn(0.3) ? " groups \(channels)" : ""))
        names += 1
        if normsEverywhere || isDrawn(0.4) {
            line("r\(names) = batch_norm")
        } else {
            line("r\(names) = dropout 0.2")
        }
        line("add of r\(names) \(stream)")
        if isDrawn(0.7) { line(activation()) }
    }

    private mutating func end() {
        if normsEverywhere || isDrawn(0.5) { line("global_avg_pool") }
        if !normsEverywhere, isDrawn(0.6) {
            line("dense 7")
            norm(0.2)
            line(activation())
        }
        line("dense \(Self.classes)")
    }

    /// The net with every number drawn, those of norms too.
    public func model(seed: UInt64) throws -> Model {
        var options = ModelConfig()
        options.seed = seed
        let model = try Model(drawing: Graph(text: text), options: options)
        var generator = RandomGenerator(seed: seed, stream: 96)
        model.graph.forEachTensor { tensor in
            let values = model.values(of: tensor)
            let name = tensor.tensor.name
            let isNorm = tensor.tensor.dimensions.count == 1 && name == "weight"
            for i in 0..<tensor.tensor.count {
                switch name {
                case "running_var": values[i] = Float(generator.nextDouble(from: 0.5, to: 2))
                case "running_mean", "bias": values[i] = Float(0.3 * generator.nextNormal())
                case "weight" where isNorm:
                    values[i] =
                        Float(generator.nextDouble(from: 0.5, to: 1.5))
                        * (generator.nextDouble() < 0.2 ? -1 : 1)
                case "weight": values[i] *= 1.5
                default: break
                }
            }
            return true
        }
        return model
    }
}

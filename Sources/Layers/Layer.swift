import Runtime

/// A kind of layer: one file that states facts and does its arithmetic. Passes, symmetries, files
/// and the ABI read them; nothing else knows a kind but `LayerKinds`.
///
/// The law, which `EveryKindTests` holds every kind to: `backward` and `accumulate` are the
/// derivatives of `forward`; the tangents are theirs in the direction of the weights; rows of
/// samples and rows of gradients may be shared out in any way, equal shares with equal bits;
/// nothing is allocated and no reference counted; what `describe` says of the channels' scales is
/// true for every input; `arguments` make the layer again.
public protocol Layer: Sendable {
    /// The kind's name in an architecture's text.
    static var word: String { get }
    /// What names begin with that a text leaves to the library: fc1, fc2, ...
    static var namePrefix: String { get }
    /// Whether a text may name it; the others are made by graphs alone.
    static var isWritten: Bool { get }
    /// Whether it reads an image as a vector, C x H x W: a text flattens it before.
    static var readsVectors: Bool { get }
    /// Whether it takes the scale and the mean away from its input's channels, and whether a text
    /// that says nothing leaves the kind's bias to such a layer after it.
    static var isNorm: Bool { get }
    static var leavesBiasToNorm: Bool { get }
    /// Whether an activation's line after the layer's becomes a part of it.
    static var takesActivation: Bool { get }

    /// From the words after the kind's name and the shapes of one or two inputs. Whatever is wrong
    /// with them is an error that names it: a file or a host wrote them.
    init(_ arguments: inout LayerArguments, inputs: [Shape], activation: Activation) throws
    /// The words that make this layer again.
    var arguments: String { get }

    var inputs: [Shape] { get }
    var output: Shape { get }
    /// After the layer, in the same pass.
    var activation: Activation { get }
    /// In the order of the parameters.
    var tensors: [LayerTensor] { get }
    /// Where the layer is linear in its weights and reads no more than one vector a sample.
    var linearMap: LinearMap? { get }

    /// Rows of the gradient that may be summed apart from each other; 0: no parameters.
    var gradientRows: Int { get }
    /// Multiply-adds of a sample in the forward pass, about: what threads are shared by.
    var multiplyAdds: Int { get }
    /// Memory beside the output.
    var needs: LayerNeeds { get }
    /// Zeros that the layer reads around its inputs, and wishes around its output for its own
    /// backward pass.
    var inputBorder: Int { get }
    var outputBorder: Int { get }

    /// Before a pass, by one thread: what all threads read of the parameters, in `pass.shared`.
    func prepare(_ pass: LayerPass)
    /// The same of the direction, in `pass.sharedTangent`.
    func prepareTangent(_ pass: LayerPass)

    /// Whether samples meet in the layer in a pass of this mode. Then, before each of the four
    /// passes goes through it, `gather` has written what each sample adds into `pass.kept`, for
    /// shares of samples, and `meet` has joined them in the order of the samples, for all: no sum
    /// depends on who did it. `gather` comes to each sample once, so it may begin with the pass's
    /// own work (delta f'(z)). Passes back and tangents are of modes in which samples meet.
    func meets(_ mode: PassMode) -> Bool
    func gather(_ pass: LayerPass, _ phase: PassPhase)
    func meet(_ pass: LayerPass, _ phase: PassPhase)
    /// What a training step leaves in the running statistics, after its passes.
    func updateStatistics(_ pass: LayerPass, _ statistics: UnsafeMutablePointer<Float>)

    /// output <- f(layer(input))
    func forward(_ pass: LayerPass)
    /// outputDelta <- outputDelta f'(z);  the inputs' deltas <- the derivatives by the inputs.
    func backward(_ pass: LayerPass)
    /// target <- beta target + alpha gradient for rows `first ..< first + count`, over all
    /// `pass.rows` samples.
    func accumulate(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, first: Int, count: Int,
        alpha: Float, beta: Float)

    /// outputTangent <- R output
    func forwardTangent(_ pass: LayerPass)
    /// R of what `backward` wrote, which is left as it is.
    func backwardTangent(_ pass: LayerPass)
    /// target <- beta target + R gradient
    func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float)

    /// What the layer does to the scales of channels: from the classes of its inputs' channels to
    /// that of its output's.
    func describe(_ channels: inout ChannelMap, inputs: [Int], parameterOffset: Int) throws
        -> Int

    /// Whether threads that share a batch of `rows` have less to do when each takes all samples and
    /// a share of the outputs, by `multiply`, before they share the samples.
    func sharesOutputs(rows: Int, parts: Int) -> Bool
    /// What `forward` begins with, for outputs `first ..< first + count` of all samples.
    func multiply(_ pass: LayerPass, first: Int, count: Int)
}

extension Layer {
    public static var namePrefix: String { word }
    public static var isWritten: Bool { true }
    public static var readsVectors: Bool { false }
    public static var isNorm: Bool { false }
    public static var leavesBiasToNorm: Bool { false }
    public static var takesActivation: Bool { true }
    public var linearMap: LinearMap? { nil }
    public var gradientRows: Int { 0 }
    public var multiplyAdds: Int { parameterCount }
    public var needs: LayerNeeds { LayerNeeds() }
    public var inputBorder: Int { 0 }
    public var outputBorder: Int { 0 }
    public func prepare(_ pass: LayerPass) {}
    public func prepareTangent(_ pass: LayerPass) {}
    public func meets(_ mode: PassMode) -> Bool { false }
    public func gather(_ pass: LayerPass, _ phase: PassPhase) {}
    public func meet(_ pass: LayerPass, _ phase: PassPhase) {}
    public func updateStatistics(_ pass: LayerPass, _ statistics: UnsafeMutablePointer<Float>) {}
    public func accumulate(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, first: Int, count: Int,
        alpha: Float, beta: Float
    ) {}
    public func accumulateTangent(
        _ pass: LayerPass, into target: UnsafeMutablePointer<Float>, beta: Float
    ) {}
    public func sharesOutputs(rows: Int, parts: Int) -> Bool { false }
    public func multiply(_ pass: LayerPass, first: Int, count: Int) {}
}

extension Layer {
    public var parameterCount: Int {
        tensors.reduce(0) { $0 + ($1.role == .parameter ? $1.count : 0) }
    }
    public var statisticCount: Int {
        tensors.reduce(0) { $0 + ($1.role == .parameter ? 0 : $1.count) }
    }
    /// The layer's line in an architecture's text.
    public var line: String {
        arguments.isEmpty ? Self.word : Self.word + " " + arguments
    }
}

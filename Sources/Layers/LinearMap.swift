/// The map of a layer that is linear in its weights: z = W h + b, then its activation.
///
/// What the groups that act through the inputs of a layer need to know of it; `offset`s count from
/// the beginning of the model's parameters once a graph has placed the layer.
public struct LinearMap: BitwiseCopyable, Sendable {
    public let inputs: Int
    public let outputs: Int
    /// W, outputs x inputs row-major, begins here; then the bias, if there is one.
    public let weightOffset: Int
    public let hasBias: Bool
    public let activation: Activation
    /// The inputs are the samples' numbers, one of `inputs` each: h is a row of the identity.
    public let readsTable: Bool

    public init(
        inputs: Int, outputs: Int, weightOffset: Int = 0, hasBias: Bool, activation: Activation,
        readsTable: Bool = false
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.weightOffset = weightOffset
        self.hasBias = hasBias
        self.activation = activation
        self.readsTable = readsTable
    }

    public var weightCount: Int { inputs * outputs }
    public var biasOffset: Int { weightOffset + weightCount }
    public var parameterCount: Int { weightCount + (hasBias ? outputs : 0) }

    /// The same, `offset` further on.
    public func placed(at offset: Int) -> LinearMap {
        LinearMap(
            inputs: inputs, outputs: outputs, weightOffset: weightOffset + offset,
            hasBias: hasBias, activation: activation, readsTable: readsTable)
    }
}

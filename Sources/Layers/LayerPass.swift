import Runtime

/// What a layer works on in one pass: a run of samples and where its numbers are.
///
/// Made on the stack from the places of a plan; a layer reads and writes through it and keeps
/// nothing. Values, deltas (derivatives of the loss by values) and tangents (R of Pearlmutter's
/// pass) are rows x the stored count of their shape.
public struct LayerPass {
    /// A value that the layer reads, and what it owes to it.
    public struct Input {
        public var value: UnsafePointer<Float>
        /// The derivative by the value; nil where nothing below learns.
        public var delta: UnsafeMutablePointer<Float>?
        /// Another layer that reads the value has written its part of the delta: add to it.
        public var addsDelta = false
        /// Nil where the value is data, which no weight moves.
        public var tangent: UnsafePointer<Float>?
        public var deltaTangent: UnsafeMutablePointer<Float>?

        public init(_ value: UnsafePointer<Float>) { self.value = value }
    }

    /// Samples of this run, and the number of the first of them in its batch.
    public var rows: Int
    public var first: Int
    /// The layer's own, in the order of its tensors.
    public var parameters: UnsafePointer<Float>
    public var input: Input
    /// Of a layer that joins two values.
    public var second: Input?
    public var output: UnsafeMutablePointer<Float>
    /// By the output; once `backward` is through, by what precedes the activation.
    public var outputDelta: UnsafeMutablePointer<Float>?
    /// `multiply` has been done for these samples.
    public var hasProduct = false

    /// What `accumulate` multiplies the deltas with instead of the input, rows x input width, and
    /// instead of the 1 that a bias reads, one a row: the same input in a frame's coordinates.
    public var framedInput: UnsafePointer<Float>?
    public var framedOnes: UnsafePointer<Float>?
    /// What is added to each row of the input for its 1, and room for the sums of deltas, one a
    /// channel of the output: one more row of the product instead of another input.
    public var shift: (row: UnsafePointer<Float>, sums: UnsafeMutablePointer<Float>)?

    public var mode = PassMode.batch
    /// What numbers a step's random choices: with a layer's place, a sample's number and a unit's.
    public var seed: UInt64 = 0
    public var step: UInt64 = 0
    /// The layer's place among the layers of its net.
    public var layer = 0
    /// The layer's own running statistics, in the order of its tensors.
    public var statistics: UnsafePointer<Float>
    /// What the layer's `needs` ask for: of the first sample of the run, of this thread, and of the
    /// workspace.
    public var kept: UnsafeMutablePointer<Float>
    public var scratch: UnsafeMutablePointer<Float>
    public var shared: UnsafeMutablePointer<Float>
    public var sharedTangent: UnsafeMutablePointer<Float>

    /// The direction v in the weights, the layer's own.
    public var direction: UnsafePointer<Float>
    public var outputTangent: UnsafeMutablePointer<Float>
    public var outputDeltaTangent: UnsafeMutablePointer<Float>

    /// Without tangents and memory beside: a pass that asks for none reads none.
    public init(
        rows: Int, first: Int, parameters: UnsafePointer<Float>, input: Input,
        output: UnsafeMutablePointer<Float>
    ) {
        self.rows = rows
        self.first = first
        self.parameters = parameters
        self.input = input
        self.output = output
        statistics = parameters
        kept = output
        scratch = output
        shared = output
        sharedTangent = output
        direction = parameters
        outputTangent = output
        outputDeltaTangent = output
    }
}

/// Memory that a layer asks of a pass beside its output, in floats.
public struct LayerNeeds: BitwiseCopyable, Sendable {
    /// A sample: from the forward pass to the last that reads it.
    public var kept = 0
    /// A thread: for the length of one call.
    public var scratch = 0
    /// A workspace: what `prepare` and `meet` write and all threads read.
    public var shared = 0
    /// The same for the passes of tangents, which have memory of their own.
    public var sharedTangent = 0

    public init(kept: Int = 0, scratch: Int = 0, shared: Int = 0, sharedTangent: Int = 0) {
        self.kept = kept
        self.scratch = scratch
        self.shared = shared
        self.sharedTangent = sharedTangent
    }
}

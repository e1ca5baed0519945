/// What becomes of a gradient as soon as some rows of it are summed, by the thread that has them in
/// its cache: an optimizer's step that treats every parameter by itself.
public struct GradientUpdate: BitwiseCopyable {
    /// The context, the first parameter and how many follow; on any thread, no parameter twice.
    public typealias Run = @convention(c) (UnsafeRawPointer, Int, Int) -> Void

    let context: UnsafeRawPointer
    let run: Run
    /// Threads that the update by itself is worth.
    let parts: Int

    public init(_ context: UnsafeRawPointer, parts: Int, run: @escaping Run) {
        self.context = context
        self.parts = parts
        self.run = run
    }
}

extension Workspace {
    /// Whether a gradient can be used by its rows.
    public var hasParameterRows: Bool { plan.hasParameterRows }
}

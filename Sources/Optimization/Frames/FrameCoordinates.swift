/// How an optimizer steps in a frame: by which root of P its gradients come, or by P itself.
public enum FrameCoordinates: Sendable {
    /// Steps are linear in the gradient and remember none: gradients come as G P, and nothing is
    /// left to do.
    case folded
    /// Any A with A A^T = P: the inverse of Cholesky's factor.
    case factor
    /// Elementwise functions of the gradient: the symmetric root of P.
    case root
}

extension TeleportConfig {
    /// The group that the options name; nothing else asks which one it is.
    var symmetry: any SymmetryGroup {
        switch group {
        case .scaling: return ScalingSymmetry()
        case .linear: return LinearSymmetry()
        case .nullSpace: return NullSpaceSymmetry()
        case .levelSet: return LevelSetSymmetry()
        case .frame: return FrameSymmetry()
        }
    }
}

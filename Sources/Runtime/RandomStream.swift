/// The streams that keep draws for different purposes apart under one seed.
public enum RandomStream {
    public static let initialization: UInt64 = 1
    public static let shuffle: UInt64 = 3
    public static let teleportSamples: UInt64 = 4
    public static let search: UInt64 = 5
    public static let perturbations: UInt64 = 6
    public static let frameSamples: UInt64 = 7
    public static let dropout: UInt64 = 8
    public static let augmentation: UInt64 = 16
    public static let draws: UInt64 = 17

    /// A stream of its own for each member of a family: an epoch's shuffle, say.
    public static func member(_ index: Int, of family: UInt64) -> UInt64 {
        family &+ (UInt64(bitPattern: Int64(index)) &+ 1) << 8
    }
}

import Runtime
public struct SampleShape: Sendable { public var channels = 1, height = 1, width = 1 }
public final class Dataset: @unchecked Sendable {
    public var count: Int { 0 }
    public var shape: SampleShape { SampleShape() }
    public var sampleWidth: Int { 0 }
    public var classCount: Int { 0 }
    public var hasLabels: Bool { false }
    public var targetWidth: Int { 0 }
    public func gather(_ positions: UnsafePointer<Int>, count: Int, x: UnsafeMutablePointer<Float>?, labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?) {}
    public func copy(first: Int, count: Int, x: UnsafeMutablePointer<Float>?, labels: UnsafeMutablePointer<Int32>?, targets: UnsafeMutablePointer<Float>?) {}
}

import Datasets
import Networks
import Runtime

// What tells the data of one run from those of another.
extension Run {
    /// Of the first samples and of the sizes.
    static func fingerprint(of train: Dataset, batchSize: Int) throws -> UInt64 {
        let samples = try SampleBuffer(for: train, capacity: min(16, train.count))
        let batch = try samples.copy(first: 0, count: samples.capacity)
        let sizes = withUnsafeBytes(of: (Int64(train.count), Int64(batchSize))) {
            Training.fingerprint($0)
        }
        return Training.fingerprint(
            UnsafeRawBufferPointer(
                start: batch.x,
                count: batch.count * batch.inputWidth * MemoryLayout<Float>.size), from: sizes)
    }
}

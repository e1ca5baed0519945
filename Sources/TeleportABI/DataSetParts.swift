import CTeleport
import Datasets
import Runtime

// Header section 5: sets made from sets, and what a set is like.

@_cdecl("tp_dataset_subset") @implementation
public func tp_dataset_subset(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ dataset: OpaquePointer?,
    _ indices: UnsafePointer<Int64>?, _ count: Int64
) -> tp_status {
    call {
        try create(out) {
            try dataset.object(Dataset.self, "dataset").subset(
                try indices.required("indices"), count: Int(count))
        }
    }
}

@_cdecl("tp_dataset_shuffled") @implementation
public func tp_dataset_shuffled(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ dataset: OpaquePointer?, _ count: Int64,
    _ seed: UInt64
) -> tp_status {
    call {
        try create(out) {
            try dataset.object(Dataset.self, "dataset").shuffled(count: Int(count), seed: seed)
        }
    }
}

@_cdecl("tp_dataset_normalized") @implementation
public func tp_dataset_normalized(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ dataset: OpaquePointer?,
    _ reference: OpaquePointer?
) -> tp_status {
    callStoppable {
        try create(out) {
            try dataset.object(Dataset.self, "dataset").normalized(
                by: try (reference ?? dataset).object(Dataset.self, "reference"))
        }
    }
}

/// Writes two numbers a channel.
private func write(
    _ statistics: (Dataset) throws -> ChannelStatistics, of dataset: OpaquePointer?,
    _ mean: UnsafeMutablePointer<Float>?, _ std: UnsafeMutablePointer<Float>?, _ capacity: Int
) throws {
    let dataset = try dataset.object(Dataset.self, "dataset")
    let mean = try mean.required("mean")
    let std = try std.required("std")
    guard dataset.hasImages else {
        throw TeleportError(
            .unsupported, "the data set holds arrays, and channels are those of images")
    }
    try requireCapacity(capacity, dataset.shape.channels, "mean")
    let statistics = try statistics(dataset)
    for c in 0..<dataset.shape.channels {
        mean[c] = statistics.mean[c]
        std[c] = statistics.std[c]
    }
}

@_cdecl("tp_dataset_channel_statistics") @implementation
public func tp_dataset_channel_statistics(
    _ dataset: OpaquePointer?, _ mean: UnsafeMutablePointer<Float>?,
    _ std: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    callStoppable {
        try write({ try $0.channelStatistics() }, of: dataset, mean, std, capacity)
    }
}

@_cdecl("tp_dataset_normalization") @implementation
public func tp_dataset_normalization(
    _ dataset: OpaquePointer?, _ mean: UnsafeMutablePointer<Float>?,
    _ std: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    call { try write({ $0.imageNormalization }, of: dataset, mean, std, capacity) }
}

@_cdecl("tp_dataset_class_counts") @implementation
public func tp_dataset_class_counts(
    _ dataset: OpaquePointer?, _ counts: UnsafeMutablePointer<Int64>?, _ capacity: Int
) -> tp_status {
    call {
        let dataset = try dataset.object(Dataset.self, "dataset")
        let counts = try counts.required("counts")
        try requireCapacity(capacity, dataset.classCount, "counts")
        dataset.countClasses(into: counts)
    }
}

@_cdecl("tp_dataset_summary") @implementation
public func tp_dataset_summary(
    _ dataset: OpaquePointer?, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int,
    _ length_out: UnsafeMutablePointer<Int>?
) -> tp_status {
    call {
        var summary = try dataset.object(Dataset.self, "dataset").summary()
        let text = try summary.withUTF8 { text in
            let copied = try Buffer<UInt8>(count: text.count)
            _ = copied.elements.initialize(from: text)
            return copied
        }
        try copy(text, into: buffer, capacity, length_out)
    }
}

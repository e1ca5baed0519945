import CTeleport
import Datasets
import Runtime

// Header section 5: samples at indices of the host, and changes of their images.

extension tp_augment_config {
    static var defaults: tp_augment_config {
        let options = Augmentation()
        var config = tp_augment_config()
        config.flip = options.flip
        config.flip_vertical = options.verticalFlip
        config.crop = options.crop
        config.stretch = options.stretch
        config.shift = Int32(options.shift)
        return config
    }
}

/// A host's changes, checked, and the draw of `tp_dataset_gather`.
struct AugmentOptions {
    var options = Augmentation()
    let draw: AugmentationDraw

    init(_ config: UnsafePointer<tp_augment_config>) throws {
        let config = try readConfig(config, defaults: .defaults, "augment")
        try requireZero(config.reserved)
        options.flip = config.flip
        options.verticalFlip = config.flip_vertical
        options.crop = given(config.crop, or: options.crop)
        options.stretch = given(config.stretch, or: options.stretch)
        options.shift = Int(config.shift)
        try options.validate()
        guard config.epoch >= 0 else {
            throw TeleportError.invalid("epoch is \(config.epoch); it must be at least 0")
        }
        draw = AugmentationDraw(options, seed: config.seed, epoch: Int(config.epoch))
    }
}

@_cdecl("tp_augment_config_init") @implementation
public func tp_augment_config_init(
    _ config: UnsafeMutablePointer<tp_augment_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

/// A host's indices into a data set; count 0 needs none.
private func positions(
    _ dataset: Dataset, _ indices: UnsafePointer<Int64>?, _ count: Int64
) throws -> Buffer<Int> {
    guard count >= 0 else {
        throw TeleportError.invalid("count is \(count); it must be at least 0")
    }
    let positions = try Buffer<Int>(count: Int(count))
    if count > 0 { try dataset.places(at: try indices.required("indices"), into: positions) }
    return positions
}

@_cdecl("tp_dataset_gather") @implementation
public func tp_dataset_gather(
    _ dataset: OpaquePointer?, _ indices: UnsafePointer<Int64>?, _ count: Int64,
    _ augment: UnsafePointer<tp_augment_config>?, _ x: UnsafeMutablePointer<Float>?,
    _ x_capacity: Int, _ labels: UnsafeMutablePointer<Int32>?, _ labels_capacity: Int
) -> tp_status {
    callStoppable {
        let dataset = try dataset.object(Dataset.self, "dataset")
        let positions = try positions(dataset, indices, count)
        try requireOptional(
            x, x_capacity, try Memory.product(Int(count), dataset.sampleWidth), "x")
        guard labels == nil || dataset.hasLabels else {
            throw TeleportError.invalid("labels are asked for, but the data set has none")
        }
        try requireOptional(labels, labels_capacity, Int(count), "labels")
        let augment = try augment.map { try AugmentOptions($0) }
        try augment?.options.validate(for: dataset)
        let reader = try SampleReader(
            dataset, capacity: Int(count), augments: augment != nil)
        try reader.gather(
            positions.pointer, count: Int(count), change: augment?.draw, x: x, labels: labels,
            targets: nil)
    }
}

@_cdecl("tp_dataset_gather_targets") @implementation
public func tp_dataset_gather_targets(
    _ dataset: OpaquePointer?, _ indices: UnsafePointer<Int64>?, _ count: Int64,
    _ targets: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    call {
        let dataset = try dataset.object(Dataset.self, "dataset")
        let targets = try targets.required("targets")
        guard dataset.targetWidth > 0 else {
            throw TeleportError.invalid("targets are asked for, but the data set has none")
        }
        let positions = try positions(dataset, indices, count)
        try requireCapacity(
            capacity, try Memory.product(Int(count), dataset.targetWidth), "targets")
        try SampleReader(dataset, capacity: 0).gather(
            positions.pointer, count: Int(count), x: nil, labels: nil, targets: targets)
    }
}

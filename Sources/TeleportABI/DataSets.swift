import CTeleport
import Datasets
import Runtime

// Header section 5: data sets.

extension tp_image_config {
    static var defaults: tp_image_config {
        let options = ImageConfig()
        var config = tp_image_config()
        config.resampling = options.resampling.rawValue
        config.bad_image = options.badImage.rawValue
        config.mean = options.mean
        config.std = options.std
        config.max_width = Int32(options.maxWidth)
        config.max_height = Int32(options.maxHeight)
        config.max_pixels = Int64(options.maxPixels)
        config.max_chunk_bytes = Int64(options.maxChunkBytes)
        config.keep_bytes = Int64(options.keptBytes)
        return config
    }
}

extension ImageConfig {
    /// Numbers check themselves where they are used.
    fileprivate init(_ config: UnsafePointer<tp_image_config>?) throws {
        let config = try readConfig(config, defaults: .defaults, "config")
        self.init()
        channels = Int(config.channels)
        height = Int(config.height)
        width = Int(config.width)
        resampling = try member(config.resampling, Resampling.self, "resampling")
        badImage = try member(config.bad_image, BadImagePolicy.self, "bad_image")
        allowsEmptyClasses = try flag(config.allow_empty_classes, "allow_empty_classes")
        isFlat = try flag(config.flat, "flat")
        let (red, green, blue) = config.background
        background = (Int(red), Int(green), Int(blue))
        mean = config.mean
        std.0 = given(config.std.0, or: std.0)
        std.1 = given(config.std.1, or: std.1)
        std.2 = given(config.std.2, or: std.2)
        std.3 = given(config.std.3, or: std.3)
        try setClassNames(config.class_names, count: config.class_count)
        maxWidth = given(config.max_width, or: maxWidth)
        maxHeight = given(config.max_height, or: maxHeight)
        maxPixels = given(config.max_pixels, or: maxPixels)
        maxChunkBytes = given(config.max_chunk_bytes, or: maxChunkBytes)
        takesNestedClasses = try flag(config.nested_classes, "nested_classes")
        try requireZero(config.reserved)
        keep = try member(config.keep, KeptImages.self, "keep")
        isMeasured = try flag(config.normalize, "normalize")
        keptBytes = given(config.keep_bytes, or: keptBytes)
    }
}

@_cdecl("tp_image_config_init") @implementation
public func tp_image_config_init(
    _ config: UnsafeMutablePointer<tp_image_config>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(config, size: struct_size, with: .defaults, "config") }
}

@_cdecl("tp_dataset_from_labels") @implementation
public func tp_dataset_from_labels(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ x: UnsafePointer<Float>?, _ x_width: Int64,
    _ labels: UnsafePointer<Int32>?, _ count: Int64, _ class_count: Int32
) -> tp_status {
    call {
        try create(out) {
            try Dataset.fromLabels(
                x: try x.required("x"), width: Int(x_width), labels: try labels.required("labels"),
                count: Int(count), classCount: Int(class_count))
        }
    }
}

@_cdecl("tp_dataset_from_targets") @implementation
public func tp_dataset_from_targets(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ x: UnsafePointer<Float>?, _ x_width: Int64,
    _ targets: UnsafePointer<Float>?, _ target_width: Int64, _ count: Int64
) -> tp_status {
    call {
        try create(out) {
            try Dataset.fromTargets(
                x: try x.required("x"), width: Int(x_width),
                targets: try targets.required("targets"), targetWidth: Int(target_width),
                count: Int(count))
        }
    }
}

/// Hands progress to the host and says whether to go on.
private func adapt(
    _ progress: tp_progress_callback?, _ user_data: UnsafeMutableRawPointer?
) -> Dataset.Progress {
    { done, total in !Stop.isRequested && (progress?(done, total, user_data) ?? 0) == 0 }
}

/// A data set into `out`, or NULL where progress stopped it.
private func createStoppable(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ make: () throws -> Dataset?
) throws {
    let out = try out.required("out")
    out.pointee = nil
    guard let dataset = try make() else { throw Stopped() }
    out.pointee = makeHandle(dataset)
}

@_cdecl("tp_dataset_from_image_folder") @implementation
public func tp_dataset_from_image_folder(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ path: UnsafePointer<CChar>?,
    _ config: UnsafePointer<tp_image_config>?, _ progress: tp_progress_callback?,
    _ user_data: UnsafeMutableRawPointer?
) -> tp_status {
    callStoppable {
        try createStoppable(out) {
            try Dataset.fromImageFolder(
                path: try path.required("path"), options: try ImageConfig(config),
                progress: adapt(progress, user_data))
        }
    }
}

@_cdecl("tp_dataset_from_image_files") @implementation
public func tp_dataset_from_image_files(
    _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ paths: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int,
    _ config: UnsafePointer<tp_image_config>?, _ progress: tp_progress_callback?,
    _ user_data: UnsafeMutableRawPointer?
) -> tp_status {
    callStoppable {
        try createStoppable(out) {
            try Dataset.fromImageFiles(
                paths: try paths.required("paths"), count: count,
                options: try ImageConfig(config), progress: adapt(progress, user_data))
        }
    }
}

@_cdecl("tp_dataset_from_pixels") @implementation
public func tp_dataset_from_pixels(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ pixels: UnsafePointer<UInt8>?,
    _ shape: UnsafePointer<Int32>?, _ labels: UnsafePointer<Int32>?, _ count: Int64,
    _ config: UnsafePointer<tp_image_config>?
) -> tp_status {
    call {
        try create(out) {
            let shape = try shape.required("shape")
            return try Dataset.fromPixels(
                try pixels.required("pixels"),
                shape: SampleShape(
                    channels: Int(shape[0]), height: Int(shape[1]), width: Int(shape[2])),
                labels: labels, count: Int(count), options: try ImageConfig(config))
        }
    }
}

@_cdecl("tp_dataset_from_idx") @implementation
public func tp_dataset_from_idx(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ images_path: UnsafePointer<CChar>?,
    _ labels_path: UnsafePointer<CChar>?, _ config: UnsafePointer<tp_image_config>?
) -> tp_status {
    call {
        try create(out) {
            try Dataset.fromIDX(
                imagesPath: try images_path.required("images_path"), labelsPath: labels_path,
                options: try ImageConfig(config))
        }
    }
}

@_cdecl("tp_dataset_split") @implementation
public func tp_dataset_split(
    _ first_out: UnsafeMutablePointer<OpaquePointer?>?,
    _ second_out: UnsafeMutablePointer<OpaquePointer?>?, _ dataset: OpaquePointer?,
    _ fraction: Double, _ stratified: Int32, _ seed: UInt64
) -> tp_status {
    call {
        let first_out = try first_out.required("first_out")
        let second_out = try second_out.required("second_out")
        first_out.pointee = nil
        second_out.pointee = nil
        let (first, second) = try dataset.object(Dataset.self, "dataset").split(
            fraction: fraction, stratified: try flag(stratified, "stratified"), seed: seed)
        first_out.pointee = makeHandle(first)
        second_out.pointee = makeHandle(second)
    }
}

@_cdecl("tp_dataset_free") @implementation
public func tp_dataset_free(_ dataset: OpaquePointer?) {
    dataset.release(Dataset.self)
}

@_cdecl("tp_dataset_count") @implementation
public func tp_dataset_count(_ dataset: OpaquePointer?) -> Int64 {
    Int64((try? dataset.object(Dataset.self, "dataset"))?.count ?? 0)
}

@_cdecl("tp_dataset_class_count") @implementation
public func tp_dataset_class_count(_ dataset: OpaquePointer?) -> Int32 {
    let dataset = try? dataset.object(Dataset.self, "dataset")
    return Int32(truncatingIfNeeded: dataset?.classCount ?? 0)
}

@_cdecl("tp_dataset_sample_shape") @implementation
public func tp_dataset_sample_shape(
    _ dataset: OpaquePointer?, _ channels_out: UnsafeMutablePointer<Int32>?,
    _ height_out: UnsafeMutablePointer<Int32>?, _ width_out: UnsafeMutablePointer<Int32>?
) -> tp_status {
    call {
        let shape = try dataset.object(Dataset.self, "dataset").shape
        channels_out?.pointee = Int32(truncatingIfNeeded: shape.channels)
        height_out?.pointee = Int32(truncatingIfNeeded: shape.height)
        width_out?.pointee = Int32(truncatingIfNeeded: shape.width)
    }
}

@_cdecl("tp_dataset_target_width") @implementation
public func tp_dataset_target_width(_ dataset: OpaquePointer?) -> Int64 {
    Int64((try? dataset.object(Dataset.self, "dataset"))?.targetWidth ?? 0)
}

@_cdecl("tp_dataset_class_name") @implementation
public func tp_dataset_class_name(
    _ dataset: OpaquePointer?, _ index: Int32
) -> UnsafePointer<CChar>? {
    (try? dataset.object(Dataset.self, "dataset"))?.className(Int(index))
}

@_cdecl("tp_dataset_sample_path") @implementation
public func tp_dataset_sample_path(
    _ dataset: OpaquePointer?, _ index: Int64
) -> UnsafePointer<CChar>? {
    (try? dataset.object(Dataset.self, "dataset"))?.samplePath(Int(index))
}

/// Checks a range of samples.
func checkRange(_ dataset: Dataset, _ first: Int64, _ count: Int64) throws {
    guard first >= 0, count >= 0, first <= Int64(dataset.count),
        count <= Int64(dataset.count) - first
    else {
        throw TeleportError.invalid(
            "\(count) samples from \(first) are asked for; the data set has samples 0 to \(dataset.count - 1)"
        )
    }
}

@_cdecl("tp_dataset_get") @implementation
public func tp_dataset_get(
    _ dataset: OpaquePointer?, _ first: Int64, _ count: Int64, _ x: UnsafeMutablePointer<Float>?,
    _ x_capacity: Int, _ labels: UnsafeMutablePointer<Int32>?, _ labels_capacity: Int
) -> tp_status {
    callStoppable {
        let dataset = try dataset.object(Dataset.self, "dataset")
        try checkRange(dataset, first, count)
        try requireOptional(
            x, x_capacity, try Memory.product(Int(count), dataset.sampleWidth), "x")
        guard labels == nil || dataset.hasLabels else {
            throw TeleportError.invalid("labels are asked for, but the data set has none")
        }
        try requireOptional(labels, labels_capacity, Int(count), "labels")
        try SampleReader(dataset, capacity: Int(count)).copy(
            first: Int(first), count: Int(count), x: x, labels: labels, targets: nil)
    }
}

@_cdecl("tp_dataset_get_targets") @implementation
public func tp_dataset_get_targets(
    _ dataset: OpaquePointer?, _ first: Int64, _ count: Int64,
    _ targets: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    call {
        let dataset = try dataset.object(Dataset.self, "dataset")
        let targets = try targets.required("targets")
        try checkRange(dataset, first, count)
        guard dataset.targetWidth > 0 else {
            throw TeleportError.invalid("targets are asked for, but the data set has none")
        }
        try requireCapacity(
            capacity, try Memory.product(Int(count), dataset.targetWidth), "targets")
        try SampleReader(dataset, capacity: 0).copy(
            first: Int(first), count: Int(count), x: nil, labels: nil, targets: targets)
    }
}

@_cdecl("tp_dataset_skipped_count") @implementation
public func tp_dataset_skipped_count(_ dataset: OpaquePointer?) -> Int64 {
    Int64((try? dataset.object(Dataset.self, "dataset"))?.skippedCount ?? 0)
}

@_cdecl("tp_dataset_skipped") @implementation
public func tp_dataset_skipped(
    _ dataset: OpaquePointer?, _ index: Int64,
    _ path_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?,
    _ reason_out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> tp_status {
    call {
        let dataset = try dataset.object(Dataset.self, "dataset")
        guard let file = dataset.skipped(Int(index)) else {
            throw TeleportError.invalid(
                "index is \(index); the data set has \(dataset.skippedCount) skipped files")
        }
        path_out?.pointee = file.path
        reason_out?.pointee = file.reason
    }
}

@_cdecl("tp_image_load") @implementation
public func tp_image_load(
    _ path: UnsafePointer<CChar>?, _ config: UnsafePointer<tp_image_config>?,
    _ pixels: UnsafeMutablePointer<UInt8>?, _ capacity: Int,
    _ shape_out: UnsafeMutablePointer<Int32>?
) -> tp_status {
    call {
        var shape: SampleShape?
        defer {
            if let shape, let shape_out {
                shape_out[0] = Int32(truncatingIfNeeded: shape.channels)
                shape_out[1] = Int32(truncatingIfNeeded: shape.height)
                shape_out[2] = Int32(truncatingIfNeeded: shape.width)
            }
        }
        try Dataset.loadImage(
            path: try path.required("path"), options: try ImageConfig(config), pixels: pixels,
            capacity: Int(clamping: UInt(bitPattern: capacity)), shape: &shape)
    }
}

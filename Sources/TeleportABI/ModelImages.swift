import CTeleport
import Datasets
import Networks
import Runtime
import Training

// Header section 5: how a model's images are prepared.

@_cdecl("tp_model_set_images") @implementation
public func tp_model_set_images(_ model: OpaquePointer?, _ dataset: OpaquePointer?) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        guard dataset != nil else { return try model.setImages(nil) }
        let dataset = try dataset.object(Dataset.self, "dataset")
        guard let images = try ImagePreparation(of: dataset) else {
            throw TeleportError(.unsupported, "the data set holds arrays, not images")
        }
        try model.setImages(images)
    }
}

@_cdecl("tp_model_set_image_config") @implementation
public func tp_model_set_image_config(
    _ model: OpaquePointer?, _ config: UnsafePointer<tp_image_config>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let options = try ImageConfig(try config.required("config"))
        try model.setImages(try ImagePreparation(options, for: model.graph))
    }
}

@_cdecl("tp_model_get_image_config") @implementation
public func tp_model_get_image_config(
    _ model: OpaquePointer?, _ config_out: UnsafeMutablePointer<tp_image_config>?
) -> tp_status {
    call {
        let model = try model.object(Model.self, "model")
        let config_out = try config_out.required("config_out")
        try checkOutput(config_out, "config_out")
        guard let images = model.images else {
            throw TeleportError(
                .badState, "the model does not know how its images are prepared")
        }
        try writeOutput(tp_image_config(images), to: config_out, "config_out")
    }
}

extension tp_image_config {
    fileprivate init(_ images: ImagePreparation) {
        let options = ImageConfig(images)
        self = .defaults
        channels = Int32(truncatingIfNeeded: options.channels)
        height = Int32(truncatingIfNeeded: options.height)
        width = Int32(truncatingIfNeeded: options.width)
        resampling = options.resampling.rawValue
        background = (
            Int32(truncatingIfNeeded: options.background.0),
            Int32(truncatingIfNeeded: options.background.1),
            Int32(truncatingIfNeeded: options.background.2)
        )
        mean = options.mean
        std = options.std
        class_names = images.namePointers.map { UnsafePointer($0.pointer) }
        class_count = images.namePointers?.count ?? 0
    }
}

@_cdecl("tp_model_class_name") @implementation
public func tp_model_class_name(
    _ model: OpaquePointer?, _ index: Int32
) -> UnsafePointer<CChar>? {
    guard let names = (try? model.object(Model.self, "model"))?.images?.classNames,
        index >= 0, index < names.count
    else { return nil }
    return names[Int(index)]
}

@_cdecl("tp_model_predict_images") @implementation
public func tp_model_predict_images(
    _ model: OpaquePointer?, _ paths: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int,
    _ kind: tp_output, _ outputs: UnsafeMutablePointer<Float>?, _ outputs_capacity: Int,
    _ labels: UnsafeMutablePointer<Int32>?, _ labels_capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        guard kind == TP_OUTPUT_RAW || kind == TP_OUTPUT_PROBABILITIES else {
            throw TeleportError.invalid("kind is \(kind.rawValue), which is none of its values")
        }
        guard count >= 0 else {
            throw TeleportError.invalid(
                "count is \(UInt(bitPattern: count)); no list is that long")
        }
        try requireOptional(
            outputs, outputs_capacity, try Memory.product(count, model.graph.outputWidth),
            "outputs")
        try requireOptional(labels, labels_capacity, count, "labels")
        guard count > 0 else { return }
        try model.predictImages(
            try paths.required("paths"), count: count,
            asProbabilities: kind == TP_OUTPUT_PROBABILITIES, outputs: outputs, labels: labels)
    }
}

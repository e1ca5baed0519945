import CTeleport
import Datasets
import Runtime

// Header section 5: weights of samples.

@_cdecl("tp_dataset_with_weights") @implementation
public func tp_dataset_with_weights(
    _ out: UnsafeMutablePointer<OpaquePointer?>?, _ dataset: OpaquePointer?,
    _ weights: UnsafePointer<Float>?, _ count: Int
) -> tp_status {
    call {
        try create(out) {
            try dataset.object(Dataset.self, "dataset").withWeights(weights, count: count)
        }
    }
}

@_cdecl("tp_dataset_get_weights") @implementation
public func tp_dataset_get_weights(
    _ dataset: OpaquePointer?, _ first: Int64, _ count: Int64,
    _ weights: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    call {
        let dataset = try dataset.object(Dataset.self, "dataset")
        let weights = try weights.required("weights")
        try checkRange(dataset, first, count)
        try requireCapacity(capacity, Int(count), "weights")
        if let source = dataset.weights {
            weights.update(from: source.pointer + Int(first), count: Int(count))
        } else {
            weights.update(repeating: 1, count: Int(count))
        }
    }
}

import CTeleport
import Datasets
import Layers
import Networks
import Runtime
import Training

// Header section 6: loss, gradient, metrics.

@_cdecl("tp_model_loss") @implementation
public func tp_model_loss(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let batch = try Batch(batch)
        let loss = try lossMember(loss)
        let loss_out = try loss_out.required("loss_out")
        try batch.validate(for: model.graph, loss: loss)
        let workspace = try model.measuringWorkspace(count: batch.count)
        loss_out.pointee = try model.loss(batch, loss, workspace: workspace)
    }
}

@_cdecl("tp_model_gradient") @implementation
public func tp_model_gradient(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ gradient: UnsafeMutablePointer<Float>?, _ capacity: Int,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let batch = try Batch(batch)
        let loss = try lossMember(loss)
        let gradient = try gradient.required("gradient")
        try requireCapacity(capacity, model.graph.parameterCount, "gradient")
        try batch.validate(for: model.graph, loss: loss)
        let workspace = try model.measuringWorkspace(count: batch.count, backward: true)
        let value = try model.gradient(batch, loss, into: gradient, workspace: workspace)
        loss_out?.pointee = value
    }
}

@_cdecl("tp_model_hessian_vector_product") @implementation
public func tp_model_hessian_vector_product(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ v: UnsafePointer<Float>?, _ count: Int, _ product: UnsafeMutablePointer<Float>?,
    _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let batch = try Batch(batch)
        let loss = try lossMember(loss)
        let v = try v.required("v")
        let product = try product.required("product")
        try requireCount(count, model.graph.parameterCount, "v")
        try requireCapacity(capacity, model.graph.parameterCount, "product")
        try requireApart(v, "v", product, "product", count: count)
        try requireFinite(v, count, "v")
        try batch.validate(for: model.graph, loss: loss)
        try HessianVectorProduct(model, count: batch.count).product(
            batch, loss, v: v, into: product)
    }
}

extension tp_metrics {
    fileprivate init(_ metrics: Metrics) {
        self.init()
        loss = metrics.loss
        accuracy = metrics.accuracy
        correct = Int64(metrics.correct)
        count = Int64(metrics.count)
    }
}

@_cdecl("tp_metrics_init") @implementation
public func tp_metrics_init(
    _ metrics: UnsafeMutablePointer<tp_metrics>?, _ struct_size: Int
) -> tp_status {
    call { try initialize(metrics, size: struct_size, with: tp_metrics(Metrics()), "metrics") }
}

@_cdecl("tp_model_evaluate") @implementation
public func tp_model_evaluate(
    _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ loss: tp_loss,
    _ metrics_out: UnsafeMutablePointer<tp_metrics>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let dataset = try dataset.object(Dataset.self, "dataset")
        let loss = try lossMember(loss)
        let metrics_out = try metrics_out.required("metrics_out")
        try checkOutput(metrics_out, "metrics_out")
        try dataset.validate(for: model.graph, loss: loss)
        let metrics = try Evaluation(model, on: dataset).metrics(dataset, loss)
        try writeOutput(tp_metrics(metrics), to: metrics_out, "metrics_out")
    }
}

@_cdecl("tp_model_confusion_matrix") @implementation
public func tp_model_confusion_matrix(
    _ model: OpaquePointer?, _ dataset: OpaquePointer?, _ counts: UnsafeMutablePointer<Int64>?,
    _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        let dataset = try dataset.object(Dataset.self, "dataset")
        let counts = try counts.required("counts")
        let width = model.graph.outputWidth
        let elements = try Memory.product(width, width)
        try requireCapacity(capacity, elements, "counts")
        try dataset.validate(for: model.graph, loss: .crossEntropy)
        let evaluation = try Evaluation(model, on: dataset)
        counts.update(repeating: 0, count: elements)
        try evaluation.confusion(dataset, into: counts)
    }
}

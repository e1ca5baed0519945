import CTeleport
import Datasets
import Layers
import Networks
import Runtime
import Training

// Header section 6: loss, gradient, metrics.

private func measureLoss(
    _ model: Model, _ batch: UnsafePointer<tp_batch>?, _ loss: Loss,
    _ loss_out: UnsafeMutablePointer<Double>?
) throws {
    let batch = try Batch(batch)
    let loss_out = try loss_out.required("loss_out")
    try batch.validate(for: model.graph, loss: loss)
    let workspace = try model.measuringWorkspace(count: batch.count)
    loss_out.pointee = try model.loss(batch, loss, workspace: workspace)
}

@_cdecl("tp_model_loss") @implementation
public func tp_model_loss(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        try measureLoss(model, batch, try lossMember(loss), loss_out)
    }
}

@_cdecl("tp_trainer_loss") @implementation
public func tp_trainer_loss(
    _ trainer: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    callStoppable {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try measureLoss(trainer.model, batch, trainer.loss, loss_out)
    }
}

private func measureGradient(
    _ model: Model, _ batch: UnsafePointer<tp_batch>?, _ loss: Loss,
    _ gradient: UnsafeMutablePointer<Float>?, _ capacity: Int,
    _ loss_out: UnsafeMutablePointer<Double>?
) throws {
    let batch = try Batch(batch)
    let gradient = try gradient.required("gradient")
    try requireCapacity(capacity, model.graph.parameterCount, "gradient")
    try batch.validate(for: model.graph, loss: loss)
    let workspace = try model.measuringWorkspace(count: batch.count, backward: true)
    let value = try model.gradient(batch, loss, into: gradient, workspace: workspace)
    loss_out?.pointee = value
}

@_cdecl("tp_model_gradient") @implementation
public func tp_model_gradient(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ gradient: UnsafeMutablePointer<Float>?, _ capacity: Int,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        try measureGradient(model, batch, try lossMember(loss), gradient, capacity, loss_out)
    }
}

@_cdecl("tp_trainer_gradient") @implementation
public func tp_trainer_gradient(
    _ trainer: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?,
    _ gradient: UnsafeMutablePointer<Float>?, _ capacity: Int,
    _ loss_out: UnsafeMutablePointer<Double>?
) -> tp_status {
    callStoppable {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try measureGradient(trainer.model, batch, trainer.loss, gradient, capacity, loss_out)
    }
}

private func measureCurvature(
    _ model: Model, _ batch: UnsafePointer<tp_batch>?, _ loss: Loss, _ v: UnsafePointer<Float>?,
    _ count: Int, _ product: UnsafeMutablePointer<Float>?, _ capacity: Int
) throws {
    let batch = try Batch(batch)
    let v = try v.required("v")
    let product = try product.required("product")
    try requireCount(count, model.graph.parameterCount, "v")
    try requireCapacity(capacity, model.graph.parameterCount, "product")
    try requireApart(v, "v", product, "product", count: count)
    try requireFinite(v, count, "v")
    try batch.validate(for: model.graph, loss: loss)
    try HessianVectorProduct(model, count: batch.count).product(batch, loss, v: v, into: product)
}

@_cdecl("tp_model_hessian_vector_product") @implementation
public func tp_model_hessian_vector_product(
    _ model: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ loss: tp_loss,
    _ v: UnsafePointer<Float>?, _ count: Int, _ product: UnsafeMutablePointer<Float>?,
    _ capacity: Int
) -> tp_status {
    callStoppable {
        let model = try model.object(Model.self, "model")
        try measureCurvature(model, batch, try lossMember(loss), v, count, product, capacity)
    }
}

@_cdecl("tp_trainer_hessian_vector_product") @implementation
public func tp_trainer_hessian_vector_product(
    _ trainer: OpaquePointer?, _ batch: UnsafePointer<tp_batch>?, _ v: UnsafePointer<Float>?,
    _ count: Int, _ product: UnsafeMutablePointer<Float>?, _ capacity: Int
) -> tp_status {
    callStoppable {
        let trainer = try trainer.object(Trainer.self, "trainer")
        try measureCurvature(trainer.model, batch, trainer.loss, v, count, product, capacity)
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

@_cdecl("tp_confusion_metrics") @implementation
public func tp_confusion_metrics(
    _ counts: UnsafePointer<Int64>?, _ class_count: Int,
    _ precision: UnsafeMutablePointer<Double>?, _ recall: UnsafeMutablePointer<Double>?,
    _ f1: UnsafeMutablePointer<Double>?, _ capacity: Int
) -> tp_status {
    call {
        let counts = try counts.required("counts")
        guard class_count >= 1, class_count <= Int(Int32.max) else {
            throw TeleportError.invalid(
                "class_count is \(UInt(bitPattern: class_count)); a confusion matrix has at least 1 class"
            )
        }
        if precision != nil || recall != nil || f1 != nil {
            try requireCapacity(capacity, class_count, "each output")
        }
        for i in 0..<class_count * class_count where counts[i] < 0 {
            throw TeleportError.invalid(
                "counts[\(i / class_count), \(i % class_count)] is \(counts[i]); no count is negative"
            )
        }
        let metrics = ClassMetrics(counts, classes: class_count)
        for index in 0..<class_count {
            let told = metrics.metrics(of: index)
            precision?[index] = told.precision
            recall?[index] = told.recall
            f1?[index] = told.f1
        }
    }
}

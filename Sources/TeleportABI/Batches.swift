import CTeleport
import Layers
import Networks
import Runtime

// Header section 3: batches of the host.

extension Batch {
    /// The host's batch, its pointers checked; `validate` checks it against a model.
    init(_ batch: UnsafePointer<tp_batch>?, _ name: StaticString = "batch") throws {
        let batch = try batch.required(name).pointee
        guard let x = batch.x else { throw TeleportError.invalid("\(name)->x is NULL") }
        guard (batch.labels == nil) != (batch.targets == nil) else {
            throw TeleportError.invalid(
                batch.labels == nil
                    ? "\(name) has neither labels nor targets"
                    : "\(name) has both labels and targets")
        }
        guard batch.labels == nil || batch.target_width == 0 else {
            throw TeleportError.invalid(
                "\(name)->target_width is \(batch.target_width); with labels it must be 0")
        }
        self.init(
            x: x, inputWidth: Int(batch.x_width), labels: batch.labels, targets: batch.targets,
            targetWidth: Int(batch.target_width), weights: batch.weights, count: Int(batch.count))
    }
}

extension Batch {
    /// Only the inputs of a batch; its labels and targets are not looked at.
    init(inputsOf batch: UnsafePointer<tp_batch>, for graph: Graph) throws {
        let batch = batch.pointee
        guard let x = batch.x else { throw TeleportError.invalid("batch->x is NULL") }
        guard batch.count >= 1 else {
            throw TeleportError.invalid("the batch has \(batch.count) samples; it needs at least 1")
        }
        guard batch.x_width == Int64(graph.inputWidth) else {
            throw TeleportError(
                .shapeMismatch,
                "the batch has \(batch.x_width) values a sample but the model takes \(graph.inputWidth)"
            )
        }
        self.init(x: x, inputWidth: Int(batch.x_width), count: Int(batch.count))
    }
}

func lossMember(_ loss: tp_loss, smoothing: Double = 0) throws -> Loss {
    let kind = try member(Int32(truncatingIfNeeded: loss.rawValue), Loss.Kind.self, "loss")
    return Loss(kind, smoothing: smoothing)
}

import CTeleport

func check(_ status: tp_status) {
    guard status.rawValue < 0 else { return }
    fatalError(String(cString: tp_error_message()))
}

let x: [Float] = [0, 0, 0, 1, 1, 0, 1, 1]
let y: [Float] = [0, 1, 1, 0]
var model: OpaquePointer?
var trainer: OpaquePointer?
var loss = 0.0
check(tp_model_create_mlp(&model, [2, 8, 1], 3, nil))
check(tp_trainer_create(&trainer, model, TP_LOSS_MEAN_SQUARED_ERROR, nil))
x.withUnsafeBufferPointer { x in
    y.withUnsafeBufferPointer { y in
        var batch = tp_batch()
        batch.x = x.baseAddress
        batch.x_width = 2
        batch.targets = y.baseAddress
        batch.target_width = 1
        batch.count = 4
        for _ in 0..<500 { check(tp_trainer_step(trainer, &batch, &loss)) }
    }
}
print(loss)
tp_trainer_free(trainer)
tp_model_free(model)

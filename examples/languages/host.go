package main // go run host.go

// #cgo pkg-config: teleport
// #include <teleport.h>
// static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, y[] = {0, 1, 1, 0}; // of C: a tp_batch holds pointers
// static const tp_batch batch = {.x = x, .x_width = 2, .targets = y, .target_width = 1, .count = 4};
// static const tp_batch *samples(void) { return &batch; }
import "C"
import "fmt"
import "runtime"

func check(status C.tp_status) {
	if status < 0 {
		panic(C.GoString(C.tp_error_message()))
	}
}
func main() {
	runtime.LockOSThread() // error messages are kept by thread
	var model, trainer, loss = (*C.tp_model)(nil), (*C.tp_trainer)(nil), C.double(0)
	widths := []C.int32_t{2, 8, 1}
	check(C.tp_model_create_mlp(&model, &widths[0], 3, nil))
	defer C.tp_model_free(model)
	check(C.tp_trainer_create(&trainer, model, C.TP_LOSS_MEAN_SQUARED_ERROR, nil))
	defer C.tp_trainer_free(trainer)
	for step := 0; step < 500; step++ {
		check(C.tp_trainer_step(trainer, C.samples(), &loss))
	}
	fmt.Println(float64(loss))
}

// rustc host.rs $(pkg-config --libs teleport)
use std::{ffi::{c_char, c_void, CStr}, process::exit, ptr::null};

#[repr(C)]
struct Batch { x: *const f32, x_width: i64, labels: *const i32, targets: *const f32, target_width: i64,
               weights: *const f32, count: i64 }
#[link(name = "teleport")]
extern "C" {
    fn tp_error_message() -> *const c_char;
    fn tp_model_create_mlp(out: *mut *mut c_void, widths: *const i32, count: usize, config: *const c_void) -> i32;
    fn tp_trainer_create(out: *mut *mut c_void, model: *mut c_void, loss: i32, config: *const c_void) -> i32;
    fn tp_trainer_step(trainer: *mut c_void, batch: *const Batch, loss: *mut f64) -> i32;
    fn tp_trainer_free(trainer: *mut c_void);
    fn tp_model_free(model: *mut c_void);
}
unsafe fn check(status: i32) {
    if status < 0 { eprintln!("{}", CStr::from_ptr(tp_error_message()).to_string_lossy()); exit(1) }
}
fn main() {
    let (x, y, widths) = ([0f32, 0., 0., 1., 1., 0., 1., 1.], [0f32, 1., 1., 0.], [2, 8, 1]);
    let batch = Batch { x: x.as_ptr(), x_width: 2, labels: null(), targets: y.as_ptr(), target_width: 1, weights: null(), count: 4 };
    let (mut model, mut trainer, mut loss) = (std::ptr::null_mut(), std::ptr::null_mut(), 0.0);
    unsafe {
        check(tp_model_create_mlp(&mut model, widths.as_ptr(), 3, null()));
        check(tp_trainer_create(&mut trainer, model, 1, null())); // TP_LOSS_MEAN_SQUARED_ERROR
        for _ in 0..500 { check(tp_trainer_step(trainer, &batch, &mut loss)) }
        println!("{loss}"); tp_trainer_free(trainer); tp_model_free(model);
    }
}

"""The structs of teleport.h, field for field. A test compares them with the C compiler's layout.

Arrays are `c_void_p`, so that an address fits in without a cast. The caller keeps arrays alive.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint64, c_void_p


class tp_batch(ctypes.Structure):
    _fields_ = [
        ("x", c_void_p),
        ("x_width", c_int64),
        ("labels", c_void_p),
        ("targets", c_void_p),
        ("target_width", c_int64),
        ("weights", c_void_p),
        ("count", c_int64),
    ]


class tp_model_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("activation", c_int32),
        ("negative_slope", c_float),
        ("bias", c_int32),
        ("initialization", c_int32),
        ("seed", c_uint64),
    ]


class tp_image_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("channels", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("resampling", c_int32),
        ("bad_image", c_int32),
        ("allow_empty_classes", c_int32),
        ("flat", c_int32),
        ("background", c_int32 * 3),
        ("mean", c_float * 4),
        ("std", c_float * 4),
        ("class_names", ctypes.POINTER(ctypes.c_char_p)),
        ("class_count", c_size_t),
        ("max_width", c_int32),
        ("max_height", c_int32),
        ("max_pixels", c_int64),
        ("max_chunk_bytes", c_int64),
        ("nested_classes", c_int32),
        ("reserved", c_int32),
    ]


class tp_metrics(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("loss", c_double),
        ("accuracy", c_double),
        ("correct", c_int64),
        ("count", c_int64),
    ]


class tp_teleport_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("group", c_int32),
        ("search", c_int32),
        ("objective", c_int32),
        ("state", c_int32),
        ("radius", c_double),
        ("steps", c_int32),
        ("candidates", c_int32),
        ("layer", c_int32),
        ("rollout_steps", c_int32),
        ("rollout_batch", c_int32),
        ("exact", c_int32),
        ("learning_rate", c_double),
        ("loss_tolerance", c_double),
        ("held_out_tolerance", c_double),
        ("held_out", ctypes.POINTER(tp_batch)),
        ("seed", c_uint64),
        ("sampler", c_int32),
        ("perturbations", c_int32),
        ("perturbation_norms", c_void_p),
        ("perturbation_norm_count", c_size_t),
        ("curves", c_int32),
        ("reserved", c_int32),
        ("null_tolerance", c_double),
    ]


class tp_teleport_report(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("accepted", c_int32),
        ("outcome", c_int32),
        ("group", c_int32),
        ("search", c_int32),
        ("layer", c_int32),
        ("halves_shared", c_int32),
        ("steps", c_int32),
        ("backtracks", c_int32),
        ("candidates", c_int32),
        ("refused", c_int32),
        ("rank", c_int32),
        ("reserved", c_int32),
        ("radius", c_double),
        ("loss_before", c_double),
        ("loss_after", c_double),
        ("held_out_before", c_double),
        ("held_out_after", c_double),
        ("gradient_norm2_before", c_double),
        ("gradient_norm2_after", c_double),
        ("output_change", c_double),
        ("condition", c_double),
        ("fit_residual", c_double),
        ("score_before", c_double),
        ("score_after", c_double),
        ("seconds", c_double),
        ("objective_before", c_double),
        ("objective_after", c_double),
        ("input_condition", c_double),
    ]


class tp_optimizer_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("optimizer", c_int32),
        ("reserved", c_int32),
        ("learning_rate", c_double),
        ("momentum", c_double),
        ("beta1", c_double),
        ("beta2", c_double),
        ("alpha", c_double),
        ("epsilon", c_double),
        ("weight_decay", c_double),
        ("clip_norm", c_double),
        ("initial_radius", c_double),
        ("dog_layerwise", c_int32),
        ("average", c_int32),
    ]


class tp_frame_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int32),
        ("input", c_int32),
        ("every", c_int64),
        ("early_every", c_int64),
        ("early_steps", c_int64),
        ("samples", c_int64),
        ("damping", c_double),
        ("warmup_steps", c_int64),
    ]


# Callbacks run on the thread of the call. ctypes prints and drops an exception that leaves them, so the
# functions wrapped in these types never raise.
tp_rate_callback = ctypes.CFUNCTYPE(c_double, c_int64, c_double, c_void_p)


class tp_schedule_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("schedule", c_int32),
        ("reserved", c_int32),
        ("warmup_steps", c_int64),
        ("interval", c_int64),
        ("factor", c_double),
        ("floor", c_double),
        ("rate", tp_rate_callback),
        ("user_data", c_void_p),
    ]


class tp_event(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int32),
        ("reserved", c_int32),
        ("epoch", c_int64),
        ("step", c_int64),
        ("step_in_epoch", c_int64),
        ("steps_per_epoch", c_int64),
        ("loss", c_double),
        ("learning_rate", c_double),
        ("seconds", c_double),
        ("valid_loss", c_double),
        ("valid_accuracy", c_double),
        ("teleport", ctypes.POINTER(tp_teleport_report)),
    ]


class tp_run_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("epochs", c_int32),
        ("batch_size", c_int32),
        ("seed", c_uint64),
        ("shuffle", c_int32),
        ("drop_last", c_int32),
        ("teleport", ctypes.POINTER(tp_teleport_config)),
        ("teleport_epochs", c_void_p),
        ("teleport_epoch_count", c_size_t),
        ("teleports_per_epoch", c_int32),
        ("teleport_samples", c_int32),
        ("watch_steps", c_int32),
        ("progress_interval", c_int32),
        ("stop_flag", c_void_p),
        ("checkpoint_path", c_char_p),
        ("checkpoint_steps", c_int64),
        ("checkpoint_seconds", c_double),
        ("checkpoint_keep", c_int32),
        ("finish", c_int32),
        ("frames", ctypes.POINTER(tp_frame_config)),
    ]


tp_event_callback = ctypes.CFUNCTYPE(c_int32, ctypes.POINTER(tp_event), c_void_p)
tp_stop_callback = ctypes.CFUNCTYPE(c_int32, c_void_p)
tp_progress_callback = ctypes.CFUNCTYPE(c_int32, c_int64, c_int64, c_void_p)

# The function pointers of tp_plane_function, which have no name in the header.
plane_value = ctypes.CFUNCTYPE(c_double, c_void_p, c_void_p)
plane_map = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)


class tp_plane_function(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("value", plane_value),
        ("gradient", plane_map),
        ("to_uv", plane_map),
        ("from_uv", plane_map),
        ("hessian", plane_map),
        ("from_uv_jacobian", plane_map),
        ("user_data", c_void_p),
    ]


class tp_plane_config(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("steps", c_int32),
        ("theta_steps", c_int32),
        ("learning_rate", c_double),
        ("theta_learning_rate", c_double),
        ("loss_tolerance", c_double),
        ("teleport_steps", c_void_p),
        ("teleport_step_count", c_size_t),
        ("theta_starts", c_void_p),
        ("theta_start_count", c_size_t),
        ("seed", c_uint64),
    ]


class tp_plane_report(ctypes.Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("accepted", c_int32),
        ("outcome", c_int32),
        ("theta", c_double),
        ("value_before", c_double),
        ("value_after", c_double),
        ("gradient_norm2_before", c_double),
        ("gradient_norm2_after", c_double),
    ]

# Made by scripts/python-abi from include/teleport.h: do not edit, run `make python-abi`.
"""teleport.h for ctypes: version, codes, structs, callbacks and prototypes, each in its order.

Handles and arrays are `c_void_p`, so that an address fits in without a cast. The caller keeps alive
what they point to. Callbacks run on the thread of the call; ctypes prints and drops an exception
that leaves them, so the functions wrapped in these types never raise.
"""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)

TP_VERSION_MAJOR = 0
TP_VERSION_MINOR = 1
TP_VERSION_PATCH = 0
VERSION = "0.1.0"

# tp_status
TP_OK = 0
TP_STOPPED = 1
TP_ERROR = -1
TP_ERROR_INVALID_ARGUMENT = -2
TP_ERROR_OUT_OF_MEMORY = -3
TP_ERROR_BUFFER_TOO_SMALL = -4
TP_ERROR_SHAPE_MISMATCH = -5
TP_ERROR_BAD_STATE = -6
TP_ERROR_UNSUPPORTED = -7
TP_ERROR_NOT_FINITE = -8
TP_ERROR_LINEAR_ALGEBRA = -9
TP_ERROR_NOT_FOUND = -20
TP_ERROR_IO = -21
TP_ERROR_FORMAT = -22
TP_ERROR_VERSION = -23

# tp_loss
TP_LOSS_CROSS_ENTROPY = 0
TP_LOSS_MEAN_SQUARED_ERROR = 1
TP_LOSS_HALF_SQUARED_ERROR = 2

# tp_activation
TP_ACTIVATION_IDENTITY = 0
TP_ACTIVATION_LEAKY_RELU = 1
TP_ACTIVATION_RELU = 2
TP_ACTIVATION_SIGMOID = 3
TP_ACTIVATION_TANH = 4

# tp_initialization
TP_INITIALIZATION_GLOROT_UNIFORM = 0
TP_INITIALIZATION_HE_UNIFORM = 1
TP_INITIALIZATION_TORCH_LINEAR = 2
TP_INITIALIZATION_UNIFORM_01 = 3

# tp_output
TP_OUTPUT_RAW = 0
TP_OUTPUT_PROBABILITIES = 1

# tp_bad_image
TP_BAD_IMAGE_FAIL = 0
TP_BAD_IMAGE_SKIP = 1

# tp_resampling
TP_RESAMPLING_BILINEAR = 0
TP_RESAMPLING_AREA = 1

# tp_keep
TP_KEEP_PIXELS = 0
TP_KEEP_PATHS = 1

# tp_group
TP_GROUP_SCALING = 0
TP_GROUP_LINEAR = 1
TP_GROUP_NULL_SPACE = 2
TP_GROUP_LEVEL_SET = 3
TP_GROUP_FRAME = 4

# tp_search
TP_SEARCH_LOOKAHEAD = 0
TP_SEARCH_ASCENT = 1
TP_SEARCH_RANDOM = 2

# tp_sampler
TP_SAMPLER_EXPONENTIAL = 0
TP_SAMPLER_DIAGONALLY_DOMINANT = 1

# tp_objective
TP_OBJECTIVE_GRADIENT_NORM_MAXIMIZE = 0
TP_OBJECTIVE_GRADIENT_NORM_MINIMIZE = 1
TP_OBJECTIVE_SHARPNESS_MAXIMIZE = 2
TP_OBJECTIVE_SHARPNESS_MINIMIZE = 3
TP_OBJECTIVE_CURVATURE_MAXIMIZE = 4
TP_OBJECTIVE_CURVATURE_MINIMIZE = 5
TP_OBJECTIVE_LOOKAHEAD = 6
TP_OBJECTIVE_PATH_CONDITIONING = 7
TP_OBJECTIVE_EQUAL_NORMS = 8

# tp_state_policy
TP_STATE_KEEP = 0
TP_STATE_RESET = 1
TP_STATE_TRANSFORM = 2

# tp_teleport_outcome
TP_TELEPORT_NONE = 0
TP_TELEPORT_ACCEPTED = 1
TP_TELEPORT_STAYED = 2
TP_TELEPORT_LOSS_CHANGED = 3
TP_TELEPORT_HELD_OUT_CHANGED = 4
TP_TELEPORT_NOT_FINITE = 5
TP_TELEPORT_UNDONE = 6
TP_TELEPORT_INEXACT = 7
TP_TELEPORT_NO_ROOM = 8

# tp_optimizer
TP_OPTIMIZER_SGD = 0
TP_OPTIMIZER_MOMENTUM = 1
TP_OPTIMIZER_NESTEROV = 2
TP_OPTIMIZER_ADAGRAD = 3
TP_OPTIMIZER_RMSPROP = 4
TP_OPTIMIZER_ADAM = 5
TP_OPTIMIZER_ADAMW = 6
TP_OPTIMIZER_DOG = 7

# tp_average
TP_AVERAGE_DEFAULT = 0
TP_AVERAGE_NONE = 1
TP_AVERAGE_POLYNOMIAL = 2
TP_AVERAGE_SCHEDULE_FREE = 3

# tp_schedule
TP_SCHEDULE_CONSTANT = 0
TP_SCHEDULE_STEP = 1
TP_SCHEDULE_COSINE = 2
TP_SCHEDULE_CALLBACK = 3

# tp_frame_kind
TP_FRAME_WHITEN = 0
TP_FRAME_ROTATE = 1
TP_FRAME_CENTRE = 2

# tp_frame_input
TP_FRAME_INPUT_CENTRE = 0
TP_FRAME_INPUT_NONE = 1
TP_FRAME_INPUT_RANK = 2

# tp_event_kind
TP_EVENT_STEP = 0
TP_EVENT_EPOCH = 1
TP_EVENT_TELEPORT = 2
TP_EVENT_EARLY_STOP = 3

# tp_finish
TP_FINISH_DEFAULT = 0
TP_FINISH_LAST = 1
TP_FINISH_AVERAGE = 2
TP_FINISH_BEST = 3

# tp_centring
TP_CENTRING_DEFAULT = 0
TP_CENTRING_ON = 1
TP_CENTRING_OFF = 2

TP_LAYER_ALL = -1
TP_LAYER_RANDOM = -2

tp_stop_callback = CFUNCTYPE(c_int32, c_void_p)


class tp_batch(Structure):
    _fields_ = [
        ("x", c_void_p),
        ("x_width", c_int64),
        ("labels", c_void_p),
        ("targets", c_void_p),
        ("target_width", c_int64),
        ("weights", c_void_p),
        ("count", c_int64),
    ]


class tp_model_config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("activation", c_int32),
        ("negative_slope", c_float),
        ("bias", c_int32),
        ("initialization", c_int32),
        ("seed", c_uint64),
    ]


class tp_image_config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("channels", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("resampling", c_int32),
        ("background", c_int32 * 3),
        ("bad_image", c_int32),
        ("max_width", c_int32),
        ("max_height", c_int32),
        ("max_pixels", c_int64),
        ("max_chunk_bytes", c_int64),
        ("mean", c_float * 4),
        ("std", c_float * 4),
        ("flat", c_int32),
        ("allow_empty_classes", c_int32),
        ("nested_classes", c_int32),
        ("reserved", c_int32),
        ("class_names", POINTER(c_char_p)),
        ("class_count", c_size_t),
        ("keep", c_int32),
        ("normalize", c_int32),
        ("keep_bytes", c_int64),
    ]


tp_progress_callback = CFUNCTYPE(c_int32, c_int64, c_int64, c_void_p)


class tp_augment_config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("flip", c_double),
        ("flip_vertical", c_double),
        ("crop", c_double),
        ("stretch", c_double),
        ("shift", c_int32),
        ("reserved", c_int32),
        ("seed", c_uint64),
        ("epoch", c_int64),
    ]


class tp_metrics(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("loss", c_double),
        ("accuracy", c_double),
        ("correct", c_int64),
        ("count", c_int64),
    ]


class tp_teleport_config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("group", c_int32),
        ("search", c_int32),
        ("objective", c_int32),
        ("state", c_int32),
        ("layer", c_int32),
        ("exact", c_int32),
        ("radius", c_double),
        ("null_tolerance", c_double),
        ("steps", c_int32),
        ("candidates", c_int32),
        ("sampler", c_int32),
        ("reserved", c_int32),
        ("seed", c_uint64),
        ("rollout_steps", c_int32),
        ("rollout_batch", c_int32),
        ("learning_rate", c_double),
        ("perturbations", c_int32),
        ("curves", c_int32),
        ("perturbation_norms", c_void_p),
        ("perturbation_norm_count", c_size_t),
        ("loss_tolerance", c_double),
        ("held_out_tolerance", c_double),
        ("held_out", POINTER(tp_batch)),
    ]


class tp_teleport_report(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("accepted", c_int32),
        ("outcome", c_int32),
        ("group", c_int32),
        ("search", c_int32),
        ("layer", c_int32),
        ("rank", c_int32),
        ("steps", c_int32),
        ("backtracks", c_int32),
        ("candidates", c_int32),
        ("refused", c_int32),
        ("halves_shared", c_int32),
        ("reserved", c_int32),
        ("seconds", c_double),
        ("radius", c_double),
        ("gradient_norm2_before", c_double),
        ("gradient_norm2_after", c_double),
        ("objective_before", c_double),
        ("objective_after", c_double),
        ("score_before", c_double),
        ("score_after", c_double),
        ("loss_before", c_double),
        ("loss_after", c_double),
        ("held_out_before", c_double),
        ("held_out_after", c_double),
        ("output_change", c_double),
        ("condition", c_double),
        ("input_condition", c_double),
        ("fit_residual", c_double),
        ("condition_before", c_double),
        ("condition_after", c_double),
    ]


class tp_optimizer_config(Structure):
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
        ("label_smoothing", c_double),
    ]


tp_rate_callback = CFUNCTYPE(c_double, c_int64, c_double, c_void_p)


class tp_schedule_config(Structure):
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


class tp_frame_config(Structure):
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
        ("outputs", c_int32),
        ("reserved", c_int32),
        ("rank", c_int64),
        ("input_rank", c_int64),
    ]


class tp_frame_report(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("framed", c_int32),
        ("renewed", c_int32),
        ("size", c_int32),
        ("rank", c_int32),
        ("condition_before", c_double),
        ("condition_after", c_double),
        ("reason", c_char_p),
    ]


class tp_event(Structure):
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
        ("teleport", POINTER(tp_teleport_report)),
    ]


tp_event_callback = CFUNCTYPE(c_int32, POINTER(tp_event), c_void_p)


class tp_run_result(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("epochs", c_int64),
        ("best_epoch", c_int64),
        ("best_valid_loss", c_double),
        ("best_valid_accuracy", c_double),
        ("stopped_early", c_int32),
        ("reserved", c_int32),
    ]


class tp_run_config(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("epochs", c_int32),
        ("batch_size", c_int32),
        ("seed", c_uint64),
        ("shuffle", c_int32),
        ("drop_last", c_int32),
        ("teleport", POINTER(tp_teleport_config)),
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
        ("frames", POINTER(tp_frame_config)),
        ("class_weights", c_void_p),
        ("class_weight_count", c_size_t),
        ("balance_classes", c_int32),
        ("patience", c_int32),
        ("min_delta", c_double),
        ("result", POINTER(tp_run_result)),
        ("augment", POINTER(tp_augment_config)),
        ("centring", c_int32),
        ("reserved", c_int32),
    ]


tp_plane_function_value = CFUNCTYPE(c_double, c_void_p, c_void_p)
tp_plane_function_gradient = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
tp_plane_function_to_uv = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
tp_plane_function_from_uv = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
tp_plane_function_hessian = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
tp_plane_function_from_uv_jacobian = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)


class tp_plane_function(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("value", tp_plane_function_value),
        ("gradient", tp_plane_function_gradient),
        ("to_uv", tp_plane_function_to_uv),
        ("from_uv", tp_plane_function_from_uv),
        ("hessian", tp_plane_function_hessian),
        ("from_uv_jacobian", tp_plane_function_from_uv_jacobian),
        ("user_data", c_void_p),
    ]


class tp_plane_config(Structure):
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


class tp_plane_report(Structure):
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


# name: (result, arguments)
PROTOTYPES = {
    "tp_version_number": (c_int32, []),
    "tp_version_string": (c_char_p, []),
    "tp_build_info": (c_char_p, []),
    "tp_status_string": (c_char_p, [c_int32]),
    "tp_error_message": (c_char_p, []),
    "tp_set_thread_count": (c_int32, [c_int32]),
    "tp_thread_count": (c_int32, []),
    "tp_set_stop": (c_int32, [c_void_p, tp_stop_callback, c_void_p]),
    "tp_model_config_init": (c_int32, [POINTER(tp_model_config), c_size_t]),
    "tp_model_create_mlp": (
        c_int32,
        [POINTER(c_void_p), c_void_p, c_size_t, POINTER(tp_model_config)],
    ),
    "tp_model_create": (c_int32, [POINTER(c_void_p), c_char_p, POINTER(tp_model_config)]),
    "tp_architecture": (
        c_int32,
        [c_char_p, c_void_p, c_int32, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "tp_model_clone": (c_int32, [POINTER(c_void_p), c_void_p]),
    "tp_model_free": (None, [c_void_p]),
    "tp_model_layer_count": (c_int32, [c_void_p]),
    "tp_model_parameter_count": (c_int64, [c_void_p]),
    "tp_model_layer_shape": (c_int32, [c_void_p, c_int32, POINTER(c_int32), POINTER(c_int32)]),
    "tp_model_widths": (c_int32, [c_void_p, c_void_p, c_size_t]),
    "tp_model_get_config": (c_int32, [c_void_p, POINTER(tp_model_config)]),
    "tp_model_get_layer": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t, c_void_p, c_size_t]),
    "tp_model_set_layer": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t, c_void_p, c_size_t]),
    "tp_model_get_parameters": (c_int32, [c_void_p, c_void_p, c_size_t]),
    "tp_model_set_parameters": (c_int32, [c_void_p, c_void_p, c_size_t]),
    "tp_model_architecture": (c_int32, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_summary": (c_int32, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_tensor_count": (c_int32, [c_void_p]),
    "tp_model_tensor_name": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_tensor_shape": (c_int32, [c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_int32)]),
    "tp_model_get_tensor": (c_int32, [c_void_p, c_char_p, c_void_p, c_size_t]),
    "tp_model_set_tensor": (c_int32, [c_void_p, c_char_p, c_void_p, c_size_t]),
    "tp_model_set_metadata": (c_int32, [c_void_p, c_char_p, c_char_p]),
    "tp_model_get_metadata": (c_int32, [c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_metadata_count": (c_int32, [c_void_p]),
    "tp_model_metadata_key": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_save": (c_int32, [c_void_p, c_char_p]),
    "tp_model_load": (c_int32, [POINTER(c_void_p), c_char_p, POINTER(tp_model_config)]),
    "tp_model_load_weights": (c_int32, [c_void_p, c_char_p]),
    "tp_model_save_buffer": (c_int32, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_load_buffer": (
        c_int32,
        [POINTER(c_void_p), c_void_p, c_size_t, POINTER(tp_model_config)],
    ),
    "tp_model_predict": (
        c_int32,
        [c_void_p, c_void_p, c_int64, c_int64, c_int32, c_void_p, c_size_t],
    ),
    "tp_model_predict_labels": (
        c_int32,
        [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_size_t],
    ),
    "tp_dataset_from_labels": (
        c_int32,
        [POINTER(c_void_p), c_void_p, c_int64, c_void_p, c_int64, c_int32],
    ),
    "tp_dataset_from_targets": (
        c_int32,
        [POINTER(c_void_p), c_void_p, c_int64, c_void_p, c_int64, c_int64],
    ),
    "tp_image_config_init": (c_int32, [POINTER(tp_image_config), c_size_t]),
    "tp_dataset_from_image_folder": (
        c_int32,
        [POINTER(c_void_p), c_char_p, POINTER(tp_image_config), tp_progress_callback, c_void_p],
    ),
    "tp_dataset_from_image_files": (
        c_int32,
        [
            POINTER(c_void_p),
            POINTER(c_char_p),
            c_size_t,
            POINTER(tp_image_config),
            tp_progress_callback,
            c_void_p,
        ],
    ),
    "tp_dataset_from_pixels": (
        c_int32,
        [POINTER(c_void_p), c_void_p, c_void_p, c_void_p, c_int64, POINTER(tp_image_config)],
    ),
    "tp_dataset_from_idx": (
        c_int32,
        [POINTER(c_void_p), c_char_p, c_char_p, POINTER(tp_image_config)],
    ),
    "tp_dataset_split": (
        c_int32,
        [POINTER(c_void_p), POINTER(c_void_p), c_void_p, c_double, c_int32, c_uint64],
    ),
    "tp_dataset_with_weights": (c_int32, [POINTER(c_void_p), c_void_p, c_void_p, c_size_t]),
    "tp_dataset_subset": (c_int32, [POINTER(c_void_p), c_void_p, c_void_p, c_int64]),
    "tp_dataset_shuffled": (c_int32, [POINTER(c_void_p), c_void_p, c_int64, c_uint64]),
    "tp_dataset_normalized": (c_int32, [POINTER(c_void_p), c_void_p, c_void_p]),
    "tp_dataset_free": (None, [c_void_p]),
    "tp_dataset_count": (c_int64, [c_void_p]),
    "tp_dataset_class_count": (c_int32, [c_void_p]),
    "tp_dataset_sample_shape": (
        c_int32,
        [c_void_p, POINTER(c_int32), POINTER(c_int32), POINTER(c_int32)],
    ),
    "tp_dataset_target_width": (c_int64, [c_void_p]),
    "tp_dataset_class_name": (c_char_p, [c_void_p, c_int32]),
    "tp_dataset_sample_path": (c_char_p, [c_void_p, c_int64]),
    "tp_dataset_get": (
        c_int32,
        [c_void_p, c_int64, c_int64, c_void_p, c_size_t, c_void_p, c_size_t],
    ),
    "tp_dataset_get_targets": (c_int32, [c_void_p, c_int64, c_int64, c_void_p, c_size_t]),
    "tp_dataset_get_weights": (c_int32, [c_void_p, c_int64, c_int64, c_void_p, c_size_t]),
    "tp_augment_config_init": (c_int32, [POINTER(tp_augment_config), c_size_t]),
    "tp_dataset_gather": (
        c_int32,
        [
            c_void_p,
            c_void_p,
            c_int64,
            POINTER(tp_augment_config),
            c_void_p,
            c_size_t,
            c_void_p,
            c_size_t,
        ],
    ),
    "tp_dataset_gather_targets": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_size_t]),
    "tp_dataset_channel_statistics": (c_int32, [c_void_p, c_void_p, c_void_p, c_size_t]),
    "tp_dataset_normalization": (c_int32, [c_void_p, c_void_p, c_void_p, c_size_t]),
    "tp_dataset_class_counts": (c_int32, [c_void_p, c_void_p, c_size_t]),
    "tp_dataset_summary": (c_int32, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_dataset_skipped_count": (c_int64, [c_void_p]),
    "tp_dataset_skipped": (c_int32, [c_void_p, c_int64, POINTER(c_char_p), POINTER(c_char_p)]),
    "tp_image_load": (
        c_int32,
        [c_char_p, POINTER(tp_image_config), c_void_p, c_size_t, POINTER(c_int32)],
    ),
    "tp_model_loss": (c_int32, [c_void_p, POINTER(tp_batch), c_int32, POINTER(c_double)]),
    "tp_model_gradient": (
        c_int32,
        [c_void_p, POINTER(tp_batch), c_int32, c_void_p, c_size_t, POINTER(c_double)],
    ),
    "tp_model_hessian_vector_product": (
        c_int32,
        [c_void_p, POINTER(tp_batch), c_int32, c_void_p, c_size_t, c_void_p, c_size_t],
    ),
    "tp_metrics_init": (c_int32, [POINTER(tp_metrics), c_size_t]),
    "tp_model_evaluate": (c_int32, [c_void_p, c_void_p, c_int32, POINTER(tp_metrics)]),
    "tp_model_confusion_matrix": (c_int32, [c_void_p, c_void_p, c_void_p, c_size_t]),
    "tp_confusion_metrics": (c_int32, [c_void_p, c_size_t, c_void_p, c_void_p, c_void_p, c_size_t]),
    "tp_teleport_config_init": (c_int32, [POINTER(tp_teleport_config), c_size_t]),
    "tp_teleport_outcome_string": (c_char_p, [c_int32]),
    "tp_teleport_report_init": (c_int32, [POINTER(tp_teleport_report), c_size_t]),
    "tp_model_check_teleport": (c_int32, [c_void_p, POINTER(tp_teleport_config)]),
    "tp_model_teleport": (
        c_int32,
        [
            c_void_p,
            POINTER(tp_batch),
            c_int32,
            POINTER(tp_teleport_config),
            POINTER(tp_teleport_report),
        ],
    ),
    "tp_model_scaling_count": (c_int64, [c_void_p]),
    "tp_model_scaling_variables": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t]),
    "tp_model_apply_scaling": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t]),
    "tp_model_apply_linear": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t, POINTER(tp_batch)]),
    "tp_model_linear_gradient_norm": (
        c_int32,
        [c_void_p, POINTER(tp_batch), c_int32, POINTER(c_double), c_void_p, c_size_t],
    ),
    "tp_model_scaling_gradient_norm": (
        c_int32,
        [
            c_void_p,
            POINTER(tp_batch),
            c_int32,
            c_void_p,
            c_size_t,
            POINTER(c_double),
            c_void_p,
            c_size_t,
        ],
    ),
    "tp_optimizer_config_init": (c_int32, [POINTER(tp_optimizer_config), c_size_t]),
    "tp_trainer_create": (
        c_int32,
        [POINTER(c_void_p), c_void_p, c_int32, POINTER(tp_optimizer_config)],
    ),
    "tp_trainer_get_config": (c_int32, [c_void_p, POINTER(c_int32), POINTER(tp_optimizer_config)]),
    "tp_trainer_free": (None, [c_void_p]),
    "tp_trainer_step": (c_int32, [c_void_p, POINTER(tp_batch), POINTER(c_double)]),
    "tp_trainer_apply_gradient": (c_int32, [c_void_p, c_void_p, c_size_t]),
    "tp_trainer_loss": (c_int32, [c_void_p, POINTER(tp_batch), POINTER(c_double)]),
    "tp_trainer_gradient": (
        c_int32,
        [c_void_p, POINTER(tp_batch), c_void_p, c_size_t, POINTER(c_double)],
    ),
    "tp_trainer_hessian_vector_product": (
        c_int32,
        [c_void_p, POINTER(tp_batch), c_void_p, c_size_t, c_void_p, c_size_t],
    ),
    "tp_trainer_teleport": (
        c_int32,
        [c_void_p, POINTER(tp_batch), POINTER(tp_teleport_config), POINTER(tp_teleport_report)],
    ),
    "tp_trainer_undo_teleport": (c_int32, [c_void_p]),
    "tp_trainer_end_epoch": (c_int32, [c_void_p]),
    "tp_trainer_epoch": (c_int64, [c_void_p]),
    "tp_trainer_step_count": (c_int64, [c_void_p]),
    "tp_trainer_learning_rate": (c_double, [c_void_p]),
    "tp_trainer_set_learning_rate": (c_int32, [c_void_p, c_double]),
    "tp_schedule_config_init": (c_int32, [POINTER(tp_schedule_config), c_size_t]),
    "tp_trainer_set_schedule": (c_int32, [c_void_p, POINTER(tp_schedule_config)]),
    "tp_trainer_model": (c_int32, [POINTER(c_void_p), c_void_p]),
    "tp_trainer_averaged_model": (c_int32, [POINTER(c_void_p), c_void_p]),
    "tp_frame_config_init": (c_int32, [POINTER(tp_frame_config), c_size_t]),
    "tp_trainer_set_frames": (c_int32, [c_void_p, POINTER(tp_frame_config)]),
    "tp_frame_report_init": (c_int32, [POINTER(tp_frame_report), c_size_t]),
    "tp_trainer_frame_report": (c_int32, [c_void_p, c_int32, POINTER(tp_frame_report)]),
    "tp_run_result_init": (c_int32, [POINTER(tp_run_result), c_size_t]),
    "tp_run_config_init": (c_int32, [POINTER(tp_run_config), c_size_t]),
    "tp_trainer_save": (c_int32, [c_void_p, c_char_p]),
    "tp_trainer_load": (c_int32, [POINTER(c_void_p), c_char_p]),
    "tp_trainer_run": (
        c_int32,
        [c_void_p, c_void_p, c_void_p, POINTER(tp_run_config), tp_event_callback, c_void_p],
    ),
    "tp_trainer_request_stop": (None, [c_void_p]),
    "tp_plane_function_init": (c_int32, [POINTER(tp_plane_function), c_size_t]),
    "tp_plane_rosenbrock": (c_int32, [POINTER(tp_plane_function)]),
    "tp_plane_booth": (c_int32, [POINTER(tp_plane_function)]),
    "tp_plane_config_init": (c_int32, [POINTER(tp_plane_config), c_size_t]),
    "tp_plane_report_init": (c_int32, [POINTER(tp_plane_report), c_size_t]),
    "tp_plane_teleport": (
        c_int32,
        [
            POINTER(tp_plane_function),
            c_void_p,
            c_double,
            POINTER(tp_plane_config),
            POINTER(tp_plane_report),
        ],
    ),
    "tp_plane_descend": (
        c_int32,
        [
            POINTER(tp_plane_function),
            c_void_p,
            POINTER(tp_plane_config),
            c_void_p,
            c_size_t,
            c_void_p,
            c_size_t,
        ],
    ),
}

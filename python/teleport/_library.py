"""Finds libteleport, loads it, and gives every function of teleport.h its prototype."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, List

from . import _structs as s
from .errors import error_for

SONAME = "libteleport.so.0"

_handle_out = POINTER(c_void_p)
_status = c_int32

# name: (result, arguments), in the order of the header. Handles and arrays are void pointers.
PROTOTYPES = {
    # 1 Version and status
    "tp_version_number": (c_int32, []),
    "tp_version_string": (c_char_p, []),
    "tp_build_info": (c_char_p, []),
    "tp_status_string": (c_char_p, [_status]),
    "tp_error_message": (c_char_p, []),
    # 2 Process settings
    "tp_set_thread_count": (_status, [c_int32]),
    "tp_thread_count": (c_int32, []),
    "tp_set_stop": (_status, [c_void_p, s.tp_stop_callback, c_void_p]),
    # 4 Models
    "tp_model_config_init": (_status, [POINTER(s.tp_model_config), c_size_t]),
    "tp_model_create_mlp": (
        _status,
        [_handle_out, c_void_p, c_size_t, POINTER(s.tp_model_config)],
    ),
    "tp_model_clone": (_status, [_handle_out, c_void_p]),
    "tp_model_free": (None, [c_void_p]),
    "tp_model_layer_count": (c_int32, [c_void_p]),
    "tp_model_parameter_count": (c_int64, [c_void_p]),
    "tp_model_layer_shape": (_status, [c_void_p, c_int32, POINTER(c_int32), POINTER(c_int32)]),
    "tp_model_widths": (_status, [c_void_p, c_void_p, c_size_t]),
    "tp_model_get_config": (_status, [c_void_p, POINTER(s.tp_model_config)]),
    "tp_model_get_layer": (_status, [c_void_p, c_int32, c_void_p, c_size_t, c_void_p, c_size_t]),
    "tp_model_set_layer": (_status, [c_void_p, c_int32, c_void_p, c_size_t, c_void_p, c_size_t]),
    "tp_model_get_parameters": (_status, [c_void_p, c_void_p, c_size_t]),
    "tp_model_set_parameters": (_status, [c_void_p, c_void_p, c_size_t]),
    "tp_model_set_metadata": (_status, [c_void_p, c_char_p, c_char_p]),
    "tp_model_get_metadata": (
        _status,
        [c_void_p, c_char_p, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "tp_model_save": (_status, [c_void_p, c_char_p]),
    "tp_model_load": (_status, [_handle_out, c_char_p, POINTER(s.tp_model_config)]),
    "tp_model_save_buffer": (_status, [c_void_p, c_void_p, c_size_t, POINTER(c_size_t)]),
    "tp_model_load_buffer": (
        _status,
        [_handle_out, c_void_p, c_size_t, POINTER(s.tp_model_config)],
    ),
    "tp_model_predict": (
        _status,
        [c_void_p, c_void_p, c_int64, c_int64, c_int32, c_void_p, c_size_t],
    ),
    "tp_model_predict_labels": (
        _status,
        [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_size_t],
    ),
    # 5 Data sets
    "tp_dataset_from_labels": (
        _status,
        [_handle_out, c_void_p, c_int64, c_void_p, c_int64, c_int32],
    ),
    "tp_dataset_from_targets": (
        _status,
        [_handle_out, c_void_p, c_int64, c_void_p, c_int64, c_int64],
    ),
    "tp_image_config_init": (_status, [POINTER(s.tp_image_config), c_size_t]),
    "tp_dataset_from_image_folder": (
        _status,
        [_handle_out, c_char_p, POINTER(s.tp_image_config), s.tp_progress_callback, c_void_p],
    ),
    "tp_dataset_from_image_files": (
        _status,
        [
            _handle_out,
            POINTER(c_char_p),
            c_size_t,
            POINTER(s.tp_image_config),
            s.tp_progress_callback,
            c_void_p,
        ],
    ),
    "tp_dataset_from_pixels": (
        _status,
        [_handle_out, c_void_p, c_void_p, c_void_p, c_int64, POINTER(s.tp_image_config)],
    ),
    "tp_dataset_from_idx": (_status, [_handle_out, c_char_p, c_char_p, POINTER(s.tp_image_config)]),
    "tp_dataset_split": (
        _status,
        [_handle_out, _handle_out, c_void_p, c_double, c_int32, c_uint64],
    ),
    "tp_dataset_free": (None, [c_void_p]),
    "tp_dataset_count": (c_int64, [c_void_p]),
    "tp_dataset_class_count": (c_int32, [c_void_p]),
    "tp_dataset_sample_shape": (
        _status,
        [c_void_p, POINTER(c_int32), POINTER(c_int32), POINTER(c_int32)],
    ),
    "tp_dataset_target_width": (c_int64, [c_void_p]),
    "tp_dataset_class_name": (c_char_p, [c_void_p, c_int32]),
    "tp_dataset_sample_path": (c_char_p, [c_void_p, c_int64]),
    "tp_dataset_get": (
        _status,
        [c_void_p, c_int64, c_int64, c_void_p, c_size_t, c_void_p, c_size_t],
    ),
    "tp_dataset_get_targets": (_status, [c_void_p, c_int64, c_int64, c_void_p, c_size_t]),
    "tp_dataset_skipped_count": (c_int64, [c_void_p]),
    "tp_dataset_skipped": (_status, [c_void_p, c_int64, POINTER(c_char_p), POINTER(c_char_p)]),
    "tp_image_load": (
        _status,
        [c_char_p, POINTER(s.tp_image_config), c_void_p, c_size_t, POINTER(c_int32)],
    ),
    # 6 Measuring
    "tp_model_loss": (_status, [c_void_p, POINTER(s.tp_batch), c_int32, POINTER(c_double)]),
    "tp_model_gradient": (
        _status,
        [c_void_p, POINTER(s.tp_batch), c_int32, c_void_p, c_size_t, POINTER(c_double)],
    ),
    "tp_model_hessian_vector_product": (
        _status,
        [
            c_void_p,
            POINTER(s.tp_batch),
            c_int32,
            c_void_p,
            c_size_t,
            c_void_p,
            c_size_t,
        ],
    ),
    "tp_metrics_init": (_status, [POINTER(s.tp_metrics), c_size_t]),
    "tp_model_evaluate": (_status, [c_void_p, c_void_p, c_int32, POINTER(s.tp_metrics)]),
    "tp_model_confusion_matrix": (_status, [c_void_p, c_void_p, c_void_p, c_size_t]),
    # 7 Teleports
    "tp_teleport_config_init": (_status, [POINTER(s.tp_teleport_config), c_size_t]),
    "tp_teleport_outcome_string": (c_char_p, [c_int32]),
    "tp_teleport_report_init": (_status, [POINTER(s.tp_teleport_report), c_size_t]),
    "tp_model_can_teleport": (_status, [c_void_p, POINTER(s.tp_teleport_config)]),
    "tp_model_teleport": (
        _status,
        [
            c_void_p,
            POINTER(s.tp_batch),
            c_int32,
            POINTER(s.tp_teleport_config),
            POINTER(s.tp_teleport_report),
        ],
    ),
    "tp_model_apply_scaling": (_status, [c_void_p, c_int32, c_void_p, c_size_t]),
    "tp_model_apply_linear": (
        _status,
        [c_void_p, c_int32, c_void_p, c_size_t, POINTER(s.tp_batch)],
    ),
    "tp_model_linear_gradient_norm": (
        _status,
        [c_void_p, POINTER(s.tp_batch), c_int32, POINTER(c_double), c_void_p, c_size_t],
    ),
    "tp_model_scaling_gradient_norm": (
        _status,
        [
            c_void_p,
            POINTER(s.tp_batch),
            c_int32,
            c_void_p,
            c_size_t,
            POINTER(c_double),
            c_void_p,
            c_size_t,
        ],
    ),
    # 8 Training
    "tp_optimizer_config_init": (_status, [POINTER(s.tp_optimizer_config), c_size_t]),
    "tp_trainer_create": (
        _status,
        [_handle_out, c_void_p, c_int32, POINTER(s.tp_optimizer_config)],
    ),
    "tp_trainer_get_config": (
        _status,
        [c_void_p, POINTER(c_int32), POINTER(s.tp_optimizer_config)],
    ),
    "tp_trainer_free": (None, [c_void_p]),
    "tp_trainer_step": (_status, [c_void_p, POINTER(s.tp_batch), POINTER(c_double)]),
    "tp_trainer_apply_gradient": (_status, [c_void_p, c_void_p, c_size_t]),
    "tp_trainer_teleport": (
        _status,
        [
            c_void_p,
            POINTER(s.tp_batch),
            POINTER(s.tp_teleport_config),
            POINTER(s.tp_teleport_report),
        ],
    ),
    "tp_trainer_undo_teleport": (_status, [c_void_p]),
    "tp_trainer_end_epoch": (_status, [c_void_p]),
    "tp_trainer_epoch": (c_int64, [c_void_p]),
    "tp_trainer_step_count": (c_int64, [c_void_p]),
    "tp_trainer_learning_rate": (c_double, [c_void_p]),
    "tp_trainer_set_learning_rate": (_status, [c_void_p, c_double]),
    "tp_schedule_config_init": (_status, [POINTER(s.tp_schedule_config), c_size_t]),
    "tp_trainer_set_schedule": (_status, [c_void_p, POINTER(s.tp_schedule_config)]),
    "tp_trainer_model": (_status, [_handle_out, c_void_p]),
    "tp_trainer_averaged_model": (_status, [_handle_out, c_void_p]),
    "tp_frame_config_init": (_status, [POINTER(s.tp_frame_config), c_size_t]),
    "tp_trainer_set_frames": (_status, [c_void_p, POINTER(s.tp_frame_config)]),
    "tp_trainer_save": (_status, [c_void_p, c_char_p]),
    "tp_trainer_load": (_status, [_handle_out, c_char_p]),
    "tp_run_config_init": (_status, [POINTER(s.tp_run_config), c_size_t]),
    "tp_trainer_run": (
        _status,
        [
            c_void_p,
            c_void_p,
            c_void_p,
            POINTER(s.tp_run_config),
            s.tp_event_callback,
            c_void_p,
        ],
    ),
    "tp_trainer_request_stop": (None, [c_void_p]),
    # 9 Test functions
    "tp_plane_function_init": (_status, [POINTER(s.tp_plane_function), c_size_t]),
    "tp_plane_rosenbrock": (_status, [POINTER(s.tp_plane_function)]),
    "tp_plane_booth": (_status, [POINTER(s.tp_plane_function)]),
    "tp_plane_config_init": (_status, [POINTER(s.tp_plane_config), c_size_t]),
    "tp_plane_report_init": (_status, [POINTER(s.tp_plane_report), c_size_t]),
    "tp_plane_teleport": (
        _status,
        [
            POINTER(s.tp_plane_function),
            c_void_p,
            c_double,
            POINTER(s.tp_plane_config),
            POINTER(s.tp_plane_report),
        ],
    ),
    "tp_plane_descend": (
        _status,
        [
            POINTER(s.tp_plane_function),
            c_void_p,
            POINTER(s.tp_plane_config),
            c_void_p,
            c_size_t,
            c_void_p,
            c_size_t,
        ],
    ),
}


def _places() -> List[str]:
    """Where the library may be, most explicit first. TELEPORT_LIBRARY admits nothing else."""
    chosen = os.environ.get("TELEPORT_LIBRARY")
    if chosen:
        return [chosen]
    package = Path(__file__).resolve().parent
    folders = (package, package.parent.parent / "build" / "lib")
    files = [str(folder / name) for folder in folders for name in (SONAME, "libteleport.so")]
    return [file for file in files if os.path.exists(file)] + [SONAME]


def _load() -> Any:
    failures = []
    for place in _places():
        try:
            # CDLL, not PyDLL: calls let go of the interpreter's lock, so that other threads run.
            library = ctypes.CDLL(place)
        except OSError as failure:
            failures.append(str(failure))
            continue
        for name, (result, arguments) in PROTOTYPES.items():
            try:
                function = getattr(library, name)
            except AttributeError:
                raise ImportError(
                    f"{place} has no function {name}: it is older than this package"
                ) from None
            function.restype = result
            function.argtypes = arguments
        return library
    raise ImportError(
        "libteleport was not found. Run `make lib` in the checkout, or set TELEPORT_LIBRARY to the "
        "path of libteleport.so. Tried: " + "; ".join(failures)
    )


lib = _load()


def check(status: int) -> None:
    """Raises the exception of a negative status, with the message of this thread's last failure."""
    if status < 0:
        raise error_for(status, lib.tp_error_message().decode("utf-8", "replace"))


def initialized(struct: Any) -> Any:
    """Fills a config or an output struct with the library's defaults, and returns it."""
    name = type(struct).__name__
    check(getattr(lib, name + "_init")(struct, ctypes.sizeof(struct)))
    return struct

"""The package against include/teleport.h: enums, defaults, error classes."""

import dataclasses
import inspect

import pytest

import header
import teleport
from teleport import _abi, _library, enums, errors

MIRRORED_ENUMS = {
    "tp_activation": enums.Activation,
    "tp_initialization": enums.Initialization,
    "tp_output": enums.Output,
    "tp_loss": enums.Loss,
    "tp_bad_image": enums.BadImage,
    "tp_resampling": enums.Resampling,
    "tp_keep": enums.Keep,
    "tp_group": enums.Group,
    "tp_search": enums.Search,
    "tp_objective": enums.Objective,
    "tp_state_policy": enums.StatePolicy,
    "tp_teleport_outcome": enums.TeleportOutcome,
    "tp_optimizer": enums.OptimizerKind,
    "tp_event_kind": enums.EventKind,
    "tp_sampler": enums.Sampler,
    "tp_schedule": enums.ScheduleKind,
    "tp_average": enums.Average,
    "tp_frame_kind": enums.FrameKind,
    "tp_frame_input": enums.FrameInput,
    "tp_finish": enums.Finish,
    "tp_centring": enums.Centring,
}
PREFIXES = {
    "tp_state_policy": "TP_STATE_",
    "tp_teleport_outcome": "TP_TELEPORT_",
    "tp_event_kind": "TP_EVENT_",
    "tp_frame_kind": "TP_FRAME_",
}


def test_every_enum_is_mirrored():
    assert set(header.enums()) == set(MIRRORED_ENUMS) | {"tp_status"}


@pytest.mark.parametrize("name", MIRRORED_ENUMS)
def test_enum_has_names_and_codes_of_the_header(name):
    prefix = PREFIXES.get(name, name.upper() + "_")
    expected = {key[len(prefix) :]: code for key, code in header.enums()[name].items()}
    assert {member.name: member.code for member in MIRRORED_ENUMS[name]} == expected
    for member in MIRRORED_ENUMS[name]:
        assert member == member.name.lower() and str(member) == member.name.lower()


def test_status_has_names_and_codes_of_the_header():
    expected = {
        key.replace("TP_ERROR_", "").replace("TP_", ""): code
        for key, code in header.enums()["tp_status"].items()
    }
    assert {member.name: member.value for member in errors.Status} == expected


def test_every_failure_has_an_exception_with_its_status():
    for status in errors.Status:
        if status < 0 and status != errors.Status.ERROR:
            error = errors.error_for(status, "a sentence")
            assert type(error) is not errors.TeleportError
            assert error.status == status and str(error) == "a sentence"
    unknown = errors.error_for(-99, "later")
    assert type(unknown) is errors.TeleportError and unknown.status == -99


def test_negative_statuses_raise_and_others_do_not():
    for status in (0, 1):
        _library.check(status)
    for status in range(-25, 0):
        with pytest.raises(errors.TeleportError) as raised:
            _library.check(status)
        assert raised.value.status == status


@pytest.mark.parametrize(
    "error, builtin",
    [
        (errors.InvalidArgumentError, ValueError),
        (errors.OutOfMemoryError, MemoryError),
        (errors.ShapeMismatchError, ValueError),
        (errors.BadStateError, RuntimeError),
        (errors.NotFoundError, FileNotFoundError),
        (errors.FileError, OSError),
        (errors.NotFiniteError, ArithmeticError),
    ],
)
def test_exception_is_the_natural_builtin(error, builtin):
    assert issubclass(error, builtin) and issubclass(error, errors.TeleportError)


def defaults_of(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def native_defaults(struct):
    config = _library.initialized(struct())
    return {field: getattr(config, field) for field, _ in struct._fields_}


def same(python, native):
    if isinstance(python, enums.HeaderEnum):
        return python.code == native
    if python is None or python == ():
        return not native
    return python == pytest.approx(native, rel=1e-7)


def test_teleport_config_has_the_defaults_of_the_library():
    native = native_defaults(_abi.tp_teleport_config)
    python = {field.name: field.default for field in dataclasses.fields(teleport.TeleportConfig)}
    assert set(python) == set(native) - {"struct_size", "reserved", "perturbation_norm_count"}
    for name, value in python.items():
        assert same(value, native[name]), name


@pytest.mark.parametrize(
    "python, struct, elsewhere",
    [
        (teleport.Schedule, _abi.tp_schedule_config, {"user_data"}),
        (teleport.FrameConfig, _abi.tp_frame_config, set()),
        (teleport.AugmentConfig, _abi.tp_augment_config, {"seed", "epoch"}),
        (
            teleport.plane.PlaneConfig,
            _abi.tp_plane_config,
            {"teleport_step_count", "theta_start_count"},
        ),
    ],
)
def test_further_configs_have_the_defaults_of_the_library(python, struct, elsewhere):
    native = native_defaults(struct)
    fields = {field.name: field.default for field in dataclasses.fields(python)}
    assert set(fields) == set(native) - {"struct_size", "reserved"} - elsewhere
    for name, value in fields.items():
        assert same(value, native[name]), name


@pytest.mark.parametrize(
    "function, struct, elsewhere",
    [
        (teleport.Model.__init__, _abi.tp_model_config, set()),
        (teleport.Trainer.__init__, _abi.tp_optimizer_config, {"loss"}),
        (
            teleport.Trainer.run,
            _abi.tp_run_config,
            {"teleport_epochs", "stop", "on_event"},  # epoch 0 is NULL in C
        ),
    ],
)
def test_keywords_have_the_defaults_of_the_library(function, struct, elsewhere):
    python = defaults_of(function)
    native = native_defaults(struct)
    kept = {"struct_size", "reserved", "stop_flag", "teleport_epochs", "teleport_epoch_count"}
    kept |= {"class_weight_count", "balance_classes", "result"}  # class_weights="balanced"
    assert set(python) - elsewhere == set(native) - kept
    for name in set(python) - elsewhere:
        assert same(python[name], native[name]), name


def test_image_config_names_every_field_of_the_config():
    fields = {field for field, _ in header.structs()["tp_image_config"]}
    fields -= {"struct_size", "class_count", "height", "width", "reserved"}
    assert set(teleport.ImageConfig.__annotations__) == fields | {"size"}


def test_report_and_event_name_every_field():
    for python, struct in (
        (teleport.TeleportReport, "tp_teleport_report"),
        (teleport.Event, "tp_event"),
        (teleport.Metrics, "tp_metrics"),
        (teleport.plane.PlaneReport, "tp_plane_report"),
    ):
        fields = {field for field, _ in header.structs()[struct]} - {"struct_size", "reserved"}
        assert {field.name for field in dataclasses.fields(python)} == fields

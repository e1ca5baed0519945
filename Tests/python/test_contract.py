"""The package against include/teleport.h: layouts, prototypes, enums, defaults, error classes."""

import ctypes
import dataclasses
import inspect
import json
import shutil
import subprocess

import pytest

import header
import teleport
from teleport import _library, _structs, enums, errors

COMPILER = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")

SCALARS = {
    "size_t": ctypes.c_size_t,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
}
HANDLES = ("tp_model", "tp_dataset", "tp_trainer")


def ctype_of(kind):
    """The ctypes type that the package must use for a C type of the header."""
    base = kind.replace("const", "").replace("volatile", "").replace(" ", "")
    if base in SCALARS:
        return SCALARS[base]
    if base in header.enums():
        return ctypes.c_int32
    if base in header.callbacks():
        return getattr(_structs, base)
    if base == "char*":
        return ctypes.c_char_p
    if base == "char**":
        return ctypes.POINTER(ctypes.c_char_p)
    if base.endswith("**") and base[:-2] in HANDLES:
        return ctypes.POINTER(ctypes.c_void_p)
    if base.endswith("*") and base[:-1] in header.structs():
        return ctypes.POINTER(getattr(_structs, base[:-1]))
    if base.endswith("]"):
        element, extent = base[:-1].split("[")
        return SCALARS[element] * int(extent)
    if kind.endswith(")"):
        result, given = kind[:-1].split("(")
        values = [ctype_of(argument) for argument in header.arguments(given)]
        return ctypes.CFUNCTYPE(None if result == "void" else ctype_of(result), *values)
    assert base.endswith("*"), f"this test does not know the type {kind}"
    return ctypes.c_void_p


def test_header_parser_sees_every_declaration():
    text = header.HEADER.read_text()
    assert text.count("typedef struct") == len(header.structs()) + len(HANDLES)
    assert text.count("typedef enum") == len(header.enums())
    assert len(header.functions()) >= 70


@pytest.fixture(scope="module")
def c_layout(tmp_path_factory):
    """{struct: [size, {field: [offset, size]}]} from the C compiler."""
    if COMPILER is None:
        pytest.fail("no C compiler: install gcc or clang")
    lines = []
    for struct, fields in header.structs().items():
        parts = []
        for field, _ in fields:
            parts.append(
                f'printf("%s\\"{field}\\": [%zu, %zu]", comma, offsetof({struct}, {field}), '
                f'sizeof((({struct} *)0)->{field})); comma = ", ";'
            )
        lines.append(f'printf("%s\\"{struct}\\": [%zu, {{", sep, sizeof({struct})); comma = "";')
        lines += parts + ['printf("}]"); sep = ", ";']
    source = (
        "#include <stddef.h>\n#include <stdio.h>\n#include <teleport.h>\n"
        'int main(void) { const char *sep = "", *comma = ""; printf("{");\n'
        + "\n".join(lines)
        + '\nprintf("}\\n"); return 0; }\n'
    )
    folder = tmp_path_factory.mktemp("layout")
    (folder / "layout.c").write_text(source)
    program = folder / "layout"
    subprocess.run(
        [COMPILER, "-I", header.HEADER.parent, folder / "layout.c", "-o", program], check=True
    )
    return json.loads(subprocess.run([program], check=True, capture_output=True).stdout)


@pytest.mark.parametrize("name", header.structs())
def test_struct_has_the_layout_of_c(name, c_layout):
    struct = getattr(_structs, name)
    size, fields = c_layout[name]
    assert ctypes.sizeof(struct) == size
    assert [field for field, _ in struct._fields_] == list(fields)
    mirrored = {f: [getattr(struct, f).offset, getattr(struct, f).size] for f in fields}
    assert mirrored == fields


@pytest.mark.parametrize("name", header.structs())
def test_struct_has_the_types_of_c(name):
    expected = []
    for field, kind in header.structs()[name]:
        expected.append((field, ctype_of(kind)))
    got = list(getattr(_structs, name)._fields_)
    names = ("class_names",)  # const char *const *
    assert [pair for pair in got if pair[0] not in names] == [
        pair for pair in expected if pair[0] not in names
    ]


@pytest.mark.parametrize("name", header.structs())
def test_struct_has_no_implicit_padding(name, c_layout):
    size, fields = c_layout[name]
    assert sum(width for _, width in fields.values()) == size


def test_every_struct_is_mirrored_and_no_other():
    mirrored = {
        name
        for name, value in vars(_structs).items()
        if inspect.isclass(value) and issubclass(value, ctypes.Structure)
    }
    assert mirrored == set(header.structs())


def test_every_function_has_a_prototype_and_no_other():
    assert set(_library.PROTOTYPES) == set(header.functions())


@pytest.mark.parametrize("name", header.functions())
def test_prototype_is_that_of_the_header(name):
    result, arguments = header.functions()[name]
    got_result, got_arguments = _library.PROTOTYPES[name]
    assert got_result == (None if result == "void" else ctype_of(result))
    assert len(got_arguments) == len(arguments)
    for got, kind in zip(got_arguments, arguments):
        # Buffers and numbers written back may be typed or plain pointers.
        assert got == ctype_of(kind) or (
            kind.endswith("*") and got in (ctypes.c_void_p, *map(ctypes.POINTER, SCALARS.values()))
        ), (got, kind)
    function = getattr(_library.lib, name)
    assert function.restype == got_result and list(function.argtypes) == got_arguments


@pytest.mark.parametrize("name", header.callbacks())
def test_callback_is_that_of_the_header(name):
    result, arguments = header.callbacks()[name]
    callback = getattr(_structs, name)
    assert callback._restype_ == ctype_of(result)
    assert list(callback._argtypes_) == [ctype_of(kind) for kind in arguments]


MIRRORED_ENUMS = {
    "tp_activation": enums.Activation,
    "tp_initialization": enums.Initialization,
    "tp_output": enums.Output,
    "tp_loss": enums.Loss,
    "tp_bad_image": enums.BadImage,
    "tp_resampling": enums.Resampling,
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
    native = native_defaults(_structs.tp_teleport_config)
    python = {field.name: field.default for field in dataclasses.fields(teleport.TeleportConfig)}
    assert set(python) == set(native) - {"struct_size", "reserved", "perturbation_norm_count"}
    for name, value in python.items():
        assert same(value, native[name]), name


def test_layers_have_the_numbers_of_the_header():
    text = header.HEADER.read_text()
    for name in ("LAYER_ALL", "LAYER_RANDOM"):
        assert f"    TP_{name} = {getattr(teleport, name)}" in text


@pytest.mark.parametrize(
    "python, struct, elsewhere",
    [
        (teleport.Schedule, _structs.tp_schedule_config, {"user_data"}),
        (teleport.FrameConfig, _structs.tp_frame_config, set()),
        (
            teleport.plane.PlaneConfig,
            _structs.tp_plane_config,
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
        (teleport.Model.__init__, _structs.tp_model_config, set()),
        (teleport.Trainer.__init__, _structs.tp_optimizer_config, {"loss"}),
        (
            teleport.Trainer.run,
            _structs.tp_run_config,
            {"teleport_epochs", "stop", "on_event"},  # epoch 0 is NULL in C
        ),
    ],
)
def test_keywords_have_the_defaults_of_the_library(function, struct, elsewhere):
    python = defaults_of(function)
    native = native_defaults(struct)
    kept = {"struct_size", "reserved", "stop_flag", "teleport_epochs", "teleport_epoch_count"}
    assert set(python) - elsewhere == set(native) - kept
    for name in set(python) - elsewhere:
        assert same(python[name], native[name]), name


def test_image_options_name_every_field_of_the_config():
    fields = {field for field, _ in header.structs()["tp_image_config"]}
    fields -= {"struct_size", "class_count", "height", "width", "reserved"}
    assert set(teleport.ImageOptions.__annotations__) == fields | {"size"}


def test_report_and_event_name_every_field():
    for python, struct in (
        (teleport.TeleportReport, "tp_teleport_report"),
        (teleport.Event, "tp_event"),
        (teleport.Metrics, "tp_metrics"),
        (teleport.plane.PlaneReport, "tp_plane_report"),
    ):
        fields = {field for field, _ in header.structs()[struct]} - {"struct_size", "reserved"}
        assert {field.name for field in dataclasses.fields(python)} == fields

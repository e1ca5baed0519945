"""teleport/_abi.py, made of the header by scripts/python-abi: up to date, and as C has it."""

import ctypes
import shutil
import subprocess

import pytest

import header
from teleport import _abi, _library

COMPILER = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")

# What _Generic can tell of a field; everything else is a pointer to it.
NUMBERS = {
    ctypes.c_float: "floating",
    ctypes.c_double: "floating",
    ctypes.c_int32: "signed",
    ctypes.c_int64: "signed",
    ctypes.c_size_t: "unsigned",
    ctypes.c_uint64: "unsigned",
}
KIND = (
    '_Generic((v), float: "floating", double: "floating", int32_t: "signed", int64_t: "signed", '
    'uint64_t: "unsigned", default: "pointer")'
)


def test_description_is_what_the_script_makes_of_the_header():
    made = subprocess.run(
        [header.ROOT / "scripts" / "python-abi"], check=True, capture_output=True, text=True
    ).stdout
    kept = (header.ROOT / "python" / "teleport" / "_abi.py").read_text()
    assert kept == made, "the header has changed: make python-abi"


def test_header_parser_sees_every_declaration():
    text = header.HEADER.read_text()
    assert text.count("typedef struct") == len(header.structs()) + len(header.handles())
    assert text.count("typedef enum") == len(header.enums())
    assert text.count("\nenum {") == 1 and set(header.constants()) == {
        "TP_LAYER_ALL",
        "TP_LAYER_RANDOM",
    }
    assert set(header.types()) == {*header.enums(), *header.structs(), *header.callbacks()}
    assert len(header.functions()) >= 70


def printed(folder, lines):
    """What a C program with the header and these lines prints, as words a line."""
    if COMPILER is None:
        pytest.fail("no C compiler: install gcc or clang")
    source = ["#include <stddef.h>", "#include <stdio.h>", "#include <teleport.h>"]
    source += [f"#define KIND(v) {KIND}", "int main(void) {", *lines, "return 0; }", ""]
    (folder / "program.c").write_text("\n".join(source))
    command = [COMPILER, "-std=c11", "-Wall", "-Werror", "-I", header.HEADER.parent]
    libraries = ["-L", header.ROOT / "build" / "lib", "-lteleport"]
    subprocess.run(
        [*command, folder / "program.c", "-o", folder / "program", *libraries], check=True
    )
    done = subprocess.run(
        [folder / "program"],
        env={"LD_LIBRARY_PATH": str(header.ROOT / "build" / "lib")},
        check=True,
        capture_output=True,
        text=True,
    )
    return [line.split() for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def c_layout(tmp_path_factory):
    """{struct: (size, {field: (offset, size, kind)})} from the C compiler."""
    lines = []
    for name, fields in header.structs().items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        for field, _ in fields:
            value = f"(({name} *)0)->{field}"
            lines.append(
                f'printf("{name} {field} %zu %zu %s\\n", offsetof({name}, {field}), '
                f"sizeof({value}), KIND({value}));"
            )
    layout = {}
    for name, *rest in printed(tmp_path_factory.mktemp("layout"), lines):
        if len(rest) == 1:
            layout[name] = (int(rest[0]), {})
        else:
            field, offset, size, kind = rest
            layout[name][1][field] = (int(offset), int(size), kind)
    return layout


@pytest.mark.parametrize("name", header.structs())
def test_struct_has_the_layout_of_c(name, c_layout):
    struct = getattr(_abi, name)
    size, fields = c_layout[name]
    assert ctypes.sizeof(struct) == size
    described = {}
    for field, kind in struct._fields_:
        place = getattr(struct, field)
        described[field] = (place.offset, place.size, NUMBERS.get(kind, "pointer"))
    assert list(described.items()) == list(fields.items())


@pytest.mark.parametrize("name", header.structs())
def test_struct_has_no_implicit_padding(name, c_layout):
    size, fields = c_layout[name]
    assert sum(width for _, width, _ in fields.values()) == size


def test_codes_are_those_of_c(tmp_path):
    names = [name for members in header.enums().values() for name in members]
    names += [*header.constants(), *(f"TP_VERSION_{part}" for part in header.version())]
    lines = [f'printf("{name} %d\\n", (int){name});' for name in names]
    for name, code in printed(tmp_path, lines):
        assert getattr(_abi, name) == int(code), name


def test_prototypes_are_read_as_the_compiler_reads_them(tmp_path):
    """Each function and callback fits a pointer of the type that was read."""
    lines = []
    for name, (result, arguments) in header.functions().items():
        kinds = ", ".join(kind for _, kind in arguments) or "void"
        lines.append(f"{result} (*read_{name})({kinds}) = {name}; (void)read_{name};")
    for name, (result, arguments) in header.callbacks().items():
        kinds = ", ".join(kind for _, kind in arguments)
        lines.append(f"{name} given_{name} = NULL;")
        lines.append(f"{result} (*read_{name})({kinds}) = given_{name}; (void)read_{name};")
    assert printed(tmp_path, lines) == []
    assert list(_abi.PROTOTYPES) == list(header.functions())


@pytest.mark.parametrize("name", header.functions())
def test_library_is_called_by_its_prototypes(name):
    function = getattr(_library.lib, name)
    assert (function.restype, list(function.argtypes)) == _abi.PROTOTYPES[name]


@pytest.mark.parametrize(
    "name, result, arguments",
    [
        ("tp_model_free", None, ["c_void_p"]),
        ("tp_dataset_class_name", "c_char_p", ["c_void_p", "c_int32"]),
        ("tp_dataset_split", "c_int32", ["*c_void_p", "*c_void_p", "c_void_p", "c_double", "c_int32", "c_uint64"]),
        ("tp_model_gradient", "c_int32", ["c_void_p", "*tp_batch", "c_int32", "c_void_p", "c_size_t", "*c_double"]),
        ("tp_dataset_skipped", "c_int32", ["c_void_p", "c_int64", "*c_char_p", "*c_char_p"]),
        ("tp_trainer_get_config", "c_int32", ["c_void_p", "*c_int32", "*tp_optimizer_config"]),
        ("tp_model_get_metadata", "c_int32", ["c_void_p", "c_char_p", "c_void_p", "c_size_t", "*c_size_t"]),
    ],
)  # fmt: skip
def test_every_kind_of_argument_has_its_ctypes_type(name, result, arguments):
    def meant(text):
        if text is None:
            return None
        kind = getattr(_abi, text.lstrip("*"))
        return ctypes.POINTER(kind) if text.startswith("*") else kind

    assert _abi.PROTOTYPES[name] == (meant(result), [meant(text) for text in arguments])

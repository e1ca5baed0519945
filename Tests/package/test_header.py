"""The header alone, in every language version it promises."""

import re

import pytest
from conftest import HEADER, STRICT, compilers, header_functions, header_text, run

C_VERSIONS = ["c99", "c11", "c17", "c2x"]
CPP_VERSIONS = ["c++11", "c++14", "c++17", "c++20"]
CASES = [(c, v, "c") for c in compilers("gcc", "clang") for v in C_VERSIONS]
CASES += [(c, v, "cpp") for c in compilers("g++", "clang++") for v in CPP_VERSIONS]


@pytest.mark.parametrize("compiler, version, suffix", CASES)
def test_header_compiles_alone(compiler, version, suffix, tmp_path):
    source = tmp_path / f"alone.{suffix}"
    source.write_text("#include <teleport.h>\n#include <teleport.h>\nint alone;\n")
    extra = ["-Wshadow", "-Wundef"] + (["-Wstrict-prototypes", "-Wc++-compat"] if compiler == "gcc" else [])
    run(compiler, f"-std={version}", *STRICT, *extra, "-I", HEADER.parent, "-c", source, "-o", tmp_path / "alone.o")


def test_cpp_host_links_with_c_names(tmp_path):
    source = tmp_path / "host.cpp"
    source.write_text("#include <teleport.h>\nint main() { return tp_version_number() > 0 ? 0 : 1; }\n")
    library = HEADER.parent.parent / "build/lib"
    run("c++", "-std=c++11", *STRICT, "-I", HEADER.parent, source, "-o", tmp_path / "host", f"-L{library}",
        "-lteleport", f"-Wl,-rpath,{library}")  # fmt: skip
    run(tmp_path / "host")


def test_structs_have_no_implicit_padding(tmp_path):
    source = tmp_path / "padded.c"
    source.write_text("#include <teleport.h>\nint padded;\n")
    run("gcc", "-std=c99", "-Wpadded", "-Werror", "-I", HEADER.parent, "-c", source, "-o", tmp_path / "padded.o")


def test_header_includes_only_stddef_and_stdint():
    assert re.findall(r"#include (\S+)", HEADER.read_text()) == ["<stddef.h>", "<stdint.h>"]


def test_enumerators_have_explicit_values():
    for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\}", header_text(), re.DOTALL):
        for member in filter(None, (part.strip() for part in body.split(","))):
            assert re.fullmatch(r"TP_[A-Z0-9_]+ = -?\d+", member), f"{name}: {member}"


def test_header_has_no_variadics_bool_or_function_macros():
    text = header_text()
    assert "..." not in text
    assert not re.search(r"\bbool\b", text)
    assert not re.search(r"#define \w+\(", text)


@pytest.mark.parametrize("name", sorted(header_functions()))
def test_function_is_documented(name):
    """A comment stands above the function, or above the group of lines that it ends, or on its own line."""
    text = HEADER.read_text()
    above = text[: re.search(rf"\b{name}\(", text).start()].rstrip()
    paragraph = above.rsplit("\n\n", 1)[-1]
    line = next(line for line in text.splitlines() if re.search(rf"\b{name}\(", line))
    self_evident = name.endswith(("_init", "_free"))
    assert "/*" in paragraph or "/*" in line or self_evident or documented_next_to(text, name)


def documented_next_to(text, name):
    """tp_x_create follows the struct that documents it."""
    before = text[: re.search(rf"\b{name}\(", text).start()]
    return re.search(r"typedef struct \w+ \w+;\s+tp_status\s*$", before) or re.search(
        r"_init\([^;]*;\s+tp_status\s*$", before
    )

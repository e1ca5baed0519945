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


def parameters():
    """(function, type, name) of every argument of every function."""
    for name, given in re.findall(r"^[a-z][\w *]*?\b(tp_\w+)\(([^;]*?)\);", header_text(), re.MULTILINE | re.DOTALL):
        for argument in given.split(","):
            kind, parameter = re.fullmatch(r"(.*?)(\w+)", " ".join(argument.split())).groups()
            yield name, kind.strip(), parameter


def test_outputs_are_named_by_what_they_are():
    """A struct or handle that is written is `out` or ends in `_out`; what _init fills and a model's own do not."""
    structs = re.findall(r"\} (tp_\w+);", header_text())
    for function, kind, name in parameters():
        if function.endswith("_init"):
            continue
        is_struct = kind.startswith("tp_") and kind.endswith("*") and kind.rstrip("* ") in structs
        if is_struct or (kind.endswith("**") and "const *const" not in kind):
            assert name == "out" or name.endswith("_out"), f"{function}: {kind}{name}"
        if name == "out":
            assert kind.endswith("**"), f"{function}: `out` is a new handle, not {kind}"
        assert not name.startswith("out_"), f"{function}: {name}"


def fields(struct):
    body = re.search(rf"typedef struct {struct} \{{(.*?)\}} {struct};", header_text(), re.DOTALL)[1]
    return re.findall(r"(\w+)(?:\[\d+\])?;", body)


@pytest.mark.parametrize(
    "struct, groups",
    [
        (
            "tp_teleport_config",
            [
                "group search objective state",
                "layer exact radius null_tolerance",
                "steps",
                "candidates sampler",
                "rollout_steps rollout_batch learning_rate",
                "perturbations curves perturbation_norms perturbation_norm_count",
                "loss_tolerance held_out_tolerance held_out",
            ],
        ),
        (
            "tp_teleport_report",
            [
                "accepted outcome",
                "group search layer rank",
                "steps backtracks candidates refused",
                "gradient_norm2_before gradient_norm2_after objective_before objective_after",
                "score_before score_after",
                "loss_before loss_after held_out_before held_out_after output_change",
                "condition input_condition fit_residual",
            ],
        ),
        (
            "tp_image_config",
            [
                "channels height width resampling background",
                "bad_image max_width max_height max_pixels max_chunk_bytes",
                "mean std",
                "flat allow_empty_classes nested_classes",
                "class_names class_count",
            ],
        ),
    ],
)
def test_fields_stand_with_what_they_belong_to(struct, groups):
    there = " ".join(fields(struct))
    for group in groups:
        assert f" {group} " in f" {there} ", f"{struct} has {there}"


def test_what_is_experimental_is_marked_and_listed():
    """docs/abi.md lists what stands below a comment that begins with "Experimental"."""
    text = HEADER.read_text()
    section = (HEADER.parent.parent / "docs/abi.md").read_text().partition("\n## Experimental\n")[2].partition("\n## ")[0]
    below = re.findall(r"/\* Experimental[:.].*?\*/(.*?)(?=/\*|\};?)", text, re.DOTALL)
    marked = {name for part in below for name in re.findall(r"\bTP_\w+", part)}
    assert {"TP_GROUP_LEVEL_SET", "TP_OBJECTIVE_CURVATURE_MAXIMIZE"} <= marked
    assert marked == set(re.findall(r"`(TP_\w+)`", section))
    assert " 9  Test functions (experimental)\n" in text and "`tp_plane_*`" in section

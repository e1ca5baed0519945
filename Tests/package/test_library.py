"""The built library: what it exports, what it needs, what it does when it is loaded."""

import re
import subprocess

from conftest import EXAMPLES, LIBRARY, ROOT, header_functions, make, run, version

# Swift's runtime needs libstdc++ and libgcc_s; everything else that is not libc's is PNG reading.
NEEDED = {
    "linux-vdso.so.1", "libpng16.so.16", "libz.so.1", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libc.so.6",
}  # fmt: skip


def exported():
    lines = run("nm", "-D", "--defined-only", "--without-symbol-versions", LIBRARY).stdout.splitlines()
    return {name for *_, kind, name in map(str.split, lines) if kind != "A"}  # A: the name of the version


def test_every_function_of_the_header_is_exported():
    assert header_functions() - exported() == set()


def test_nothing_else_is_exported():
    assert exported() - header_functions() == set()


def test_needs_only_the_stated_libraries():
    names = {line.split()[0] for line in run("ldd", LIBRARY).stdout.splitlines()}
    loader = {name for name in names if "/ld-linux" in name}
    assert len(loader) == 1
    assert names - loader <= NEEDED
    assert NEEDED - {"linux-vdso.so.1"} <= names


def test_every_symbol_has_the_version_of_the_soname():
    """Two major versions in one process do not take each other's functions."""
    lines = run("nm", "-D", "--defined-only", LIBRARY).stdout.splitlines()
    names = [line.split()[-1] for line in lines if line.split()[-2] != "A"]
    node = f"LIBTELEPORT_{version().split('.')[0]}"
    assert names and [name for name in names if not name.endswith(f"@@{node}")] == []


def test_needs_no_libc_after_2_34():
    """Wheels are tagged by it: Ubuntu 22.04 has 2.35, RHEL 9 has 2.34."""
    text = run("objdump", "-T", LIBRARY).stdout
    numbers = {tuple(map(int, number.split("."))) for number in re.findall(r"GLIBC_([\d.]+)", text)}
    assert max(numbers) <= (2, 34)


def test_dynamic_section():
    text = run("readelf", "-d", LIBRARY).stdout
    assert f"soname: [libteleport.so.{version().split('.')[0]}]" in text
    assert "RUNPATH" not in text and "RPATH" not in text and "TEXTREL" not in text
    assert "NODELETE" in text  # Swift's runtime cannot be unloaded


def test_links_and_strip():
    folder = LIBRARY.parent
    major = version().split(".")[0]
    assert LIBRARY.readlink().name == f"libteleport.so.{major}"
    assert (folder / f"libteleport.so.{major}").readlink().name == f"libteleport.so.{version()}"
    assert ".symtab" not in run("readelf", "-S", "--wide", LIBRARY).stdout
    assert LIBRARY.stat().st_size < 40 << 20


def test_header_beside_the_library_is_the_header():
    assert (ROOT / "build/include/teleport.h").read_bytes() == (ROOT / "include/teleport.h").read_bytes()


def test_every_call_for_blas_buffers_goes_to_ours():
    """No instruction in the library reaches OpenBLAS's own allocator: all go to the wrapper."""
    own, wrapped = [], 0
    command = ["objdump", "-d", "--no-show-raw-insn", ROOT / ".build/release/libteleport.so"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        function = ""
        for line in process.stdout:
            if line.endswith(">:\n"):
                function = line[line.find("<") + 1 : -3]
            target = re.search(r"<((?:__wrap_)?blas_memory_(?:alloc|free))(?:@plt)?>", line)
            if not target or line.endswith(">:\n"):
                continue
            if target[1].startswith("__wrap_"):
                wrapped += 1
            elif not function.startswith("blas_memory"):
                own.append(line.strip())
    assert own == []
    assert wrapped >= 4


def test_loading_and_training_prints_nothing_of_its_own():
    process = run(EXAMPLES / "01-hello")
    assert process.stderr == ""
    assert [line.split(" = ")[0] for line in process.stdout.splitlines()] == [
        "0 xor 0", "0 xor 1", "1 xor 0", "1 xor 1",
    ]  # fmt: skip


def test_a_second_make_does_nothing():
    assert make("lib").stdout == ""


def test_a_changed_header_compiles_the_swift_side_again():
    plan = make("--dry-run", "--what-if=include/teleport.h", "lib").stdout
    assert "touch Sources/TeleportABI/" in plan
    assert "swift build" in plan

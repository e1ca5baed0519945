"""What the tests of the built library, its installation and the examples share."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "include/teleport.h"
LIBRARY = ROOT / "build/lib/libteleport.so"
EXAMPLES = ROOT / "build/examples"
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]


def run(*command, timeout=300, check=True, **options):
    """Standard output and error as text; fails with both when the command does."""
    process = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=timeout,
        **{"cwd": ROOT, **options},
    )
    if check and process.returncode != 0:
        pytest.fail(f"{command}: exit status {process.returncode}\n{process.stdout}{process.stderr}")
    return process


def header_text():
    """The header without comments."""
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)


def header_functions():
    return set(re.findall(r"\b(tp_\w+)\(", re.sub(r"typedef[^;]*;", "", header_text())))


def version():
    numbers = [re.search(rf"TP_VERSION_{part} (\d+)", HEADER.read_text())[1] for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(numbers)


def make(*arguments, **options):
    return run("make", "--no-print-directory", *arguments, timeout=900, **options)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The demo's image folder: train/ and test/ with ten classes of 8x8 digits."""
    folder = tmp_path_factory.mktemp("digits")
    run("tar", "-xzf", ROOT / "examples/data/digits-png.tar.gz", "-C", folder)
    return folder / "digits-png"


@pytest.fixture(scope="session", autouse=True)
def without_inherited_make_variables():
    # Under `make test` these would reach the makes that the tests start.
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PREFIX", "DESTDIR"):
        os.environ.pop(name, None)


def compilers(*names):
    return [name for name in names if shutil.which(name)]

"""The Python wheel: what is in it, that it needs nothing of the system but libc's family, and what a missing library says."""

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from conftest import HEADER, ROOT, make, run, version
from test_readme import accuracy, block


@pytest.fixture(scope="module")
def dist():
    if shutil.which("pip") is None and not (ROOT / "build/wheel/venv").exists():
        pytest.skip("make wheel needs pip and PyPI")
    make("wheel")
    return ROOT / "build/dist"


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("libteleport-*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Python of a fresh venv with the wheel and numpy."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    return folder / "bin/python"


def test_tag_says_any_python_and_a_libc_of_2_34_or_older(wheel):
    name, number, python, abi, platform = wheel.stem.split("-")
    assert (name, number, python, abi) == ("libteleport", version(), "py3", "none")
    major, minor = map(int, re.search(r"manylinux_(\d+)_(\d+)_", platform).groups())
    assert (major, minor) <= (2, 34)


def test_wheel_holds_library_header_licences_and_libpng(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = f"libteleport-{version()}.dist-info"
        metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        texts = {Path(name).name: archive.read(name).decode() for name in names if re.search(r"/(LICENSE|NOTICE)$", name)}
        assert "Root-Is-Purelib: false" in archive.read(f"{info}/WHEEL").decode()
        assert archive.read("teleport/include/teleport.h") == HEADER.read_bytes()
    assert f"teleport/libteleport.so.{version().split('.')[0]}" in names
    assert any(re.match(r"libteleport\.libs/libpng16", name) for name in names)
    assert metadata["Name"] == "libteleport" and "import teleport" in metadata.get_payload()
    assert texts["LICENSE"] == (ROOT / "LICENSE").read_text()
    assert texts["NOTICE"] == (ROOT / "NOTICE").read_text()
    assert "OpenBLAS" in texts["NOTICE"] and "libpng" in texts["NOTICE"]


def test_readme_program_runs_from_the_wheel_with_an_empty_environment(environment, digits, tmp_path):
    (tmp_path / "digits.py").write_text(block("python"))
    text = run(environment, tmp_path / "digits.py", digits, env={}, cwd=tmp_path).stdout
    assert accuracy(text) > 80


def test_process_maps_the_wheels_libpng_and_no_other(environment, tmp_path):
    code = "import teleport; print(open('/proc/self/maps').read())"
    maps = run(environment, "-c", code, env={}, cwd=tmp_path).stdout
    mapped = set(re.findall(r"/\S*lib(?:png|teleport)\S*", maps))
    assert any("libteleport.libs/libpng" in path for path in mapped)
    assert [path for path in mapped if not path.startswith(str(environment.parent.parent))] == []


def test_header_of_the_wheel_is_where_the_page_says(environment, tmp_path):
    code = "import teleport, pathlib; print((pathlib.Path(teleport.__file__).parent / 'include/teleport.h').exists())"
    assert run(environment, "-c", code, env={}, cwd=tmp_path).stdout.strip() == "True"


def test_sdist_says_what_it_needs(dist, tmp_path):
    (path,) = dist.glob("libteleport-*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
        archive.extractall(tmp_path)
    assert {"LICENSE", "NOTICE", "README.md", "setup.py", "teleport/include/teleport.h"} <= names
    assert not any("libteleport.so" in name for name in names)
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert "TELEPORT_LIBRARY" in (folder / "PKG-INFO").read_text()
    assert_refused(folder)


def test_install_without_a_library_fails_soon_and_says_what_to_run(tmp_path):
    shutil.copytree(ROOT / "python", tmp_path / "python", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    assert_refused(tmp_path / "python")


def assert_refused(folder):
    began = time.monotonic()
    environment = {key: value for key, value in os.environ.items() if key != "TELEPORT_LIBRARY"}
    process = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--dry-run", str(folder)],
        capture_output=True, text=True, env=environment, timeout=120,
    )  # fmt: skip
    assert process.returncode != 0
    assert "make lib" in process.stdout + process.stderr
    assert time.monotonic() - began < 60

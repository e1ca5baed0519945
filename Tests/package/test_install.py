"""make install and what finds the installation: pkg-config, CMake, from where it was put and after a move."""

import os
import shutil

import pytest
from conftest import ROOT, STRICT, make, run, version

CMAKE = """\
cmake_minimum_required(VERSION 3.16)
project(host C)
find_package(teleport {version} REQUIRED CONFIG)
add_executable(host {source})
target_link_libraries(host PRIVATE teleport::teleport)
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("install") / "a prefix"
    make("install", f"PREFIX={prefix}")
    return prefix


def build_with_cmake(prefix, folder, wanted=""):
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(CMAKE.format(version=wanted, source=ROOT / "examples/c/01-hello.c"))
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", folder / "build")
    assert "1 xor 0" in run(folder / "build/host").stdout


def test_installed_files(prefix):
    files = sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir())
    major = version().split(".")[0]
    assert files == [
        "include/teleport.h",
        "include/teleport.hpp",
        "lib/cmake/teleport/teleport-config-version.cmake",
        "lib/cmake/teleport/teleport-config.cmake",
        "lib/libteleport.so",
        f"lib/libteleport.so.{major}",
        f"lib/libteleport.so.{version()}",
        "lib/pkgconfig/teleport.pc",
        "share/doc/teleport/LICENSE",
        "share/doc/teleport/NOTICE",
    ]
    assert not any("@" in (prefix / name).read_text() for name in files if name.endswith((".pc", ".cmake")))


def test_pkg_config(tmp_path):
    prefix = tmp_path / "prefix"
    make("install", f"PREFIX={prefix}")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    assert run("pkg-config", "--modversion", "teleport", env=environment).stdout.strip() == version()
    flags = run("pkg-config", "--cflags", "--libs", "teleport", env=environment).stdout.split()
    run("cc", "-std=c99", *STRICT, ROOT / "examples/c/01-hello.c", "-o", tmp_path / "host", *flags)
    library_path = {**os.environ, "LD_LIBRARY_PATH": str(prefix / "lib")}
    assert "1 xor 0" in run(tmp_path / "host", env=library_path).stdout


def test_pkg_config_after_a_move(tmp_path):
    make("install", f"PREFIX={tmp_path / 'first'}")
    moved = tmp_path / "moved"
    (tmp_path / "first").rename(moved)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(moved / "lib/pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "teleport", env=environment).stdout.split()
    run("cc", "-std=c99", *STRICT, ROOT / "examples/c/01-hello.c", "-o", tmp_path / "host", *flags)
    library_path = {**os.environ, "LD_LIBRARY_PATH": str(moved / "lib")}
    assert "1 xor 0" in run(tmp_path / "host", env=library_path).stdout


def test_cmake_finds_it(prefix, tmp_path):
    build_with_cmake(prefix, tmp_path / "host", version())


def test_cmake_finds_it_after_a_move(prefix, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(prefix, moved, symlinks=True)
    build_with_cmake(moved, tmp_path / "host")
    assert str(moved) in (tmp_path / "host/build/CMakeCache.txt").read_text()


@pytest.mark.parametrize("wanted", ["0.99", "1.0"])
def test_cmake_refuses_another_version(prefix, tmp_path, wanted):
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(version=wanted, source="host.c"))
    process = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", check=False)
    assert process.returncode != 0
    assert version() in process.stderr


def test_destdir_and_uninstall(tmp_path):
    places = [f"DESTDIR={tmp_path}", "PREFIX=/usr", "LIBDIR=/usr/lib/some-triple"]
    make("install", *places)
    assert (tmp_path / "usr/include/teleport.h").is_file()
    config = tmp_path / "usr/lib/some-triple/cmake/teleport/teleport-config.cmake"
    assert "../../../../include" in config.read_text()
    assert str(tmp_path) not in (tmp_path / "usr/lib/some-triple/pkgconfig/teleport.pc").read_text()
    make("uninstall", *places)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []

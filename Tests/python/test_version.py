"""The version stands in include/teleport.h; everything else takes it from there."""

import re
import subprocess

import pytest

import header
import teleport
from header import ROOT

PARTS = header.version()
VERSION = "{MAJOR}.{MINOR}.{PATCH}".format(**PARTS)


def test_the_package_and_its_library_have_it():
    assert teleport.__version__ == VERSION == teleport.library_version()


@pytest.mark.filterwarnings("ignore:.*beta")
def test_an_installed_package_has_it():
    reader = pytest.importorskip("setuptools.config.pyprojecttoml")
    project = reader.read_configuration(ROOT / "python" / "pyproject.toml")["project"]
    assert project["version"] == VERSION


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_what_builds_and_installs_has_no_copy_of_it():
    """Neither the version nor the major number in the name of the library."""
    places = ["Makefile", "Package.swift", "Sources", "packaging", "python", "include", "scripts"]
    listed = subprocess.run(
        ["git", "ls-files", "-z", *places], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    copy = re.compile(rf"\b{re.escape(VERSION)}\b|\.so\.{PARTS['MAJOR']}\b")
    found = [
        name
        for name in listed.split("\0")[:-1]
        if copy.search((ROOT / name).read_text(errors="replace"))
    ]
    # Made from the header.
    assert found == ["packaging/debian/libteleport0.symbols", "python/teleport/_abi.py"]


def test_documents_speak_of_it():
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert newest == VERSION
    wanted = re.search(r"find_package\(teleport (\S+) ", (ROOT / "README.md").read_text())[1]
    assert wanted == "{MAJOR}.{MINOR}".format(**PARTS)

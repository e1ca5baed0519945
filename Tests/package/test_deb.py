"""The Debian packages: what lintian says, and that a host links and runs from them and a purge leaves nothing."""

import os
import re
import shutil

import pytest
from conftest import ROOT, STRICT, header_functions, make, run, version

TOOLS = ["dpkg-deb", "dpkg-gensymbols", "dpkg-shlibdeps", "dpkg-gencontrol"]
SYMBOLS = ROOT / f"packaging/debian/libteleport{version().split('.')[0]}.symbols"


@pytest.fixture(scope="module")
def packages():
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"make deb needs {', '.join(missing)} (apt-get install dpkg-dev)")
    make("deb", env={**os.environ, "DEBFULLNAME": "A Packager", "DEBEMAIL": "packager@debian.org"})
    found = sorted((ROOT / "build/dist").glob(f"libteleport*_{version()}_*.deb"))
    assert [path.name.split("_")[0] for path in found] == ["libteleport-dev", "libteleport0"]
    return found


def test_symbols_file_names_the_functions_of_the_header():
    names = re.findall(r"^ (tp_\w+)@LIBTELEPORT_\d+ [\d.]+$", SYMBOLS.read_text(), re.M)
    assert set(names) == header_functions()


def test_lintian_finds_no_error_and_no_warning(packages):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed (apt-get install lintian)")
    process = run("lintian", "--fail-on", "error,warning", *packages, check=False)
    assert (process.returncode, re.findall(r"^[EW]: .*", process.stdout, re.M)) == (0, [])


def test_a_host_links_and_runs_from_the_packages(packages, tmp_path):
    for package in packages:
        run("dpkg-deb", "-x", package, tmp_path / "root")
    (folder,) = (tmp_path / "root/usr/lib").iterdir()
    environment = {**os.environ, "PKG_CONFIG_PATH": str(folder / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "teleport", env=environment).stdout.split()
    run("cc", "-std=c99", *STRICT, ROOT / "examples/c/01-hello.c", "-o", tmp_path / "host", *flags)
    text = run(tmp_path / "host", env={**os.environ, "LD_LIBRARY_PATH": str(folder)}).stdout
    assert "1 xor 0" in text


def test_a_purge_leaves_nothing(packages, tmp_path):
    """In a root of its own, where dpkg knows no other package."""
    database = tmp_path / "var/lib/dpkg"
    for folder in ("info", "updates", "triggers"):
        (database / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (database / file).touch()
    dpkg = ["dpkg", f"--root={tmp_path}", f"--log={tmp_path}/var/lib/dpkg/log", "--force-not-root",
            "--force-depends", "--force-bad-path"]  # fmt: skip
    before = files(tmp_path)
    run(*dpkg, "--install", *packages)
    assert any(path.startswith("usr/include/teleport") for path in files(tmp_path) - before)
    run(*dpkg, "--purge", "libteleport-dev", "libteleport0")
    assert files(tmp_path) - before == set()


def files(root):
    paths = (path.relative_to(root) for path in root.rglob("*"))
    return {str(path) for path in paths if path.parts[:3] != ("var", "lib", "dpkg")}

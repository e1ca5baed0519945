"""Hosts in other languages build against an installation, in few lines, and give the C program's loss to the bit."""

import os
import shutil

import pytest
from conftest import ROOT, STRICT, compilers, make, run

HOSTS = ROOT / "examples/languages"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment in which pkg-config and the loader find an installation."""
    prefix = tmp_path_factory.mktemp("prefix")
    make("install", f"PREFIX={prefix}")
    return {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"), "LD_LIBRARY_PATH": str(prefix / "lib")}


def flags(installed, *options):
    return run("pkg-config", *options, "teleport", env=installed).stdout.split()


@pytest.fixture(scope="module")
def loss(installed, tmp_path_factory):
    program = tmp_path_factory.mktemp("c") / "host"
    run("cc", "-std=c99", *STRICT, HOSTS / "host.c", "-o", program, *flags(installed, "--cflags", "--libs"))
    value = float(run(program, env=installed).stdout)
    assert 0 < value < 0.25
    return value


def needs(tool, package):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (apt-get install {package})")


def test_no_host_has_more_than_30_lines():
    for path in HOSTS.glob("host.*"):
        assert len(path.read_text().splitlines()) <= 30, path.name


@pytest.mark.parametrize("compiler", compilers("c++", "clang++"))
def test_cpp(installed, loss, tmp_path, compiler):
    run(compiler, "-std=c++17", *STRICT, HOSTS / "host.cpp", "-o", tmp_path / "host",
        *flags(installed, "--cflags", "--libs"))  # fmt: skip
    assert float(run(tmp_path / "host", env=installed).stdout) == loss


def test_rust(installed, loss, tmp_path):
    needs("rustc", "rustc")
    run("rustc", "-D", "warnings", HOSTS / "host.rs", "-o", tmp_path / "host", *flags(installed, "--libs"))
    assert float(run(tmp_path / "host", env=installed).stdout) == loss


def test_go(installed, loss, tmp_path):
    needs("go", "golang-go")
    environment = {**installed, "GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    run("go", "build", "-o", tmp_path / "host", HOSTS / "host.go", env=environment, cwd=tmp_path)
    assert float(run(tmp_path / "host", env=installed).stdout) == loss


MANIFEST = """\
// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "host",
    dependencies: [.package(url: "{url}", from: "0.1.0")],
    targets: [
        .executableTarget(name: "host", dependencies: [.product(name: "CTeleport", package: "teleport-swift")])
    ]
)
"""


def test_swift_package_by_url_and_tag(installed, loss, tmp_path):
    needs("swift", "swiftlang")
    needs("git", "git")
    package = tmp_path / "teleport-swift"
    shutil.copytree(ROOT / "swift", package, ignore=shutil.ignore_patterns(".build"))
    git = ["git", "-C", package, "-c", "user.name=A", "-c", "user.email=a@localhost"]
    run(*git, "init", "-q")
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "as `git subtree split --prefix=swift` gives it")
    run(*git, "tag", "0.1.0")
    host = tmp_path / "host"
    (host / "Sources/host").mkdir(parents=True)
    (host / "Package.swift").write_text(MANIFEST.format(url=package.as_uri()))
    shutil.copy(HOSTS / "host.swift", host / "Sources/host/main.swift")
    environment = {key: value for key, value in installed.items() if key not in ("CC", "CXX")}
    run("swift", "build", "--cache-path", tmp_path / "cache", cwd=host, env=environment)
    assert float(run(host / ".build/debug/host", env=installed).stdout) == loss


CPP = r"""
#include <cassert>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <teleport.hpp>

static_assert(!std::is_copy_constructible_v<teleport::model> && std::is_nothrow_move_constructible_v<teleport::model>);

template <class F> tp_status status_of(F body) {
    try {
        body();
    } catch (const teleport::error &failure) {
        assert(std::strlen(failure.what()) > 0);
        return failure.status();
    }
    return TP_OK;
}

int main() {
    const std::vector<float> x{0, 0, 0, 1, 1, 0, 1, 1};
    const std::vector<std::int32_t> labels{0, 1, 1, 0}, widths{2, 8, 2};
    teleport::model model(widths);
    teleport::trainer trainer(model);
    auto data = teleport::dataset::from_labels(x, labels, 2);
    assert(data.count() == 4 && data.class_count() == 2);

    auto run = teleport::defaults(tp_run_config_init);
    run.epochs = 3;
    run.batch_size = 2;
    int epochs = 0;
    assert(trainer.run(data, &data, &run, [&](const tp_event &event) {
        epochs += event.kind == TP_EVENT_EPOCH;
        return true;
    }) == TP_OK && epochs == 3);
    assert(trainer.run(data, nullptr, &run, [](const tp_event &) { return false; }) == TP_STOPPED);

    bool thrown = false; /* through the library, and what was thrown arrives */
    try {
        trainer.run(data, nullptr, &run, [](const tp_event &) -> bool { throw std::out_of_range("mine"); });
    } catch (const std::out_of_range &mine) {
        thrown = !std::strcmp(mine.what(), "mine");
    }
    assert(thrown);

    auto report = teleport::defaults(tp_teleport_report_init);
    assert(trainer.teleport(teleport::labelled(x, labels), nullptr, &report) == TP_OK);

    auto copy = model.clone();
    const auto before = model.parameters();
    trainer.step(teleport::labelled(x, labels));
    assert(copy.parameters() == before && model.parameters() != before);
    auto moved = std::move(copy);
    assert(!copy.get() && moved.predict_labels(x, 4).size() == 4);

    std::vector<float> outputs(7);
    assert(status_of([&] { moved.predict(x, 4, outputs); }) == TP_ERROR_BUFFER_TOO_SMALL);
    assert(status_of([&] { moved.predict(x, 3, outputs); }) == TP_ERROR_SHAPE_MISMATCH);
    assert(status_of([&] { teleport::model("input 2; nonsense"); }) < 0);
    assert(status_of([&] { teleport::model::load("/nonexistent"); }) == TP_ERROR_NOT_FOUND);
    assert(status_of([&] { teleport::labelled(x, {}); }) == TP_ERROR_SHAPE_MISMATCH);
    assert(status_of([&] { copy.evaluate(data); }) == TP_ERROR_INVALID_ARGUMENT); /* moved from: NULL */

    static const volatile std::int32_t stop = 1;
    teleport::check(tp_set_stop(&stop, nullptr, nullptr));
    assert(status_of([&] { moved.evaluate(data); }) == TP_STOPPED);
    assert(trainer.run(data, nullptr, &run) == TP_STOPPED);
    std::puts("done");
}
"""


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
@pytest.mark.parametrize("compiler", compilers("c++", "clang++"))
def test_the_cpp_header_frees_throws_and_stops(installed, tmp_path, compiler, standard):
    (tmp_path / "test.cpp").write_text(CPP)
    run(compiler, f"-std={standard}", *STRICT, "-Wconversion", "-Wshadow", tmp_path / "test.cpp",
        "-o", tmp_path / "test", *flags(installed, "--cflags", "--libs"))  # fmt: skip
    assert run(tmp_path / "test", env=installed).stdout == "done\n"
    if shutil.which("valgrind") and (compiler, standard) == ("c++", "c++17"):
        run("valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=9",
            tmp_path / "test", env={**installed, "OPENBLAS_CORETYPE": "Haswell"})  # fmt: skip

"""The package itself: where it looks for the library, and how little a call costs."""

import os
import subprocess
import sys
import timeit
from pathlib import Path

import numpy as np
import pytest

import teleport
from header import ROOT
from teleport import _library


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python"), **environment},
        capture_output=True,
        text=True,
    )


def test_the_environment_names_the_library_alone():
    done = run("import teleport", TELEPORT_LIBRARY="/nowhere/libteleport.so")
    assert done.returncode != 0
    assert "ImportError" in done.stderr and "/nowhere/libteleport.so" in done.stderr
    assert "make lib" in done.stderr


def test_another_library_is_refused_with_the_function_it_lacks():
    done = run("import teleport", TELEPORT_LIBRARY="libc.so.6")
    assert "libc.so.6 has no function tp_" in done.stderr


def test_places_are_tried_in_order(monkeypatch, tmp_path):
    monkeypatch.delenv("TELEPORT_LIBRARY", raising=False)
    package = tmp_path / "python" / "teleport"
    checkout = tmp_path / "build" / "lib"
    for folder in (package, checkout):
        folder.mkdir(parents=True)
        (folder / "libteleport.so.0").touch()
    monkeypatch.setattr(_library, "__file__", str(package / "_library.py"))
    assert _library._places() == [
        str(package / "libteleport.so.0"),
        str(checkout / "libteleport.so.0"),
        "libteleport.so.0",
    ]
    monkeypatch.setenv("TELEPORT_LIBRARY", "/some/where.so")
    assert _library._places() == ["/some/where.so"]


def test_every_public_name_is_there_and_documented():
    for name in teleport.__all__:
        assert getattr(teleport, name).__doc__, name
    assert sorted(teleport.__all__) == teleport.__all__


def test_native_calls_let_other_threads_run():
    assert not _library.lib._func_flags_ & 0x4  # FUNCFLAG_PYTHONAPI, which keeps the lock


def test_a_step_costs_little_more_than_the_native_call():
    x = np.ones((1, 1), np.float32)
    labels = np.zeros(1, np.int32)
    trainer = teleport.Trainer(teleport.Model([1, 1]), learning_rate=0.0)
    native, pointer = _library.lib.tp_trainer_step, trainer._pointer
    batch, value = trainer._samples, trainer._value
    batch.fill(trainer.loss, x, labels, None)

    def best(call):
        return min(timeit.repeat(call, number=2000, repeat=7)) / 2000

    bare = best(lambda: native(pointer, batch, value))
    whole = best(lambda: trainer.step(x, labels))
    # 3 us on an idle machine; the bound is for a busy one.
    assert whole - bare < 25e-6


def test_types_pass_mypy(tmp_path):
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, "teleport"],
        cwd=ROOT / "python",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_package_says_that_it_is_typed():
    assert (Path(teleport.__file__).parent / "py.typed").exists()


def resident_megabytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_objects_give_their_memory_back():
    x = np.zeros((1000, 1000), np.float32)  # 4 MB, and a model of 4 MB

    def use():
        dataset = teleport.Dataset.from_labels(x, np.zeros(1000, np.int32), class_count=2)
        trainer = teleport.Trainer(teleport.Model([1000, 1000, 2]), learning_rate=0.0)
        trainer.run(dataset, batch_size=1000, on_event=lambda event: None)
        trainer.model.clone()

    use()
    before = resident_megabytes()
    for _ in range(30):
        use()
    # 30 rounds of at least 12 MB would be 360 MB.
    assert resident_megabytes() - before < 60

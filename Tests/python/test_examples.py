"""The examples run as they stand, from the checkout."""

import re
import subprocess
import sys
import tarfile

import numpy as np
import pytest

import teleport
from conftest import png_bytes
from header import ROOT

EXAMPLE = ROOT / "examples" / "python" / "image_folder.py"
ARCHIVE = ROOT / "examples" / "data" / "digits-png.tar.gz"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(
            folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {})
        )
    return folder / "digits-png"


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, EXAMPLE, *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


def test_the_digits_are_complete(digits):
    parts = [teleport.Dataset.from_image_folder(digits / part) for part in ("train", "test")]
    assert [len(part) for part in parts] == [1438, 359]
    for part in parts:
        assert part.sample_shape == (1, 8, 8) and part.class_names == list("0123456789")
    names = [path.rsplit("/", 1)[1] for part in parts for path in part.paths]
    assert sorted(names) == [f"{index:04}.png" for index in range(1797)]
    # Values are 0 .. 16, spread over 0 .. 255.
    levels = np.unique(np.rint(255 * parts[0].get()))
    assert set(levels) <= {np.floor(v * 255 / 16 + 0.5) for v in range(17)} and levels.size == 17


def test_the_archive_is_a_function_of_its_content():
    with tarfile.open(ARCHIVE) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert all(member.mtime == 0 and member.uid == 0 and member.isfile() for member in members)
    assert ARCHIVE.read_bytes()[4:8] == b"\0\0\0\0"


def test_image_folder_trains_on_the_digits(digits, tmp_path):
    picture = tmp_path / "loss.png"
    options = ["--widths", "32,32", "--epochs", "6", "--rate", "0.01", "--picture", picture]
    done = run(digits, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1438 training images, 359 test images" in done.stdout
    assert "\nclasses: 0 1 2 3 4 5 6 7 8 9\n" in done.stdout
    rows = re.findall(r"^ +(\d+) +([\d.]+) +([\d.]+)% +([\d.]+) +([\d.]+)%$", done.stdout, re.M)
    assert [int(row[0]) for row in rows] == list(range(7))
    assert rows[0][1] == rows[0][3], "both runs begin with the same weights"
    plain_loss, plain_accuracy, moved_loss, moved_accuracy = map(float, rows[-1][1:])
    assert moved_loss < plain_loss < float(rows[0][1])
    assert moved_accuracy > 80 and plain_accuracy > 20
    assert re.search(r"^teleport 0: .+\n  radius .+ ms$", done.stdout, re.M)
    pixels = teleport.load_image(picture, channels=3)
    assert pixels.shape[1] > 300 and np.unique(pixels).size > 10


def table(text):
    """Epochs, and losses and accuracies of the runs beside each other."""
    rows = re.findall(r"^ +(\d+)((?: +[\d.]+ +[\d.]+%)+)$", text, re.M)
    return [[float(cell.strip("%")) for cell in cells.split()] for _, cells in rows]


def test_image_folder_needs_no_rate(digits, tmp_path):
    done = run(digits, "--widths", "32,32", "--epochs", "12", "--picture", "", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nno --rate given: layerwise distance over gradients in frames\n" in done.stdout
    rows = table(done.stdout)
    assert len(rows) == 13 and rows[0][:2] == rows[0][2:]
    plain_loss, _, framed_loss, framed_accuracy = rows[-1]
    assert framed_loss < 0.5 * plain_loss and framed_accuracy > 95
    assert "teleport 0" not in done.stdout


def test_image_folder_takes_an_optimizer_and_frames(digits, tmp_path):
    common = [digits, "--widths", "32,32", "--epochs", "3", "--picture", ""]
    adam = ["--optimizer", "adam", "--rate", "0.002", "--frames"]
    ends = [table(run(*common, *adam, kind, cwd=tmp_path).stdout)[-1] for kind in ("centre", "rotate")]
    assert ends[0][:2] == ends[1][:2] and ends[0][2:] != ends[1][2:]
    alone = run(*common, "--frames", "none", cwd=tmp_path)
    assert len(table(alone.stdout)[-1]) == 2 and "distance over gradients\n" in alone.stdout
    for wrong in (["--optimizer", "adam"], ["--optimizer", "dog", "--rate", "1"]):
        assert run(*common, *wrong, cwd=tmp_path).returncode == 2


def test_image_folder_splits_a_folder_of_classes(digits, tmp_path):
    options = ["--epochs", "1", "--picture", "", "--widths", "8", "--rate", "0.01"]
    options += ["--teleport-epochs", ""]
    done = run(digits / "test", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "287 training images, 72 test images" in done.stdout
    plain, moved = re.findall(r"^ +1 +([\d.]+) .*%  +([\d.]+) .*%$", done.stdout, re.M)[0]
    assert plain == moved, "no teleport, no difference"
    assert not list(tmp_path.iterdir())


def test_image_folder_refuses_train_without_test_as_a_class(digits, tmp_path):
    (tmp_path / "train").symlink_to(digits / "train")
    done = run(tmp_path, cwd=tmp_path)
    assert done.returncode == 1 and f"the classes may lie in '{tmp_path}/train'" in done.stderr
    options = ["--nested-classes", "--epochs", "1", "--picture", ""]
    done = run(tmp_path, *options, cwd=tmp_path)
    assert done.returncode == 0 and "\nclasses: train\n" in done.stdout, done.stderr


def test_image_folder_names_a_bad_file_and_can_leave_it_out(tmp_path, rng):
    for name in "ab":
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for index in range(10):
            pixels = rng.integers(0, 256, (6, 6), np.uint8)
            (folder / f"{index}.png").write_bytes(png_bytes(pixels))
    bad = tmp_path / "images" / "b" / "bad.png"
    bad.write_bytes(b"no picture")
    done = run(tmp_path / "images", cwd=tmp_path)
    assert done.returncode == 1 and "b/bad.png" in done.stderr
    assert "Traceback" not in done.stderr
    options = ["--skip-bad", "--epochs", "1", "--picture", ""]
    done = run(tmp_path / "images", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "left out" in done.stdout and "b/bad.png" in done.stdout


def test_the_programs_of_the_manual_run(digits, monkeypatch, capsys):
    monkeypatch.chdir(digits.parent)
    manual = (ROOT / "docs" / "python.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", manual, re.S)
    assert len(programs) == 6
    assert 'optimizer="dog"' in programs[0] and "learning_rate" not in programs[0]
    for program in programs:
        exec(program, {})
    printed = capsys.readouterr().out
    accuracies = re.findall(r"test accuracy ([\d.]+)%", printed)
    assert len(accuracies) == 5 and float(accuracies[-1]) > 60

"""Published tables are what a command wrote: with its commit, kernels, seeds, date and spread, between its markers."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time

import pytest

import teleport
from header import ROOT

EXPERIMENTS = ROOT / "examples" / "python" / "experiments"
MNIST_TABLE = ROOT / "bench" / "mnist_table.py"
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "experiments.md"]
MARKER = re.compile(r"^<!-- made by: (.*) -->$", re.M)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    with tarfile.open(ROOT / "examples" / "data" / "digits-png.tar.gz") as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / "digits-png"


def run(script, *arguments, cwd, environment=None):
    command = [sys.executable, script, *arguments]
    environment = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment)


def page(path, *commands):
    """A document with a place for what each command writes."""
    blocks = [f"<!-- made by: {command} -->\nold digits\n<!-- end -->\n" for command in commands]
    path.write_text("# Title\n\nbefore\n\n" + "\nbetween\n\n".join(blocks) + "\nafter\n")
    return path


def block(text, command):
    return text.split(f"<!-- made by: {command} -->\n")[1].split("<!-- end -->")[0]


def narrow(text):
    return re.sub(" +", " ", text)


def assert_origin(text, command, seeds):
    """Who made it: a sentence of its own before the tables."""
    line = " ".join(text.strip().split("\n\n")[0].splitlines())
    assert f"`{command}`" in line and teleport.build_info() in line
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", line) and seeds in line and "±" in line
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    if head.returncode == 0:
        assert f"commit {head.stdout[:10]}" in line
    assert str(ROOT) not in text and "/tmp" not in text


def test_the_mnist_table_is_written_between_its_markers_alone(digits, tmp_path):
    short = "python bench/mnist_table.py digits-png --epochs 1 --seeds 2 --rates 0.01"
    other = "python bench/mnist_table.py digits-png --epochs 1 --seeds 2 --rates 0.01 --exact"
    document = page(tmp_path / "page.md", other, short)
    arguments = short.replace("digits-png", str(digits)).split()[2:]
    process = run(MNIST_TABLE, *arguments, "--write", document, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    text = document.read_text()
    assert text.count("old digits") == 1 and block(text, other) == "old digits\n"
    assert text.startswith("# Title\n\nbefore\n") and text.endswith("\nafter\n") and "\nbetween\n" in text
    written = block(text, short)
    assert_origin(written, short, "seeds 0 to 1")
    rows = re.findall(r"^\| 0\.01 \| (.*?) \|", written, re.M)
    assert rows == ["0", "1", "mean ± s.d."]
    # What is printed is what is written, but for the padding of cells.
    printed = narrow(process.stdout)
    lines = [line for line in written.splitlines() if re.match(r"\| [^-]", line)]
    assert len(lines) == 4 and all(narrow(line) in printed for line in lines)
    # Again: the same digits in the same place.
    again = run(MNIST_TABLE, *arguments, "--write", document, cwd=tmp_path)
    assert again.returncode == 0 and document.read_text().splitlines()[-11:] == text.splitlines()[-11:]


def test_means_alone_and_the_best_rates(digits, tmp_path):
    arguments = [digits, "--epochs", "2", "--seeds", "2", "--rates", "0.01,0.1", "--means"]
    text = narrow(run(MNIST_TABLE, *arguments, cwd=tmp_path).stdout)
    rows = re.findall(r"^\| 0\.\d+ \| (.*) \| (.*) \| (.*) \|$", text, re.M)
    assert len(rows) == 2 and all("±" in row[0] and "±" in row[1] for row in rows)
    best = re.search(r"Best without teleports: (.*) at (\S+); with: (.*) at (\S+)\.", text)
    assert best[1] in [row[0] for row in rows] and best[3] in [row[1] for row in rows]
    one = run(MNIST_TABLE, digits, "--epochs", "1", "--seeds", "1", "--rates", "0.1", cwd=tmp_path).stdout
    assert "Best" not in one


def test_an_experiment_writes_its_tables(tmp_path):
    command = "python examples/python/experiments/regression.py --quick"
    document = page(tmp_path / "page.md", command, command.replace(" --quick", ""))
    process = run(EXPERIMENTS / "regression.py", "--quick", "--out", tmp_path, "--write", document, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    written = block(document.read_text(), command)
    assert_origin(written, command, "seeds 0 to 1")
    assert len(re.findall(r"^\| --- .*\|$", written, re.M)) == 2
    # A quick run has no place where the whole one stands.
    assert document.read_text().count("old digits") == 1


@pytest.mark.parametrize("script", [MNIST_TABLE, EXPERIMENTS / "notebook.py"], ids=lambda path: path.stem)
def test_a_document_without_the_place_is_named_before_anything_runs(script, digits, tmp_path):
    document = page(tmp_path / "page.md", "python elsewhere.py")
    data = [digits] if script == MNIST_TABLE else ["--data", digits]
    began = time.monotonic()
    process = run(script, *data, "--epochs", "100000", "--write", document, cwd=tmp_path)
    assert process.returncode == 1 and time.monotonic() - began < 10
    assert "page.md" in process.stderr and "python elsewhere.py" in process.stderr
    assert f"{script.name}" in process.stderr and "Traceback" not in process.stderr
    missing = run(script, *data, "--write", tmp_path / "nothing.md", cwd=tmp_path)
    assert missing.returncode == 1 and "nothing.md" in missing.stderr and "Traceback" not in missing.stderr


def test_a_place_without_an_end_is_left_alone(digits, tmp_path):
    document = tmp_path / "page.md"
    text = "<!-- made by: python bench/mnist_table.py digits-png -->\nall the rest of it\n"
    document.write_text(text)
    process = run(MNIST_TABLE, digits, "--write", document, cwd=tmp_path)
    assert process.returncode == 1 and "no end" in process.stderr and document.read_text() == text


def test_without_git_the_commit_is_said_to_be_unknown(digits, tmp_path):
    arguments = [digits, "--epochs", "1", "--seeds", "1", "--rates", "0.1"]
    process = run(MNIST_TABLE, *arguments, cwd=tmp_path, environment={"PATH": str(tmp_path)})
    assert process.returncode == 0, process.stderr
    assert "commit unknown" in process.stdout


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_changes_other_than_to_documents_are_said(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    published = importlib.import_module("published")
    monkeypatch.setattr(published, "ROOT", tmp_path)
    git("init", "-q")
    for name in ("code.py", "page.md"):
        (tmp_path / name).write_text("old\n")
    git("add", ".")
    git("commit", "-qm", "first")
    clean = f"commit {git('rev-parse', 'HEAD')[:10]}"
    assert published.commit() == clean
    (tmp_path / "page.md").write_text("new\n")
    assert published.commit() == clean
    (tmp_path / "code.py").write_text("new\n")
    assert published.commit() == clean + " with changes"


@pytest.mark.parametrize("name", ["classification", "regression", "sharpness_curvature"])
def test_quick_runs_have_no_own_best_of_one_rate(name, digits, tmp_path):
    data = [] if name == "regression" else ["--data", digits]
    process = run(EXPERIMENTS / f"{name}.py", "--quick", *data, "--out", tmp_path, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    text = process.stdout.split("\n", 1)[1]
    assert "own best" not in text and "end of the grid" not in text and "±" in text


def commands():
    for document in DOCUMENTS:
        for command in MARKER.findall(document.read_text()):
            yield pytest.param(document, command, id=command.removeprefix("python "))


def test_every_long_table_of_the_documents_has_its_command():
    found = [param.values[1] for param in commands()]
    assert len(set(found)) == len(found)
    for script in ["bench/mnist_table.py", *(f"examples/python/experiments/{n}.py" for n in (
        "plane", "regression", "classification", "notebook", "sharpness_curvature", "optimizer_state"
    ))]:  # fmt: skip
        assert any(command.split()[1] == script for command in found), script


@pytest.mark.parametrize("document, command", list(commands()))
def test_the_command_of_a_document_finds_its_place(document, command, tmp_path):
    """It gets as far as the data, which are not there."""
    words = command.split()
    assert words[0] == "python" and (ROOT / words[1]).is_file() and "--quick" not in words
    folders = [word for word in words if word.endswith("_png")]
    copy = tmp_path / document.name
    copy.write_text(document.read_text())
    if not folders:
        assert words[2:] == []
        return
    arguments = [tmp_path / word if word in folders else word for word in words[2:]]
    process = run(ROOT / words[1], *arguments, "--write", copy, cwd=tmp_path)
    assert process.returncode == 1 and "Traceback" not in process.stderr
    assert f"{folders[0]}/train" in process.stderr, process.stderr

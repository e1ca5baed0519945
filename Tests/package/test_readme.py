"""The programs in README.md compile and do what they say."""

import os
import re
import sys

import pytest
from conftest import LIBRARY, ROOT, STRICT, run

README = (ROOT / "README.md").read_text()
CLASSES = "classes: 0 1 2 3 4 5 6 7 8 9\n"


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)[1]


def accuracy(text):
    return float(re.search(r"test accuracy (\S+) %", text)[1])


def test_c_program(digits, tmp_path):
    (tmp_path / "host.c").write_text(block("c"))
    run("cc", "-std=c99", *STRICT, "-I", ROOT / "build/include", tmp_path / "host.c", "-o", tmp_path / "host",
        f"-L{LIBRARY.parent}", "-lteleport", f"-Wl,-rpath,{LIBRARY.parent}")  # fmt: skip
    text = run(tmp_path / "host", digits).stdout
    assert text.startswith(CLASSES) and accuracy(text) > 80


def test_python_program(digits, tmp_path):
    (tmp_path / "host.py").write_text(block("python"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    text = run(sys.executable, tmp_path / "host.py", digits, env=environment).stdout
    assert text.startswith(CLASSES) and accuracy(text) > 80


def test_convolutional_program(digits, tmp_path):
    (tmp_path / "host.py").write_text(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1])
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    images = [sorted((digits / "test" / name).iterdir())[0] for name in ("0", "4")]
    text = run(sys.executable, "host.py", digits, *images, cwd=tmp_path, env=environment).stdout
    assert accuracy(text) > 90 and text.endswith("['0', '4']\n")


def test_programs_need_no_rate():
    assert "TP_OPTIMIZER_DOG" in block("c") and 'optimizer="dog"' in block("python")
    assert "learning_rate" not in block("c") + block("python")


def test_programs_take_the_folder_of_the_first_commands():
    first = block("sh")
    assert "build/digits-png" in first and "train/ and test/" in first
    for language, call in (("c", "./digits build/digits-png"), ("python", "digits.py build/digits-png")):
        assert call in README, language


def test_the_demo_makes_the_comparison_of_the_first_lines():
    """The same digits, but for the seconds of teleports."""

    def digits(text):
        return [re.sub(r"[\d.]+ s$", "", line) for line in text.strip().splitlines()]

    command = re.search(r"^\./image-folder (.*?)  +#", README, re.M)[1].split()
    shown = run("make", "--no-print-directory", "demo", cwd=ROOT).stdout
    text = run(ROOT / "build/examples/03-image-folder", *command, cwd=ROOT).stdout
    assert digits(shown.split("== ")[1].split("\n", 1)[1]) == digits(text)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_path_of_a_build_machine_is_in_the_tree():
    """Only what git has: the rest is a machine's own."""
    names = run("git", "ls-files", "-z").stdout.split("\0")
    texts = [ROOT / name for name in names if name.endswith((".md", ".h", ".swift", ".c", ".py", "Makefile"))]
    for path in texts:
        assert not re.search(r"/(work|home|root)/\w", path.read_text(errors="replace")), path

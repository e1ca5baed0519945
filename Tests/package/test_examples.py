"""The C examples run as tests; the image folder gates on accuracy."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import EXAMPLES, ROOT, make, run

IMAGE_FOLDER = EXAMPLES / "03-image-folder"
CONVOLUTION = EXAMPLES / "05-convolution"
DIGITS_NET = ROOT / "examples/data/digits.net"
SMALL = ["--widths", "32,32", "--rate", "0.1"]


def rows(text):
    """Epochs and the numbers behind them, from the table."""
    return {int(line.split()[0]): line.split()[1:] for line in text.splitlines() if re.match(r" +\d+  ", line)}


def test_hello():
    values = [float(line.split("= ")[1]) for line in run(EXAMPLES / "01-hello").stdout.splitlines()]
    assert values == pytest.approx([0, 1, 1, 0], abs=0.2)


def test_teleport():
    text = run(EXAMPLES / "02-teleport").stdout
    before, after = map(float, re.search(r"loss +(\S+) -> (\S+)", text).groups())
    assert after == pytest.approx(before, rel=1e-5)
    before, after = map(float, re.search(r"gradient\|\^2 +(\S+) -> (\S+)", text).groups())
    assert after != before


def test_every_teleport_keeps_the_loss_or_says_why_not():
    lines = run(EXAMPLES / "04-every-teleport").stdout.splitlines()
    losses = [re.search(r"loss (\S+) -> (\S+),", line) for line in lines if "refused: " not in line]
    assert len(losses) == 17
    for match in losses:
        before, after = map(float, match.groups())
        assert after == pytest.approx(before, rel=2e-5)
    refused = [line.split("refused: ")[1] for line in lines if "refused: " in line]
    assert refused == [
        "curvature has no derivative here; it needs the random search",
        "the random search draws group elements, and a null-space move has none to draw",
    ]


def test_image_folder_reaches_its_accuracy(digits):
    process = run(IMAGE_FOLDER, *SMALL, "--epochs", "15", "--require-accuracy", "0.9", digits)
    assert process.stderr == ""
    assert "\r" not in process.stdout and "\033" not in process.stdout  # plain lines in a pipe
    assert sorted(rows(process.stdout)) == list(range(16))
    assert "teleport in epoch 1:" in process.stdout
    assert "1438 images to train on, 359 to test on, 10 classes, 1 x 8 x 8" in process.stdout
    assert "\nclasses: 0 1 2 3 4 5 6 7 8 9\n" in process.stdout


def test_image_folder_needs_no_rate(digits):
    text = run(IMAGE_FOLDER, "--widths", "32,32", "--epochs", "15", "--require-accuracy", "0.95", digits).stdout
    assert "\nno --rate given: layerwise distance over gradients in frames\n" in text
    assert "rate 0" not in text and "teleport in epoch" not in text
    assert sorted(rows(text)) == list(range(16))
    short = run(IMAGE_FOLDER, "--widths", "32,32", "--epochs", "15", "--quiet", digits).stdout
    assert rows(short) == {} and short.splitlines()[-1] == text.splitlines()[-1]
    loss, accuracy = re.search(r"final training loss: (\S+); test accuracy: (\S+) %", short).groups()
    assert [loss, accuracy] == rows(text)[15][:2] and float(loss) < 0.02


def test_image_folder_takes_an_optimizer_and_frames(digits):
    for options in (["--rate", "0.1"], ["--rate", "0.002", "--optimizer", "adam"], []):
        kinds = ("centre", "whiten", "rotate") if "adam" in options else ("centre", "whiten")
        compared = [*options, "--widths", "32,32", "--epochs", "4", "--compare", digits]
        tables = [rows(run(IMAGE_FOLDER, "--frames", kind, *compared).stdout) for kind in kinds]
        assert all(table[0] == tables[0][0] and len(table[4]) == 6 for table in tables)
        plain = {tuple(table[4][:3]) for table in tables}
        framed = {tuple(table[4][3:]) for table in tables}
        assert len(plain) == 1 and len(framed) == len(kinds), "each kind steps by itself, from one start"
    text = run(IMAGE_FOLDER, "--frames", "none", "--optimizer", "dog", "--epochs", "1", digits).stdout
    assert "\nno --rate given: layerwise distance over gradients\n" in text and "without frames" in text


def test_image_folder_takes_a_net(digits):
    options = ["--rate", "0.1", "--epochs", "4", "--compare", "--network"]
    text = run(IMAGE_FOLDER, *options, DIGITS_NET, digits).stdout
    assert "\n38442 parameters" in text and len(rows(text)[4]) == 6
    assert "\n77754 parameters" in run(IMAGE_FOLDER, "--network", "resnet-8", "--epochs", "1", digits).stdout
    process = run(IMAGE_FOLDER, "--network", "lenet", digits, check=False)
    assert process.returncode == 1 and "lenet needs images of at least 12x12" in process.stderr
    process = run(IMAGE_FOLDER, "--network", "lenett", digits, check=False)
    assert process.returncode == 1 and "no architecture 'lenett'" in process.stderr


def convolution(*arguments, **options):
    return run(CONVOLUTION, "--network", DIGITS_NET, *arguments, **options)


def test_convolution_trains_saves_loads_and_predicts(digits, tmp_path):
    image = digits / "test/7" / sorted(os.listdir(digits / "test/7"))[0]
    process = convolution("--teleport", "--save", tmp_path / "net", "--predict", image, digits)
    text = process.stdout
    assert process.stderr == "" and "\r" not in text
    assert text.startswith("1294 images to train on, 144 to stop by, 10 classes\n") and "\n38442 parameters" in text
    assert sorted(rows(text)) == list(range(1, 11)) and "\nteleport: " in text
    assert float(re.search(r"test accuracy (\S+) % of 359 images", text)[1]) > 90
    assert re.search(rf"\n{image}: 7, probability [01]\.\d+\n$", text)
    again = convolution("--teleport", "--save", tmp_path / "again", digits).stdout
    assert {n: row[:3] for n, row in rows(again).items()} == {n: row[:3] for n, row in rows(text).items()}
    assert (tmp_path / "again").read_bytes() == (tmp_path / "net").read_bytes()


def test_convolution_takes_a_known_net_and_a_folder_of_classes(digits, tmp_path):
    options = ["--save", tmp_path / "net", "--size", "12x12", "--epochs", "2", "--flip"]
    text = run(CONVOLUTION, "--network", "lenet", *options, digits / "train").stdout
    assert "input 1x12x12" in text and "teleport" not in text and sorted(rows(text)) == [1, 2]
    assert re.search(r"test accuracy \S+ % of 28\d images", text)


def test_convolution_stops_early_and_says_so(digits, tmp_path):
    text = convolution("--save", tmp_path / "net", "--rate", "0.5", "--patience", "1", "--epochs", "200", digits).stdout
    best = re.search(r"no lower loss since epoch (\d+), whose weights are back", text)
    losses = {epoch: float(row[1]) for epoch, row in rows(text).items()}
    assert best and int(best[1]) == min(losses, key=losses.get) == max(losses) - 1


def test_convolution_names_what_is_wrong(digits, tmp_path):
    net = tmp_path / "wrong.net"
    net.write_text("input 1x8x8\ndense 10 nobias\nconv 3 3x3\n")
    for arguments, says in (
        (["--network", net, digits], "line 3"),
        (["--network", "nothing", digits], "no architecture 'nothing'"),
        (["--network", DIGITS_NET, "--size", "9x9", digits], "takes 64 (1 x 8 x 8)"),
        (["--network", DIGITS_NET, "--save", tmp_path / "no/net", digits], "no/net"),
        (["--network", DIGITS_NET, "--save", tmp_path / "net", "--predict", net, digits], "wrong.net"),
        ([tmp_path / "missing"], "missing"),
    ):
        process = run(CONVOLUTION, "--epochs", "1", *arguments, check=False)
        assert process.returncode == 1 and process.stderr.startswith("05-convolution: "), arguments
        assert says in process.stderr, process.stderr
    for arguments in ([], ["--rate", "fast", "x"], ["--size", "8", "x"], ["--epochs", "0", "x"], ["--unknown", "x"]):
        assert run(CONVOLUTION, *arguments, check=False).returncode == 2, arguments
    assert "--patience 3" in run(CONVOLUTION, "--help").stdout


def test_image_folder_fails_below_the_required_accuracy(digits):
    process = run(IMAGE_FOLDER, *SMALL, "--epochs", "1", "--require-accuracy", "1", digits, check=False)
    assert process.returncode == 1
    assert "less than 1.0" in process.stderr


def test_image_folder_splits_a_folder_of_classes(digits):
    text = run(IMAGE_FOLDER, *SMALL, "--epochs", "2", "--no-teleport", digits / "train").stdout
    train, test = map(int, re.match(r"(\d+) images to train on, (\d+) to test on", text).groups())
    assert train + test == 1438
    assert test == pytest.approx(0.2 * 1438, abs=10)
    assert "teleport in epoch" not in text


def test_image_folder_refuses_train_without_test_as_a_class(digits, tmp_path):
    (tmp_path / "train").symlink_to(digits / "train")
    process = run(IMAGE_FOLDER, tmp_path, check=False)
    assert process.returncode == 1 and f"the classes may lie in '{tmp_path}/train'" in process.stderr
    text = run(IMAGE_FOLDER, "--nested-classes", "--epochs", "1", tmp_path).stdout
    assert "\nclasses: train\n" in text


def test_same_seed_gives_the_same_table(digits):
    first, second = (run(IMAGE_FOLDER, *SMALL, "--epochs", "3", "--seed", "5", digits).stdout for _ in range(2))
    assert rows(first) == rows(second)
    assert rows(first) != rows(run(IMAGE_FOLDER, *SMALL, "--epochs", "3", "--seed", "6", digits).stdout)


def test_exact_teleport_moves_no_output(digits):
    text = run(IMAGE_FOLDER, *SMALL, "--epochs", "1", "--exact", "--search", "ascent", digits).stdout
    if "accepted" in text:
        assert "outputs moved by 0.0e+00" in text


def test_comparison_starts_from_the_same_weights(digits):
    text = run(IMAGE_FOLDER, *SMALL, "--epochs", "3", "--compare", digits).stdout
    table = rows(text)
    assert table[0][:3] == table[0][3:]
    assert "final training loss:" in text
    # The plain column is what a run without teleports prints.
    alone = rows(run(IMAGE_FOLDER, *SMALL, "--epochs", "3", "--no-teleport", digits).stdout)
    assert {epoch: row[:3] for epoch, row in table.items()} == alone


def test_divergence_is_reported(digits):
    process = run(IMAGE_FOLDER, "--rate", "1e9", "--epochs", "2", "--no-teleport", digits, check=False)
    assert process.returncode == 1
    assert rows(process.stdout)[2] == ["diverged"]
    assert process.stderr == "training diverged\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--rate", "fast", "x"], ["--epochs", "0", "x"], ["--epochs", "1.5", "x"], ["--widths", "", "x"],
        ["--widths", "8,,8", "x"], ["--rate", "1", "--search", "guess", "x"], ["--exact", "x"],
        ["--rate", "1", "--frames", "whiten", "--radius", "2", "x"], ["--optimizer", "adam", "x"],
        ["--optimizer", "dog", "--rate", "1", "x"], ["--optimizer", "lion", "x"], ["--frames", "round", "x"],
        ["--size", "28", "x"], ["--unknown", "x"], ["x", "y"],
    ],
)  # fmt: skip
def test_bad_options(arguments):
    process = run(IMAGE_FOLDER, *arguments, check=False)
    assert process.returncode == 2
    assert process.stderr


def test_help():
    assert "--teleport-epochs" in run(IMAGE_FOLDER, "--help").stdout


def test_missing_folder_is_named():
    process = run(IMAGE_FOLDER, "/no/such/folder", check=False)
    assert process.returncode == 1
    assert "/no/such/folder" in process.stderr


def test_skip_policy_lists_what_is_left_out(digits, tmp_path):
    for part in ("train", "test"):
        for name in ("0", "1"):
            (tmp_path / part).mkdir(exist_ok=True)
            (tmp_path / part / name).symlink_to(digits / part / name)
    (tmp_path / "train/2").mkdir()
    (tmp_path / "train/2/empty.png").touch()
    good = next((digits / "train/2").glob("*.png"))
    (tmp_path / "train/2/good.png").write_bytes(good.read_bytes())
    process = run(IMAGE_FOLDER, "--epochs", "1", tmp_path, check=False)
    assert process.returncode == 1
    assert "train/2/empty.png" in process.stderr
    text = run(IMAGE_FOLDER, "--epochs", "1", "--skip-bad", tmp_path).stdout
    assert re.search(r"left out \S*train/2/empty.png: \S+", text)


def test_interrupt_stops_cleanly(digits):
    process = subprocess.Popen(
        [IMAGE_FOLDER, "--epochs", "1000000", "--no-teleport", digits], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if re.match(r" +3  ", line):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait(timeout=60) == 130
    assert re.search(r"stopped after \d+ epochs", rest)


def test_progress_bar_on_a_terminal(digits):
    try:
        parent, child = pty.openpty()
    except OSError as error:
        pytest.skip(f"no terminals here: {error}")
    process = subprocess.Popen([IMAGE_FOLDER, *SMALL, "--epochs", "3", digits], stdout=child, stderr=child)
    os.close(child)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([parent], [], [], 1)[0]:
            try:
                block = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            shown += block
    os.close(parent)
    assert process.wait(timeout=60) == 0
    assert b"\r\033[K" in shown and b"#" in shown
    # What stays on the screen: the last of what was written to each line.
    kept = "\n".join(re.sub(r".*\r\x1b\[K", "", line) for line in shown.decode().replace("\r\n", "\n").split("\n"))
    assert sorted(rows(kept)) == [0, 1, 2, 3]


def test_demo():
    began = time.monotonic()
    text = make("demo").stdout
    assert time.monotonic() - began < 40
    assert text.count("epoch    train loss") == 2
    # At rate 0.01 the teleported run needs at most half of the epochs.
    reached = re.search(r"reaches \S+ after epoch (\d+) of 20", text)
    assert reached and int(reached[1]) <= 10
    assert re.search(r"best rate: \S+", text)
    # Without a rate it ends lower than at the rate that is best without teleports.
    best = float(re.findall(r"final training loss: (\S+) without", text)[-1])
    assert "no --rate given" in text and float(re.search(r"final training loss: (\S+); test", text)[1]) < best
    # A convolutional net of fewer epochs ends higher on images that neither has seen.
    perceptron = float(re.search(r"; test accuracy: (\S+) %", text)[1])
    assert float(re.search(r"test accuracy (\S+) % of 359 images", text)[1]) > perceptron


@pytest.mark.skipif("FASHION_PNG" not in os.environ, reason="no larger image folder beside the checkout")
def test_larger_image_folder():
    folder = Path(os.environ["FASHION_PNG"])
    process = run(IMAGE_FOLDER, "--rate", "0.05", "--epochs", "2", "--require-accuracy", "0.6", folder)
    assert "3600 images to train on, 843 to test on, 10 classes, 1 x 28 x 28" in process.stdout
    assert ROOT not in folder.parents


@pytest.mark.parametrize("path", [*sorted((ROOT / "examples/c").glob("*.c")), ROOT / "README.md"], ids=lambda path: path.name)
def test_structs_are_initialized_by_field(path):
    """A list of values says neither what they are nor where a NULL is missing."""
    initializers = re.findall(r"\btp_\w+ \w+ = \{(.*?)\};", path.read_text())
    assert all(initializer.startswith(".") for initializer in initializers), initializers

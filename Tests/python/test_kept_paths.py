"""Folders that are read while they are trained on: keep="paths"."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import teleport
from conftest import ROOT, png_bytes
from teleport import AugmentConfig, Dataset, StopFlag

ALL = AugmentConfig(flip=0.5, crop=0.4, stretch=1.5, shift=2)
SIZE = 3 * 6 * 5


@pytest.fixture
def folder(tmp_path, rng):
    """Three classes of 30, 25 and 12 images of several sizes, RGB and grey."""
    for name, count in (("ant", 30), ("bee", 25), ("cat", 12)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(count):
            shape = (9 + index % 4, 11, 3) if index % 3 else (7, 8)
            pixels = rng.integers(0, 256, shape).astype(np.uint8)
            (tmp_path / "images" / name / f"{index:02}.png").write_bytes(png_bytes(pixels))
    return tmp_path / "images"


def read(folder, **options):
    return Dataset.from_image_folder(folder, channels=3, size=(6, 5), mean=0.4, std=0.3, **options)


def paths(folder, images=2**20, **options):
    return read(folder, keep="paths", keep_bytes=images * SIZE, **options)


@pytest.mark.parametrize("images", [1, 3, 20, 66, 67, 1000])
def test_samples_are_the_same_to_the_bit(folder, images):
    pixels, files = read(folder), paths(folder, images)
    assert len(files) == 67 and files.sample_shape == (3, 6, 5)
    assert files.class_names == pixels.class_names and files.paths == pixels.paths
    assert np.array_equal(files.labels(), pixels.labels())
    for _ in range(2):  # decoded, and then partly kept
        assert np.array_equal(files.get(), pixels.get())
    order = [66, 0, 5, 5, 40]
    assert np.array_equal(files.gather(order, augment=ALL), pixels.gather(order, augment=ALL))
    first, second = files.split(0.3, stratified=True, seed=2)
    expected = pixels.split(0.3, stratified=True, seed=2)
    assert np.array_equal(first.get(), expected[0].get())
    assert np.array_equal(second.get(), expected[1].get())


def trained(train, valid=None, trainer=None, **options):
    if trainer is None:
        trainer = teleport.Trainer(teleport.Model([SIZE, 8, 3], seed=1), learning_rate=0.05)
    result = trainer.run(train, valid, batch_size=8, seed=9, **options)
    return trainer, result


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("images", [1, 7, 20, 50, 1000])
def test_a_run_comes_to_the_same_weights_to_the_bit(folder, images, threads):
    teleport.set_thread_count(threads)
    options = dict(
        epochs=3,
        augment=ALL,
        teleport=teleport.TeleportConfig(search="ascent", radius=0.1),
        teleport_epochs=(1,),
        teleport_samples=40,
    )
    results = []
    for dataset in (read(folder), paths(folder, images)):
        train, valid = dataset.split(0.25, seed=1)
        trainer, result = trained(train, valid, **options)
        results.append((trainer.model.get_parameters(), [e.valid_loss for e in result.epochs]))
    teleport.set_thread_count(0)
    assert np.array_equal(results[0][0], results[1][0]) and results[0][1] == results[1][1]


def test_bad_images_are_left_out_as_with_pixels(folder):
    (folder / "ant" / "03.png").write_bytes(b"no image")
    data = (folder / "bee" / "04.png").read_bytes()
    (folder / "bee" / "04.png").write_bytes(data[: len(data) // 2])
    pixels, files = read(folder, bad_image="skip"), paths(folder, 4, bad_image="skip")
    assert files.skipped == pixels.skipped and len(files.skipped) == 2
    assert len(files) == 65 and np.array_equal(files.get(), pixels.get())
    with pytest.raises(teleport.FormatError, match="ant/03.png"):
        paths(folder).get()


def test_a_file_that_goes_ends_the_run_and_another_goes_on(folder):
    whole, _ = trained(paths(folder, 5), epochs=3, augment=ALL)
    gone = folder / "bee" / "07.png"
    for damage in ("removed", "truncated", "fifo"):
        data = gone.read_bytes()
        dataset = paths(folder, 5)
        trainer, _ = trained(dataset, epochs=1, augment=ALL)
        gone.unlink()
        if damage == "truncated":
            gone.write_bytes(data[:40])
        if damage == "fifo":
            os.mkfifo(gone)
        errors = (teleport.FormatError, teleport.NotFoundError)
        with pytest.raises(errors, match="bee/07.png"):
            trained(dataset, trainer=trainer, epochs=2, augment=ALL)
        with pytest.raises(errors, match="bee/07.png"):
            dataset.get()
        with pytest.raises(errors, match="bee/07.png"):
            trainer.model.evaluate(dataset)
        assert trainer.epoch == 1
        gone.unlink(missing_ok=True)
        gone.write_bytes(data)
        trained(dataset, trainer=trainer, epochs=2, augment=ALL)
        assert np.array_equal(trainer.model.get_parameters(), whole.model.get_parameters())


def test_a_file_of_another_size_is_an_error_where_no_size_is_set(tmp_path):
    (tmp_path / "a").mkdir()
    for index, shape in enumerate(((4, 5), (4, 5), (5, 4))):
        (tmp_path / "a" / f"{index}.png").write_bytes(png_bytes(np.zeros(shape, np.uint8)))
    dataset = Dataset.from_image_folder(tmp_path, keep="paths")
    assert dataset.sample_shape == (1, 4, 5) and dataset.get(0, 2).shape == (2, 20)
    with pytest.raises(teleport.FormatError, match="2.png"):
        dataset.get()


def test_image_files_are_read_by_path_too(folder):
    names = sorted(str(path) for path in folder.glob("*/*.png"))[::-1]
    options = dict(channels=1, size=(4, 4))
    pixels = Dataset.from_image_files(names, **options)
    files = Dataset.from_image_files(names, keep="paths", **options)
    assert np.array_equal(files.get(), pixels.get()) and files.paths == names


def test_memory_for_less_than_an_image_is_refused(folder):
    with pytest.raises(teleport.InvalidArgumentError, match=f"keep_bytes is {SIZE - 1}"):
        read(folder, keep="paths", keep_bytes=SIZE - 1)
    with pytest.raises(teleport.InvalidArgumentError, match="keep_bytes"):
        read(folder, keep="paths", keep_bytes=-1)


def test_a_set_serves_many_threads(folder):
    dataset, expected = paths(folder, 30), read(folder).get()
    results = [None] * 6

    def work(index):
        results[index] = [dataset.get() for _ in range(4)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(x, expected) for result in results for x in result)


def test_a_stop_is_heard_between_two_images(folder):
    """The flag is set within a mini-batch of all samples, long before its last image."""
    dataset = paths(folder, 3).subset(np.tile(np.arange(67), 3000))
    trainer = teleport.Trainer(teleport.Model([SIZE, 8, 3], seed=1))
    flag = StopFlag()
    timer = threading.Timer(0.2, flag.set)
    timer.start()
    result = trainer.run(dataset, batch_size=len(dataset), stop=flag)
    timer.join()
    assert result.stopped and trainer.step_count == 0


SCRIPT = """
import sys
sys.path.insert(0, {python!r})
import teleport

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

train = teleport.Dataset.from_image_folder(
    {folder!r}, channels=3, size=(64, 64), keep="paths", keep_bytes={keep_bytes})
trainer = teleport.Trainer(teleport.Model([train.width, 4, 2]), learning_rate=0.01)
trainer.step(train.get(0, 16), [0] * 16)
before = peak()
trainer.run(train, epochs=2, batch_size=16)
print(peak() - before)
"""


def test_memory_is_bounded(tmp_path, rng):
    """1,200 images of 12 KiB are 14 MB as pixels; 2 MB are allowed."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        image = png_bytes(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8))
        for index in range(600):
            (tmp_path / name / f"{index}.png").write_bytes(image)
    grown = []
    for keep_bytes in (2_000_000, 2**28):
        script = SCRIPT.format(
            python=str(ROOT / "python"), folder=str(tmp_path), keep_bytes=keep_bytes
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        grown.append(int(done.stdout))
    assert grown[0] < 5_000, f"{grown[0]} KiB"
    assert grown[1] > 12_000, "the test sees what is kept"

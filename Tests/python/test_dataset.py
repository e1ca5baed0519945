"""Data sets from arrays, folders, files and IDX; splits; single images."""

import gc
import gzip
import struct

import numpy as np
import pytest

import reference
import teleport
from conftest import png_bytes
from teleport import Dataset
from teleport.dataset import image_config


def test_arrays_with_labels(rng):
    x = rng.normal(size=(10, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, 1])
    dataset = Dataset.from_labels(x, labels, class_count=6)
    assert len(dataset) == 10 and dataset.class_count == 6 and dataset.width == 3
    assert dataset.sample_shape == (1, 1, 3) and dataset.target_width == 0
    assert np.array_equal(dataset.get(), x) and np.array_equal(dataset.labels(), labels)
    assert np.array_equal(dataset.get(2, 3), x[2:5])
    assert np.array_equal(dataset.labels(7), labels[7:])
    assert dataset.class_names == [] and set(dataset.paths) == {None} and dataset.skipped == []
    x[:] = 0
    assert dataset.get().any(), "the set holds a copy"
    with pytest.raises(teleport.TeleportError):
        dataset.targets()


def test_arrays_with_targets(rng):
    x = rng.normal(size=(10, 3))
    targets = rng.normal(size=(10, 2)).astype(np.float32)
    dataset = Dataset.from_targets(x, targets)
    assert dataset.class_count == 0 and dataset.target_width == 2
    assert np.array_equal(dataset.targets(4, 2), targets[4:6])
    assert np.array_equal(dataset.get(), x.astype(np.float32))
    assert Dataset.from_targets(x, targets[:, 0]).target_width == 1
    with pytest.raises(teleport.TeleportError):
        dataset.labels()


def test_from_arrays_goes_by_the_type_of_y():
    assert Dataset.from_arrays(np.zeros((3, 2)), [0, 1, 1]).class_count == 2
    assert Dataset.from_arrays(np.zeros((3, 2)), [0.0, 1.0, 1.0]).target_width == 1


@pytest.mark.parametrize("first, count", [(-1, 1), (0, 11), (11, 0), (5, -1), (2**70, 1)])
def test_samples_that_are_not_there_are_refused(first, count):
    dataset = Dataset.from_labels(np.zeros((10, 3)), np.zeros(10, int))
    with pytest.raises(teleport.InvalidArgumentError):
        dataset.get(first, count)
    assert dataset.get(10, 0).shape == (0, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value):
    x = np.zeros((4, 3))
    x[2, 1] = value
    with pytest.raises(teleport.NotFiniteError):
        Dataset.from_labels(x, [0, 1, 0, 1])


def test_a_dataset_is_not_made_bare():
    with pytest.raises(TypeError, match="from_"):
        Dataset()


def test_a_folder_is_read_with_its_classes(image_folder):
    folder, pixels = image_folder
    dataset = Dataset.from_image_folder(folder)
    assert len(dataset) == 5 and dataset.sample_shape == (3, 4, 5)
    assert dataset.class_names == ["bird", "cat"]
    assert dataset.labels().tolist() == [0, 0, 0, 1, 1]
    assert dataset.paths == sorted(pixels)
    expected = np.stack([pixels[path].transpose(2, 0, 1).ravel() / 255 for path in dataset.paths])
    # One division in float32.
    assert np.abs(dataset.get() - expected).max() < 1e-7


def test_options_reach_the_library(image_folder):
    folder, pixels = image_folder
    mean, std = (0.5, 0.25, 0.125), (0.5, 2.0, 4.0)
    dataset = Dataset.from_image_folder(str(folder), mean=mean, std=std)
    image = pixels[dataset.paths[3]].transpose(2, 0, 1) / 255
    expected = (image - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    assert reference.relative(dataset.get(3, 1)[0], expected.ravel()) < 1e-6
    grey = Dataset.from_image_folder(folder, channels=1, mean=0.5, std=0.25)
    r, g, b = pixels[grey.paths[0]].astype(np.int64).transpose(2, 0, 1)
    expected = ((19595 * r + 38470 * g + 7471 * b + 32768 >> 16) / 255 - 0.5) / 0.25
    assert reference.relative(grey.get(0, 1)[0], expected.ravel()) < 1e-6
    small = Dataset.from_image_folder(folder, size=(2, 3), resampling="area")
    assert small.sample_shape == (3, 2, 3)


def test_every_option_reaches_its_field():
    options = {
        "channels": 3,
        "resampling": "area",
        "bad_image": "skip",
        "allow_empty_classes": True,
        "flat": True,
        "max_width": 11,
        "max_height": 12,
        "max_pixels": 2**40,
        "max_chunk_bytes": 2**41,
        "nested_classes": True,
        "keep": "paths",
        "keep_bytes": 2**42,
        "normalize": True,
    }
    names = {"size": (7, 8), "background": (1, 2, 3), "mean": [0.5, 0.25], "std": 2.0}
    struct = image_config(**options, **names, class_names=["a", "b"])
    gc.collect()
    codes = {**options, "resampling": 1, "bad_image": 1, "keep": 1}
    assert {name: getattr(struct, name) for name in options} == codes
    assert (struct.height, struct.width) == (7, 8) and list(struct.background) == [1, 2, 3]
    assert list(struct.mean) == [0.5, 0.25, 0, 0] and list(struct.std) == [2] * 4
    assert [struct.class_names[index] for index in range(struct.class_count)] == [b"a", b"b"]
    assert set(options) | set(names) | {"class_names"} == set(teleport.ImageConfig.__annotations__)


def test_class_names_fix_the_order(image_folder):
    folder, _ = image_folder
    names = ["cat", "ant", "bird"]
    dataset = Dataset.from_image_folder(folder, class_names=names, allow_empty_classes=True)
    gc.collect()
    assert dataset.class_names == names and dataset.class_count == 3
    assert sorted(dataset.labels().tolist()) == [0, 0, 2, 2, 2]
    with pytest.raises(teleport.TeleportError, match="bird"):
        Dataset.from_image_folder(folder, class_names=["cat"])
    with pytest.raises(teleport.InvalidArgumentError, match="one string"):
        Dataset.from_image_folder(folder, class_names="cat")


def test_names_that_are_not_ascii(tmp_path):
    folder = tmp_path / "bilder" / "Vögel 愛"
    folder.mkdir(parents=True)
    (folder / "größe.png").write_bytes(png_bytes(np.zeros((2, 2), np.uint8)))
    dataset = Dataset.from_image_folder(tmp_path / "bilder")
    assert dataset.class_names == ["Vögel 愛"] and dataset.paths == [str(folder / "größe.png")]


def test_a_bad_image_is_named(image_folder):
    folder, _ = image_folder
    (folder / "cat" / "0.png").write_bytes(b"not a picture")
    (folder / "cat" / "1.png").write_bytes(b"")
    with pytest.raises(teleport.FormatError, match=r"cat/0\.png"):
        Dataset.from_image_folder(folder)
    (folder / "cat" / "2.png").write_bytes(png_bytes(np.zeros((4, 5, 3), np.uint8)))
    dataset = Dataset.from_image_folder(folder, bad_image="skip")
    assert len(dataset) == 4
    assert [file.path for file in dataset.skipped] == [
        str(folder / "cat" / "0.png"),
        str(folder / "cat" / "1.png"),
    ]
    assert all(file.reason for file in dataset.skipped)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere") as raised:
        Dataset.from_image_folder(tmp_path / "nowhere")
    assert isinstance(raised.value, teleport.NotFoundError)
    assert raised.value.status == teleport.Status.NOT_FOUND
    with pytest.raises(teleport.InvalidArgumentError, match="zero byte"):
        Dataset.from_image_folder("a\0b")


def test_wrong_options_are_refused(image_folder):
    folder, _ = image_folder
    with pytest.raises(TypeError, match="colour"):
        Dataset.from_image_folder(folder, colour=3)
    for options in (
        {"channels": 2},
        {"size": (0, 4)},
        {"std": -1.0},
        {"std": (1.0, -1.0)},
        {"mean": [0.0] * 5},
        {"background": (0, 0, 256)},
        {"resampling": "lanczos"},
        {"max_pixels": -1},
    ):
        with pytest.raises(teleport.InvalidArgumentError):
            Dataset.from_image_folder(folder, **options)


def test_progress_reaches_the_total(image_folder):
    folder, _ = image_folder
    seen = []
    Dataset.from_image_folder(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen and seen[-1] == (5, 5)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_files_and_flat_folders_have_no_labels(image_folder):
    folder, pixels = image_folder
    paths = [folder / "cat" / "1.png", folder / "bird" / "0.png"]
    dataset = Dataset.from_image_files(paths)
    assert dataset.paths == [str(path) for path in paths] and dataset.class_count == 0
    with pytest.raises(teleport.TeleportError):
        dataset.labels()
    flat = Dataset.from_image_folder(folder / "bird", flat=True)
    assert len(flat) == 3
    assert np.array_equal(flat.get(0, 1), dataset.get(1, 1))
    with pytest.raises(teleport.InvalidArgumentError, match="sequence"):
        Dataset.from_image_files(str(paths[0]))


def test_an_image_is_loaded(image_folder):
    _, pixels = image_folder
    path, expected = next(iter(pixels.items()))
    image = teleport.load_image(path)
    assert image.dtype == np.uint8 and np.array_equal(image, expected.transpose(2, 0, 1))
    assert teleport.load_image(path, channels=4, size=(8, 10)).shape == (4, 8, 10)
    with pytest.raises(FileNotFoundError):
        teleport.load_image(path + ".png")


def test_pixels_in_memory(rng):
    pixels = rng.integers(0, 256, (6, 3, 4, 5), np.uint8)
    labels = [0, 1, 0, 1, 0, 1]
    dataset = Dataset.from_pixels(pixels, labels, mean=0.5, class_names=["a", "b"])
    assert dataset.sample_shape == (3, 4, 5) and dataset.class_names == ["a", "b"]
    assert np.abs(dataset.get() - (pixels.reshape(6, -1) / 255 - 0.5)).max() < 1e-6
    channels_last = pixels.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    plain = Dataset.from_pixels(pixels, mean=0.5).get()
    assert np.array_equal(Dataset.from_pixels(channels_last, mean=0.5).get(), plain)
    for wrong in (pixels[0], pixels.astype(np.int32)):
        with pytest.raises(teleport.InvalidArgumentError, match="uint8"):
            Dataset.from_pixels(wrong)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_idx_files(tmp_path, rng, pack):
    images = rng.integers(0, 256, (7, 4, 5), np.uint8)
    labels = np.array([0, 1, 2, 0, 1, 2, 0], np.uint8)
    (tmp_path / "images").write_bytes(pack(struct.pack(">4i", 0x803, 7, 4, 5) + images.tobytes()))
    (tmp_path / "labels").write_bytes(pack(struct.pack(">2i", 0x801, 7) + labels.tobytes()))
    dataset = Dataset.from_idx(tmp_path / "images", tmp_path / "labels")
    assert dataset.sample_shape == (1, 4, 5) and dataset.labels().tolist() == labels.tolist()
    assert np.abs(dataset.get() - images.reshape(7, -1) / 255).max() < 1e-7
    assert Dataset.from_idx(tmp_path / "images").class_count == 0


def test_a_split_takes_its_fraction_and_keeps_the_order(rng):
    x = np.arange(100, dtype=np.float32).reshape(-1, 1)
    labels = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    dataset = Dataset.from_labels(x, labels)
    first, second = dataset.split(0.3, seed=1)
    dataset.close()
    assert (len(first), len(second)) == (70, 30)
    parts = [part.get()[:, 0] for part in (first, second)]
    assert all((np.diff(part) > 0).all() for part in parts)
    assert sorted(np.concatenate(parts)) == list(range(100))
    again = Dataset.from_labels(x, labels).split(0.3, seed=1)[1]
    other = Dataset.from_labels(x, labels).split(0.3, seed=2)[1]
    assert np.array_equal(again.get(), second.get())
    assert not np.array_equal(other.get(), second.get())
    _, fair = Dataset.from_labels(x, labels).split(0.3, stratified=True)
    assert np.bincount(fair.labels()).tolist() == [12, 9, 6, 3]


def test_evaluation_and_confusion_matrix_equal_the_reference(blobs, blob_set):
    x, labels = blobs
    model = teleport.Model([12, 8, 4], seed=1)
    o = reference.outputs(reference.layers_of(model), x)
    loss, _ = reference.loss_and_error(o, labels, "cross_entropy")
    predicted = o.argmax(axis=1)
    metrics = model.evaluate(blob_set)
    # float32 outputs, summed in double.
    assert metrics.loss == pytest.approx(loss, rel=1e-5)
    assert metrics.count == 600 and metrics.correct == (predicted == labels).sum()
    assert metrics.accuracy == metrics.correct / 600
    counts = np.zeros((4, 4), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    assert np.array_equal(model.confusion_matrix(blob_set), counts)


def test_evaluation_of_targets(rng):
    x, targets = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    model = teleport.Model([3, 2], seed=1)
    metrics = model.evaluate(Dataset.from_targets(x, targets), loss="mean_squared_error")
    o = reference.outputs(reference.layers_of(model), x)
    assert metrics.loss == pytest.approx(((o - targets) ** 2).mean(), rel=1e-5)
    assert np.isnan(metrics.accuracy) and metrics.correct == 0


def test_labels_past_the_model_are_refused():
    dataset = Dataset.from_labels(np.zeros((3, 2)), [0, 1, 4])
    with pytest.raises(teleport.ShapeMismatchError):
        teleport.Model([2, 3]).confusion_matrix(dataset)

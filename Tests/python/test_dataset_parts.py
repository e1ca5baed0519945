"""Sets made from sets, samples at indices, and what a set is like."""

import numpy as np
import pytest

import teleport
from conftest import png_bytes
from teleport import Dataset


@pytest.fixture
def image_set(rng):
    pixels = rng.integers(0, 256, (50, 3, 4, 6)).astype(np.uint8)
    pixels[:, 2] = 77
    labels = rng.integers(0, 3, 50).astype(np.int32)
    return Dataset.from_pixels(pixels, labels, class_names=["a", "b", "c", "d"]), pixels


def test_a_subset_takes_samples_in_the_order_given(blob_set, blobs):
    x, labels = blobs
    places = np.array([599, 3, 3, 0, 17])
    part = blob_set.subset(places)
    assert np.array_equal(part.get(), x[places]) and np.array_equal(part.labels(), labels[places])
    assert part.class_count == blob_set.class_count
    again = part.subset([4, 0])
    blob_set.close()
    part.close()
    assert np.array_equal(again.get(), x[[17, 599]]), "it outlives its sources"


@pytest.mark.parametrize("places", [[-1], [600], [0, 2**62], [-(2**63)]])
def test_indices_that_are_not_there_are_refused(blob_set, places):
    name = rf"indices\[{len(places) - 1}\] is {places[-1]}"
    with pytest.raises(teleport.InvalidArgumentError, match=name):
        blob_set.subset(places)
    with pytest.raises(teleport.InvalidArgumentError, match=name):
        blob_set.gather(places)
    with pytest.raises(teleport.InvalidArgumentError, match=name):
        blob_set.gather_labels(places)


def test_indices_must_be_integers(blob_set):
    for wrong in ([0.5], [[0, 1]], ["0"]):
        with pytest.raises(teleport.InvalidArgumentError, match="integers"):
            blob_set.gather(wrong)
    with pytest.raises(teleport.InvalidArgumentError, match="at least 1"):
        blob_set.subset([])
    assert blob_set.gather([]).shape == (0, 12)


def test_gather_reads_samples_labels_and_targets(blob_set, blobs, rng):
    x, labels = blobs
    places = rng.integers(0, 600, 1000)
    assert np.array_equal(blob_set.gather(places), x[places])
    assert np.array_equal(blob_set.gather_labels(places), labels[places])
    out = np.empty((1000, 12), np.float32)
    assert blob_set.gather(places, out=out) is out and np.array_equal(out, x[places])
    with pytest.raises(teleport.InvalidArgumentError, match="none"):
        blob_set.gather_targets(places)
    targets = rng.normal(size=(600, 2)).astype(np.float32)
    with_targets = Dataset.from_targets(x, targets)
    assert np.array_equal(with_targets.gather_targets(places), targets[places])
    first, _ = blob_set.split(0.5, seed=1)
    assert np.array_equal(first.gather([5, 2]), first.get()[[5, 2]])


def test_shuffled_draws_each_sample_once(blob_set, blobs):
    x, _ = blobs
    drawn = blob_set.shuffled(100, seed=4)
    rows = [row.tobytes() for row in drawn.get()]
    assert len(drawn) == 100 and len(set(rows)) == 100
    assert set(rows) <= {row.tobytes() for row in x}
    assert np.array_equal(drawn.get(), blob_set.shuffled(100, seed=4).get())
    assert not np.array_equal(drawn.get(), blob_set.shuffled(100, seed=5).get())
    assert np.array_equal(drawn.get(), blob_set.shuffled(seed=4).get(0, 100))
    assert sorted(blob_set.shuffled().labels()) == sorted(blob_set.labels())
    for count in (-1, 601):
        with pytest.raises(teleport.InvalidArgumentError, match="count"):
            blob_set.shuffled(count)


def test_channel_statistics_are_those_of_the_pixels(image_set):
    dataset, pixels = image_set
    mean, std = dataset.channel_statistics()
    assert mean == pytest.approx((pixels / 255).mean((0, 2, 3)), rel=1e-6)
    assert std[:2] == pytest.approx((pixels / 255).std((0, 2, 3))[:2], rel=1e-6)
    assert std[2] == 0, "a channel that is the same everywhere"
    places = np.arange(0, 50, 7)
    mean, _ = dataset.subset(places).channel_statistics()
    assert mean == pytest.approx((pixels[places] / 255).mean((0, 2, 3)), rel=1e-6)


def test_sets_are_normalized_by_the_training_set(image_set):
    dataset, _ = image_set
    train, valid = dataset.split(0.4, seed=3)
    own, other = train.normalized(), valid.normalized(train)
    x = own.get().reshape(-1, 3, 24).astype(float)
    assert np.abs(x.mean((0, 2))).max() < 1e-5
    assert x[:, :2].std((0, 2)) == pytest.approx([1, 1], rel=1e-5)
    mean, std = (np.reshape(values, (3, 1)) for values in train.channel_statistics())
    std[2] = 1
    expected = (valid.get().reshape(-1, 3, 24) - mean) / std
    assert np.abs(other.get().reshape(-1, 3, 24) - expected).max() < 1e-4
    assert np.array_equal(own.labels(), train.labels())
    assert own.normalization == other.normalization
    assert own.normalization[0] == train.channel_statistics()[0] and own.normalization[1][2] == 1
    assert train.normalization == ([0.0] * 3, [1.0] * 3)
    assert "measured" in own.summary() and "measured" not in train.summary()


def test_arrays_are_not_normalized(blob_set, image_set):
    for call in (blob_set.channel_statistics, blob_set.normalized):
        with pytest.raises(teleport.UnsupportedError, match="arrays"):
            call()
    with pytest.raises(teleport.UnsupportedError, match="arrays"):
        image_set[0].normalized(blob_set)
    grey = Dataset.from_pixels(np.zeros((2, 1, 4, 6), np.uint8))
    with pytest.raises(teleport.ShapeMismatchError, match="channels"):
        grey.normalized(image_set[0])


@pytest.mark.parametrize("keep", ["pixels", "paths"])
def test_a_folder_is_normalized_as_it_is_read(image_folder, keep):
    folder, _ = image_folder
    (folder / "cat" / "bad.png").write_bytes(b"no image")
    dataset = Dataset.from_image_folder(folder, bad_image="skip", keep=keep, normalize=True)
    x = dataset.get().reshape(5, 3, 20).astype(float)
    assert np.abs(x.mean((0, 2))).max() < 1e-5 and x.std((0, 2)) == pytest.approx([1] * 3, rel=1e-5)
    assert len(dataset.skipped) == 1
    lines = dataset.summary().splitlines()
    assert lines[0].startswith("5 samples of 3 x 4 x 5, images ")
    assert lines[1].startswith("mean ") and lines[1].endswith("(measured)")
    assert lines[2:] == ["2 classes", "  0 'bird' 3", "  1 'cat' 2", "1 files left out"]
    with pytest.raises(teleport.InvalidArgumentError, match="normalize"):
        Dataset.from_image_folder(folder, normalize=True, mean=0.5)


def test_class_counts_and_summary(image_set, blob_set, blobs):
    dataset, _ = image_set
    counts = np.bincount(dataset.labels(), minlength=4).tolist()
    assert dataset.class_counts == counts and counts[3] == 0
    assert dataset.summary().splitlines() == [
        "50 samples of 3 x 4 x 6, images in memory",
        "mean 0.0 0.0 0.0, std 1.0 1.0 1.0 (given)",
        "4 classes",
        *(f"  {label} '{name}' {counts[label]}" for label, name in enumerate("abcd")),
    ]
    assert blob_set.class_counts == np.bincount(blobs[1]).tolist()
    assert blob_set.summary().splitlines()[:2] == ["600 samples of 1 x 1 x 12, arrays", "4 classes"]
    weighted = blob_set.with_weights(np.arange(600) % 2).subset([1, 3, 4])
    assert weighted.weights().tolist() == [1, 1, 0]
    assert weighted.summary().splitlines()[1] == "weights given, 2.0 in all"
    assert sorted(weighted.shuffled(seed=1).weights()) == [0, 1, 1]
    assert dataset.with_weights(np.ones(50)).normalized().weights().tolist() == [1] * 50
    assert "measured" in dataset.normalized().with_weights(np.ones(50)).summary()
    bare = Dataset.from_targets(np.zeros((3, 2)), np.zeros((3, 5)))
    assert bare.class_counts == [] and bare.summary().splitlines()[1] == "targets of 5"


def test_names_of_classes_may_be_anything(tmp_path):
    name = "Vögel 'd'"
    (tmp_path / name).mkdir()
    (tmp_path / name / "a.png").write_bytes(png_bytes(np.zeros((2, 2), np.uint8)))
    assert f"  0 '{name}' 1\n" in Dataset.from_image_folder(tmp_path).summary()

"""What a model keeps of its images, and predictions from PNG files."""

import json
import os
import struct

import numpy as np
import pytest

import teleport
from conftest import png_bytes

TEXT = "input 3x4x5; conv 4 3x3 pad same; relu; global_avg_pool; dense 2"


def texts(data):
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])["__metadata__"]


def trained(dataset, seed=0, text=TEXT):
    model = teleport.Model(text, seed=seed)
    teleport.Trainer(model, learning_rate=0.1).run(dataset, epochs=2, batch_size=2)
    return model


@pytest.fixture
def dataset(image_folder):
    return teleport.Dataset.from_image_folder(image_folder[0], mean=[0.5, 0.25, 0.125], std=0.5)


def test_a_run_sets_what_the_model_keeps_and_its_file_has_it(dataset, tmp_path):
    model = teleport.Model(TEXT)
    assert model.images is None and model.class_names == []
    teleport.Trainer(model, learning_rate=0.1).run(dataset, epochs=1)
    expected = {
        "channels": 3,
        "size": (4, 5),
        "mean": [0.5, 0.25, 0.125],
        "std": [0.5, 0.5, 0.5],
        "resampling": "bilinear",
        "background": (0, 0, 0),
        "class_names": ["bird", "cat"],
    }
    model.save(tmp_path / "net.safetensors")
    loaded = teleport.Model.load(tmp_path / "net.safetensors")
    for one in (model, model.clone(), loaded, teleport.Model.from_bytes(model.to_bytes())):
        assert one.images == expected and one.class_names == ["bird", "cat"]
    assert loaded.to_bytes() == model.to_bytes()
    kept = texts(model.to_bytes())
    assert kept["teleport.images"] == "3x4x5" and kept["teleport.classes"] == "bird\ncat"
    assert kept["teleport.images.mean"] == "0.5 0.25 0.125" and "teleport.images.resampling" not in kept
    assert not any(key.startswith("teleport.") for key in loaded.metadata)


def test_predictions_from_files_are_those_of_the_set(dataset, image_folder, tmp_path):
    model = trained(dataset)
    paths = dataset.paths
    model.save(tmp_path / "net.safetensors")
    loaded = teleport.Model.load(tmp_path / "net.safetensors")
    predictions = loaded.predict_images(paths)
    x = dataset.get()
    assert np.array_equal(predictions.probabilities, model.predict(x, "probabilities"))
    assert np.array_equal(predictions.labels, model.predict_labels(x))
    assert predictions.names == [("bird", "cat")[label] for label in predictions.labels]
    # Of another order, one alone, none.
    backwards = loaded.predict_images(reversed(paths))
    assert np.array_equal(backwards.probabilities, predictions.probabilities[::-1])
    assert np.array_equal(loaded.predict_images(paths[1:2]).probabilities, predictions.probabilities[1:2])
    assert len(loaded.predict_images([]).labels) == 0


def test_more_files_than_one_piece(dataset):
    model = trained(dataset)
    paths = dataset.paths * 500  # 2,500
    predictions = model.predict_images(paths)
    assert np.array_equal(predictions.probabilities, np.tile(predictions.probabilities[:5], (500, 1)))


def test_files_of_another_kind_become_what_the_model_takes(dataset, tmp_path, rng):
    model = trained(dataset)
    path = tmp_path / "large.png"
    path.write_bytes(png_bytes(rng.integers(0, 256, (40, 31), np.uint8)))
    options = dict(model.images)
    options.pop("class_names")
    same = teleport.Dataset.from_image_files([path], **options)
    assert np.array_equal(model.predict_images([path]).probabilities, model.predict(same.get(), "probabilities"))


def test_a_bad_file_is_named_and_a_stop_stops(dataset, tmp_path):
    model = trained(dataset)
    (tmp_path / "bad.png").write_bytes(b"no image")
    for bad in (tmp_path / "bad.png", tmp_path / "missing.png"):
        for place in (0, 3):
            paths = dataset.paths
            paths.insert(place, bad)
            with pytest.raises(teleport.TeleportError, match=bad.name):
                model.predict_images(paths)
    stop = teleport.StopFlag()
    stop.set()
    with pytest.raises(teleport.StoppedError):
        model.predict_images(dataset.paths, stop=stop)
    with pytest.raises(teleport.InvalidArgumentError, match="sequence of paths"):
        model.predict_images(dataset.paths[0])


def test_a_model_without_images_says_so(dataset):
    with pytest.raises(teleport.BadStateError, match="does not know how its images are prepared"):
        teleport.Model(TEXT).predict_images(dataset.paths)


def test_a_set_prepared_otherwise_says_both(dataset, image_folder):
    model = trained(dataset)
    before = model.get_parameters()
    other = teleport.Dataset.from_image_folder(image_folder[0], mean=0.5, std=0.5)
    says = r"mean 0\.5 0\.25 0\.125, std 0\.5 0\.5 0\.5; those of the data set .* mean 0\.5 0\.5 0\.5, std"
    trainer = teleport.Trainer(model, learning_rate=0.1)
    for call in (
        lambda: trainer.run(other),
        lambda: trainer.run(dataset, valid=other),
        lambda: model.evaluate(other),
        lambda: model.confusion_matrix(other),
    ):
        with pytest.raises(teleport.UnsupportedError, match=says):
            call()
    assert np.array_equal(model.get_parameters(), before)
    # Also before the first run, between its two sets.
    fresh = teleport.Model(TEXT)
    with pytest.raises(teleport.UnsupportedError, match="the training set"):
        teleport.Trainer(fresh, learning_rate=0.1).run(dataset, valid=other)
    assert fresh.images is None
    model.images = None
    model.evaluate(other)
    trainer.run(other)
    assert model.images["mean"] == [0.5, 0.5, 0.5]


def test_other_classes_are_named(dataset, image_folder):
    model = trained(dataset)
    options = {"mean": [0.5, 0.25, 0.125], "std": 0.5}
    turned = teleport.Dataset.from_image_folder(image_folder[0], class_names=["cat", "bird"], **options)
    with pytest.raises(teleport.UnsupportedError, match="class 0 of the model is 'bird'; that of the data set is 'cat'"):
        model.evaluate(turned)
    os.rename(image_folder[0] / "cat", image_folder[0] / "dog")
    with pytest.raises(teleport.UnsupportedError, match="class 1 of the model is 'cat'; that of the data set is 'dog'"):
        model.evaluate(teleport.Dataset.from_image_folder(image_folder[0], **options))


def test_arrays_and_sets_without_names_are_taken(dataset):
    x, labels = dataset.get(), dataset.labels()
    arrays = teleport.Dataset.from_labels(x, labels)
    model = trained(arrays)
    assert model.images is None
    pixels = np.rint((x * 0.5 + np.repeat([0.5, 0.25, 0.125], 20)) * 255).astype(np.uint8).reshape(5, 3, 4, 5)
    plain = teleport.Dataset.from_pixels(pixels, labels, mean=[0.5, 0.25, 0.125], std=0.5)
    trainer = teleport.Trainer(model, learning_rate=0.1)
    trainer.run(plain)
    assert model.images["size"] == (4, 5) and model.class_names == []
    trainer.run(dataset)
    assert model.class_names == ["bird", "cat"]
    assert model.evaluate(arrays).count == model.evaluate(plain).count == 5


def test_images_are_set_by_hand(dataset):
    model = teleport.Model(TEXT)
    model.images = {"mean": 0.25, "class_names": ["a", "b"]}
    assert model.images["size"] == (4, 5) and model.images["channels"] == 3 and model.class_names == ["a", "b"]
    model.images = dataset
    assert model.class_names == ["bird", "cat"]
    predictions = model.predict_images(dataset.paths)
    assert np.array_equal(predictions.probabilities, model.predict(dataset.get(), "probabilities"))
    for wrong in ({"size": (5, 4)}, {"channels": 1}, {"class_names": ["a", "b", "c"]}):
        with pytest.raises(teleport.ShapeMismatchError):
            model.images = wrong
    with pytest.raises(teleport.InvalidArgumentError, match="normalize"):
        model.images = {"normalize": True}
    with pytest.raises(teleport.InvalidArgumentError, match="channels is 0"):
        teleport.Model([60, 2]).images = {}
    with pytest.raises(teleport.UnsupportedError, match="arrays"):
        model.images = teleport.Dataset.from_labels(dataset.get(), dataset.labels())
    assert model.class_names == ["bird", "cat"]


def test_a_net_takes_images_of_its_own_shape_alone(dataset):
    turned = teleport.Model("input 3x5x4; global_avg_pool; dense 2")
    with pytest.raises(teleport.ShapeMismatchError, match="3 x 4 x 5 do not fit the model.* 3 x 5 x 4"):
        teleport.Trainer(turned, learning_rate=0.1).run(dataset)


def test_perceptrons_and_checkpoints_keep_it_too(dataset, tmp_path):
    model = teleport.Model([60, 4, 2])
    trainer = teleport.Trainer(model, learning_rate=0.1)
    trainer.run(dataset)
    assert texts(model.to_bytes())["teleport.format"] == "1"
    assert teleport.Model.from_bytes(model.to_bytes()).images == model.images
    trainer.save(tmp_path / "checkpoint")
    assert teleport.Trainer.load(tmp_path / "checkpoint").model.class_names == ["bird", "cat"]
    averaging = teleport.Trainer(model.clone(), optimizer="dog")
    averaging.run(dataset)
    assert averaging.averaged_model().class_names == ["bird", "cat"]


def test_names_of_any_bytes_come_back():
    names = ["50 %", "two\nlines", "müsli", os.fsdecode(b"\xff\xfe"), "%0A"]
    model = teleport.Model("input 1x2x2; dense 5")
    model.images = {"class_names": names}
    assert teleport.Model.from_bytes(model.to_bytes()).class_names == names


@pytest.mark.parametrize(
    "key, value",
    [
        ("teleport.images", "3x4"), ("teleport.images", "3x4x6"), ("teleport.images", "9x4x5"),
        ("teleport.images", "-3x-4x5"), ("teleport.images", "3x4611686018427387904x5"),
        ("teleport.images.mean", "0 0"), ("teleport.images.mean", "0 0 nan"), ("teleport.images.std", "1 1 0"),
        ("teleport.images.std", "1 1 one"), ("teleport.images.background", "0 0 256"),
        ("teleport.images.resampling", "cubic"), ("teleport.classes", "a\n\nb"), ("teleport.classes", "a\nb\nc"),
        ("teleport.classes", "%"), ("teleport.classes", "%00"), ("teleport.classes", "a\x00b"), ("teleport.classes", ""),
    ],
)  # fmt: skip
def test_a_file_that_lies_is_refused(dataset, key, value):
    data = trained(dataset).to_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"][key] = value
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with pytest.raises(teleport.TeleportError) as error:
        teleport.Model.from_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    assert error.value.status in (
        teleport.Status.FORMAT,
        teleport.Status.UNSUPPORTED,
        teleport.Status.NOT_FINITE,
    )

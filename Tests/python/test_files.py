"""Models and checkpoints in files, against the package safetensors: theirs read ours, ours reads theirs."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import teleport

BAD = sorted((Path(__file__).resolve().parent.parent / "data" / "bad").glob("*.safetensors"))


@pytest.fixture
def model():
    model = teleport.Model([5, 4, 3], activation="tanh", initialization="torch_linear", seed=3)
    model.metadata["classes"] = "[\"a\", \"é\"]\n"
    return model


def perceptron(names, widths=(6, 5, 4, 3), bias=True):
    """Tensors as PyTorch saves them, in a shuffled order of names."""
    generator = np.random.default_rng(0)
    tensors = {}
    for name, inputs, outputs in zip(names, widths, widths[1:]):
        tensors[name + "weight"] = generator.normal(size=(outputs, inputs)).astype(np.float32)
        if bias:
            tensors[name + "bias"] = generator.normal(size=outputs).astype(np.float32)
    return dict(sorted(tensors.items(), key=lambda item: hash(item[0])))


def test_safetensors_reads_our_models(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    tensors = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert sorted(tensors) == [
        "layers.0.bias", "layers.0.weight", "layers.1.bias", "layers.1.weight",
    ]  # fmt: skip
    for index in range(2):
        layer = model.get_layer(index)
        np.testing.assert_array_equal(tensors[f"layers.{index}.weight"], layer.weights)
        np.testing.assert_array_equal(tensors[f"layers.{index}.bias"], layer.bias)
    with safetensors.safe_open(tmp_path / "model.safetensors", "numpy") as file:
        metadata = file.metadata()
    assert metadata["classes"] == "[\"a\", \"é\"]\n"
    assert metadata["teleport.activation"] == "tanh" and metadata["teleport.seed"] == "3"


def test_safetensors_reads_our_checkpoints(tmp_path):
    trainer = teleport.Trainer(teleport.Model([3, 4, 2]), optimizer="adam")
    trainer.step(np.ones((2, 3), np.float32), np.array([0, 1], np.int32))
    trainer.save(tmp_path / "checkpoint")
    tensors = safetensors.numpy.load_file(tmp_path / "checkpoint")
    assert tensors["trainer.first_moments"].shape == (26,)
    np.testing.assert_array_equal(tensors["layers.0.weight"], trainer.model.get_layer(0).weights)
    # A checkpoint is a model's file too.
    read = teleport.Model.load(tmp_path / "checkpoint")
    np.testing.assert_array_equal(read.get_parameters(), trainer.model.get_parameters())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "names",
    [
        ("0.", "2.", "10."),
        ("net.0.", "net.2.", "net.4."),
        ("fc1.", "fc2.", "fc3."),
        ("model.layers.8.", "model.layers.9.", "model.layers.10."),
        ("a.linear.", "b.linear.", "c.linear."),
        ("layers.0.", "layers.1.", "layers.2."),
    ],
)
def test_we_read_what_safetensors_writes(names, bias, tmp_path):
    tensors = perceptron(names, bias=bias)
    safetensors.numpy.save_file(tensors, tmp_path / "file", {"format": "pt", "": "no key of ours"})
    model = teleport.Model.load(tmp_path / "file", activation="tanh")
    assert model.widths == (6, 5, 4, 3) and model.activation.value == "tanh" and model.bias == bias
    assert model.metadata["format"] == "pt"
    x = np.random.default_rng(1).normal(size=(7, 6)).astype(np.float32)
    h = x.astype(np.float64)
    for index, name in enumerate(names):
        np.testing.assert_array_equal(model.get_layer(index).weights, tensors[name + "weight"])
        h = h @ tensors[name + "weight"].T.astype(np.float64)
        if bias:
            h += tensors[name + "bias"]
        if index < 2:
            h = np.tanh(h)
    np.testing.assert_allclose(model.predict(x), h, rtol=1e-4, atol=1e-5)
    assert teleport.Model.from_bytes(safetensors.numpy.save(tensors)).widths == (6, 5, 4, 3)


def test_one_layer_without_a_prefix_is_read():
    model = teleport.Model.from_bytes(safetensors.numpy.save(perceptron([""], (3, 2))))
    assert model.widths == (3, 2) and model.activation.value == "leaky_relu"


def test_other_types_are_refused():
    for dtype in (np.float64, np.float16, np.int32):
        tensors = {"0.weight": np.ones((2, 3), dtype)}
        with pytest.raises(teleport.UnsupportedError, match="0.weight"):
            teleport.Model.from_bytes(safetensors.numpy.save(tensors))


def test_bytes_are_those_of_the_file(model, tmp_path):
    model.save(tmp_path / "model")
    assert model.to_bytes() == (tmp_path / "model").read_bytes()
    assert teleport.Model.from_bytes(model.to_bytes()).to_bytes() == model.to_bytes()


def test_every_prefix_of_a_checkpoint_is_refused(tmp_path):
    trainer = teleport.Trainer(teleport.Model([2, 2, 2]), optimizer="adam")
    path = tmp_path / "checkpoint"
    trainer.save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(teleport.FormatError, match="checkpoint"):
            teleport.Trainer.load(path)


def test_every_changed_digit_of_a_checkpoint_is_refused_or_read(tmp_path):
    """No number of a file, however wrong, does more than fail."""
    trainer = teleport.Trainer(teleport.Model([2, 2, 2]), optimizer="adam")
    dataset = teleport.Dataset.from_arrays(np.eye(2, dtype=np.float32), np.array([0, 1]))
    config = teleport.TeleportConfig(search="random", radius=0.5)
    trainer.run(dataset, epochs=2, teleport=config)
    path = tmp_path / "checkpoint"
    trainer.save(path)
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    texts = header["__metadata__"]
    wrong = ("", "-1", "9223372036854775807", "18446744073709551616", "1e400", "nan", "x", "1099511627776")
    read = 0
    for key in [key for key in texts if key.startswith("teleport.")]:
        for value in wrong:
            changed = json.dumps({**header, "__metadata__": {**texts, key: value}}).encode()
            path.write_bytes(struct.pack("<Q", len(changed)) + changed + whole[8 + length :])
            try:
                loaded = teleport.Trainer.load(path)
            except teleport.TeleportError:
                continue
            read += 1
            try:
                loaded.run(dataset, epochs=2, teleport=config)
                loaded.save(tmp_path / "again")
            except teleport.TeleportError:
                pass
    assert read > 10


def test_files_of_too_many_tensors_are_refused():
    tensors = {str(number): np.zeros(0, np.uint8) for number in range(8193)}
    with pytest.raises(teleport.UnsupportedError, match="8192 tensors"):
        teleport.Model.from_bytes(safetensors.numpy.save(tensors))


def test_bad_files_there_are():
    assert len(BAD) >= 60


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_file_is_refused(path, tmp_path):
    accepted = (teleport.FormatError, teleport.UnsupportedError, teleport.VersionError,
                teleport.ShapeMismatchError, teleport.NotFiniteError)  # fmt: skip
    with pytest.raises(accepted, match=path.stem):
        teleport.Model.load(path)
    with pytest.raises(accepted):
        teleport.Model.from_bytes(path.read_bytes())
    with pytest.raises(accepted):
        teleport.Trainer.load(path)
    if not path.stem.startswith("st_own_"):
        with pytest.raises(safetensors.SafetensorError):
            safetensors.numpy.load_file(path)


def test_newer_format_has_a_status_of_its_own():
    (newer,) = [path for path in BAD if path.stem == "st_own_format_newer"]
    with pytest.raises(teleport.VersionError, match="format is 3"):
        teleport.Model.load(newer)


@pytest.mark.parametrize("kind", ["cross_entropy", "mean_squared_error"])
def test_trainer_goes_on_to_the_bit(kind, tmp_path):
    generator = np.random.default_rng(2)
    x = generator.normal(size=(40, 3)).astype(np.float32)
    if kind == "cross_entropy":
        dataset = teleport.Dataset.from_arrays(x, generator.integers(0, 2, 40))
    else:
        dataset = teleport.Dataset.from_arrays(x, generator.normal(size=(40, 2)).astype(np.float32))
    options = dict(loss=kind, optimizer="adamw", learning_rate=0.02)
    whole = teleport.Trainer(teleport.Model([3, 6, 2]), **options)
    events = whole.run(dataset, epochs=3, batch_size=8).epochs
    first = teleport.Trainer(teleport.Model([3, 6, 2]), **options)
    first.run(dataset, epochs=3, batch_size=8, checkpoint_path=tmp_path / "c", on_event=lambda e: e.step == 7)
    second = teleport.Trainer.load(tmp_path / "c")
    assert second.step_count == 7 and second.loss.value == kind
    rest = second.run(dataset, epochs=2, batch_size=8).epochs
    np.testing.assert_array_equal(second.model.get_parameters(), whole.model.get_parameters())
    assert [event.loss for event in rest] == [event.loss for event in events[1:]]


def test_checkpoints_are_kept(tmp_path):
    dataset = teleport.Dataset.from_arrays(np.eye(4, dtype=np.float32), np.arange(4))
    trainer = teleport.Trainer(teleport.Model([4, 4]))
    trainer.run(dataset, epochs=5, checkpoint_path=tmp_path / "c", checkpoint_keep=3)
    assert sorted(os.listdir(tmp_path)) == ["c", "c.1", "c.2"]
    assert [teleport.Trainer.load(tmp_path / n).epoch for n in ("c", "c.1", "c.2")] == [5, 4, 3]

"""Files of nets from texts, and state_dicts of other programs into them."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy

import teleport

TEXT = "input 6; dense 8; stem = relu; dense 8  # of a stream\nadd of fc2 stem; tanh; out = dense 3 nobias"


def header(data):
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])


@pytest.fixture
def model():
    model = teleport.Model(TEXT, seed=5, initialization="he_uniform")
    model.metadata["note"] = "kept"
    return model


def same(one, other):
    return one.tensors == other.tensors and all(np.array_equal(one.tensor(n), other.tensor(n)) for n in one.tensors)


def test_a_net_of_a_text_is_saved_with_its_text(model, tmp_path):
    path = tmp_path / "net.safetensors"
    model.save(path)
    texts = header(path.read_bytes())["__metadata__"]
    assert texts["teleport.format"] == "2" and texts["teleport.architecture"] == TEXT
    assert set(texts) == {"teleport.format", "teleport.architecture", "teleport.initialization", "teleport.seed", "note"}
    arrays = safetensors.numpy.load_file(path)
    assert sorted(arrays) == sorted(model.tensors) == ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight", "out.weight"]
    assert all(np.array_equal(arrays[name], model.tensor(name)) for name in arrays)
    again = teleport.Model.load(path)
    assert same(again, model) and again.architecture == TEXT and again.metadata["note"] == "kept"
    assert (again.seed, again.initialization) == (5, teleport.Initialization.HE_UNIFORM)
    assert again.to_bytes() == model.to_bytes() == path.read_bytes()


def test_perceptrons_keep_their_format():
    made = teleport.Model([6, 8, 3], seed=1)
    texts = header(made.to_bytes())
    assert texts["__metadata__"]["teleport.format"] == "1" and "layers.1.bias" in texts
    named = teleport.Model("input 6; dense 8; leaky_relu; dense 3", seed=1)
    assert header(named.to_bytes())["__metadata__"]["teleport.format"] == "2"
    assert same(teleport.Model.from_bytes(named.to_bytes()), made)


def test_checkpoints_of_graphs_go_on_to_the_bit(model, blobs, tmp_path):
    x, labels = blobs[0][:, :6].copy(), blobs[1] % 3
    trainer = teleport.Trainer(model, optimizer="adam", learning_rate=0.01)
    for _ in range(3):
        trainer.step(x, labels)
    trainer.save(tmp_path / "checkpoint")
    again = teleport.Trainer.load(tmp_path / "checkpoint")
    assert again.model.architecture == TEXT
    for one in (trainer, again):
        for _ in range(3):
            one.step(x, labels)
    assert same(again.model, trainer.model)


def test_files_of_the_model_names_are_taken_by_name(model, tmp_path, rng):
    arrays = {name: rng.normal(size=model.tensor(name).shape).astype(np.float32) for name in model.tensors}
    safetensors.numpy.save_file(arrays, tmp_path / "named")
    model.load_weights(tmp_path / "named")
    assert all(np.array_equal(arrays[name], model.tensor(name)) for name in arrays)


def test_files_of_a_sequential_are_taken_in_order(model, tmp_path, rng):
    names = {"fc1": "0", "fc2": "2", "out": "10"}
    arrays = {
        names[name.split(".")[0]] + "." + name.split(".")[1]: rng.normal(size=model.tensor(name).shape).astype(np.float32)
        for name in model.tensors
    }
    safetensors.numpy.save_file(arrays, tmp_path / "sequential")
    model.load_weights(tmp_path / "sequential")
    assert np.array_equal(arrays["10.weight"], model.tensor("out.weight"))
    assert np.array_equal(arrays["2.bias"], model.tensor("fc2.bias"))
    perceptron = teleport.Model([6, 8, 3])
    perceptron.save(tmp_path / "perceptron")
    other = teleport.Model("input 6; a = dense 8; relu; b = dense 3")
    other.load_weights(tmp_path / "perceptron")
    assert np.array_equal(other.tensor("b.weight"), perceptron.tensor("fc2.weight"))


def test_names_without_numbers_need_shapes_that_tell(tmp_path, rng):
    def arrays(**shapes):
        return {name.replace("_", "."): rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}

    model = teleport.Model("input 4; dense 7; relu; dense 3")
    tells = arrays(zfirst_weight=(7, 4), zfirst_bias=(7,), alast_weight=(3, 7), alast_bias=(3,))
    safetensors.numpy.save_file(tells, tmp_path / "tells")
    model.load_weights(tmp_path / "tells")
    assert np.array_equal(model.tensor("fc1.weight"), tells["zfirst.weight"])
    square = teleport.Model("input 4; dense 4; relu; dense 4")
    safetensors.numpy.save_file(
        arrays(b_weight=(4, 4), b_bias=(4,), a_weight=(4, 4), a_bias=(4,)), tmp_path / "tells_not"
    )
    with pytest.raises(teleport.UnsupportedError, match="neither numbers in the names nor the shapes"):
        square.load_weights(tmp_path / "tells_not")


def test_what_does_not_fit_changes_nothing(model, tmp_path):
    good = {name: np.full(model.tensor(name).shape, 2, np.float32) for name in model.tensors}
    before = model.to_bytes()
    cases = [
        ({**good, "out.weight": np.ones((8, 3), np.float32)}, teleport.ShapeMismatchError, "8 x 3"),
        ({**good, "out.weight": np.ones((3, 8), np.float64)}, teleport.UnsupportedError, "F64; F32 is read"),
        ({**good, "out.bias": np.ones(3, np.float32)}, teleport.UnsupportedError, "'out.bias' has no place"),
        ({**good, "fc2.bias": np.full(8, np.nan, np.float32)}, teleport.NotFiniteError, "fc2.bias"),
        ({"fc1.weight": good["fc1.weight"]}, teleport.ShapeMismatchError, "1 layers with weights, but the model has 3"),
    ]
    for arrays, error, sentence in cases:
        safetensors.numpy.save_file(arrays, tmp_path / "wrong")
        with pytest.raises(error, match=sentence):
            model.load_weights(tmp_path / "wrong")
        assert model.to_bytes() == before


NORMS = """
input 2x8x8
conv 4 3x3 pad same
batch_norm
relu
max_pool 2
c = conv 6 3x3 groups 2
n = batch_norm
leaky_relu 0.1
global_avg_pool
dense 3
"""


@pytest.fixture
def normed(rng):
    """A net with running statistics that steps have left."""
    model = teleport.Model(NORMS, seed=4)
    trainer = teleport.Trainer(model, optimizer="momentum", learning_rate=0.05)
    for _ in range(3):
        trainer.step(rng.normal(size=(16, 128)).astype(np.float32), rng.integers(0, 3, 16))
    return model, trainer


def test_statistics_are_kept_as_pytorch_has_them(normed, tmp_path, rng):
    model, _ = normed
    model.save(tmp_path / "net")
    arrays = safetensors.numpy.load_file(tmp_path / "net")
    assert sorted(arrays) == sorted(
        ["conv1.weight", "c.weight", "fc1.weight", "fc1.bias"]
        + [f"{norm}.{name}" for norm in ("bn1", "n")
           for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    )  # fmt: skip
    assert arrays["c.weight"].shape == (6, 2, 3, 3)
    count = arrays["n.num_batches_tracked"]
    assert count.dtype == np.int64 and count.shape == () and count == 3 == model.tensor("n.num_batches_tracked")
    assert np.all(arrays["n.running_var"] > 0) and np.any(arrays["n.running_mean"] != 0)
    again = teleport.Model.load(tmp_path / "net")
    x = rng.normal(size=(5, 128))
    assert same(again, model) and np.array_equal(again.predict(x), model.predict(x))


def test_checkpoints_of_norms_go_on_to_the_bit(normed, tmp_path, rng):
    _, trainer = normed
    x, labels = rng.normal(size=(16, 128)).astype(np.float32), rng.integers(0, 3, 16)
    trainer.teleport(x, labels, teleport.TeleportConfig(search="ascent", radius=0.2))
    trainer.step(x, labels)
    trainer.save(tmp_path / "checkpoint")
    again = teleport.Trainer.load(tmp_path / "checkpoint")
    for one in (trainer, again):
        one.step(x, labels)
    assert same(again.model, trainer.model)
    assert np.array_equal(again.model.predict(x), trainer.model.predict(x))


def test_a_sequential_with_norms_is_taken_in_order(normed, tmp_path):
    model, _ = normed
    names = {"conv1": "0", "bn1": "1", "c": "4", "n": "5", "fc1": "9"}
    arrays = {names[n.split(".")[0]] + "." + n.split(".")[1]: model.tensor(n) for n in model.tensors}
    for key in arrays:
        if key.endswith("tracked"):
            arrays[key] = arrays[key].astype(np.int64)
    safetensors.numpy.save_file(arrays, tmp_path / "sequential")
    other = teleport.Model(NORMS, seed=9)
    other.load_weights(tmp_path / "sequential")
    assert same(other, model)
    old = {key: value for key, value in arrays.items() if not key.endswith("tracked")}
    safetensors.numpy.save_file(old, tmp_path / "old")
    other.load_weights(tmp_path / "old")
    assert other.tensor("n.num_batches_tracked") == 0
    arrays["5.running_var"] = -arrays["5.running_var"]
    safetensors.numpy.save_file(arrays, tmp_path / "negative")
    with pytest.raises(teleport.FormatError, match="must not be negative"):
        other.load_weights(tmp_path / "negative")

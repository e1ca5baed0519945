"""Nets from texts: names, arrays, summaries, what they train to, and what their channels do."""

import numpy as np
import pytest

import teleport

RESIDUAL = """
input 12                # of blobs
dense 16; stem = leaky_relu
dense 16
leaky_relu
dense 16
add of fc3 stem
leaky_relu 0.1
dense 4
"""


def test_a_text_of_widths_is_the_perceptron_to_the_bit():
    made = teleport.Model([6, 5, 3], seed=3, activation="tanh")
    again = teleport.Model(made.architecture, seed=3)
    assert made.architecture == "input 6\ndense 5\ntanh\ndense 3\n"
    assert again.tensors == made.tensors == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    for name in made.tensors:
        assert np.array_equal(made.tensor(name), again.tensor(name))
    assert again.activation == teleport.Activation.TANH
    assert again.to_bytes() == made.to_bytes()


def test_outputs_are_those_of_the_arrays(rng):
    model = teleport.Model(RESIDUAL, seed=1)
    for name in model.tensors:
        model.set_tensor(name, rng.normal(size=model.tensor(name).shape))
    t = {name: model.tensor(name).astype(np.float64) for name in model.tensors}
    x = rng.normal(size=(9, 12))

    def dense(h, name):
        return h @ t[name + ".weight"].T + t[name + ".bias"]

    def leaky(z, slope=0.01):
        return np.where(z > 0, z, slope * z)

    stem = leaky(dense(x, "fc1"))
    h = leaky(dense(leaky(dense(stem, "fc2")), "fc3") + stem, 0.1)
    assert np.allclose(model.predict(x), dense(h, "fc4"), rtol=1e-4, atol=1e-4)


def test_a_net_of_a_text_trains_and_teleports(blobs):
    x, labels = blobs
    model = teleport.Model(RESIDUAL, seed=2)
    trainer = teleport.Trainer(model, optimizer="momentum", learning_rate=0.02)
    first = trainer.step(x, labels)
    report = trainer.teleport(x, labels, teleport.TeleportConfig(search="ascent", radius=0.3))
    assert report.accepted
    for _ in range(60):
        last = trainer.step(x, labels)
    assert last < 0.3 * first
    clone = model.clone()
    assert clone.architecture == model.architecture == RESIDUAL
    assert np.array_equal(clone.predict(x), model.predict(x))


def test_channels_that_are_added_up_move_together(rng):
    model = teleport.Model(RESIDUAL, seed=2)
    x = rng.normal(size=(20, 12)).astype(np.float32)
    before = model.predict(x)
    assert model.scaling_count == 32
    assert np.array_equal(model.scaling_variables(0), np.arange(16))
    assert np.array_equal(model.scaling_variables(1), np.arange(16, 32))
    assert np.array_equal(model.scaling_variables(2), np.arange(16))
    assert np.array_equal(model.scaling_variables(3), [-1] * 4)
    stem = model.tensor("fc1.weight")
    model.apply_scaling(2, 2.0 ** rng.integers(-3, 4, 16))
    assert not np.array_equal(stem, model.tensor("fc1.weight"))
    assert np.array_equal(model.predict(x), before)
    with pytest.raises(teleport.InvalidArgumentError, match="3 hidden layers"):
        model.apply_scaling(3, np.ones(4))


def test_teleports_name_layers_and_not_classes(blobs):
    x, labels = blobs[0][:, :12], blobs[1]
    model = teleport.Model("input 12; dense 16; tanh; dense 9; relu; dense 9; relu; dense 4", seed=2)
    config = teleport.TeleportConfig(search="ascent", layer=2, radius=0.3)
    before = model.get_parameters()
    report = model.teleport(x, labels, config)
    assert report.accepted and report.layer == 2
    changed = model.get_parameters() != before
    assert not changed[: 12 * 16 + 16 + 16 * 9 + 9].any() and changed.any()
    for seed in range(3):
        config = teleport.TeleportConfig(search="random", layer=teleport.LAYER_RANDOM, seed=seed, radius=0.3)
        assert model.teleport(x, labels, config).layer in (1, 2)
    with pytest.raises(teleport.UnsupportedError, match="'fc1' cannot be scaled"):
        model.check_teleport(teleport.TeleportConfig(search="ascent", layer=0))


def test_what_needs_layers_in_a_row_says_which_is_none():
    model = teleport.Model(RESIDUAL)
    for group in ("linear", "null_space"):
        with pytest.raises(teleport.UnsupportedError, match="layer 'add1' is add"):
            model.check_teleport(teleport.TeleportConfig(group=group, search="ascent"))


def test_shapes_of_arrays_must_match():
    model = teleport.Model(RESIDUAL)
    with pytest.raises(teleport.ShapeMismatchError, match=r"needs \(16, 12\)"):
        model.set_tensor("fc1.weight", np.ones((12, 16)))
    with pytest.raises(teleport.NotFoundError, match="'conv1.weight'"):
        model.tensor("conv1.weight")
    with pytest.raises(teleport.NotFiniteError):
        model.set_tensor("fc1.bias", np.full(16, np.nan))


def test_errors_name_the_line():
    with pytest.raises(teleport.InvalidArgumentError, match="line 3: layer 'out' lacks"):
        teleport.Model("input 4\ndense 3\nout = dense")


def test_summaries_are_tables():
    lines = teleport.Model(RESIDUAL).summary().splitlines()
    assert lines[-1].startswith("820 parameters")
    assert any("leaky_relu 0.1" in line and "add" in line for line in lines)


def test_known_architectures_are_texts():
    assert teleport.Model(teleport.architecture("mlp", (1, 28, 28), 10)).widths == (784, 64, 64, 10)
    assert teleport.architecture("mlp", [784], 10) == teleport.architecture("mlp", (784, 1, 1), 10)
    for name in ("lenet", "vgg-small", "resnet-8", "resnet-14", "resnet-20"):
        assert teleport.architecture(name, (3, 32, 32), 10).startswith("input 3x32x32\nconv ")
    with pytest.raises(teleport.NotFoundError, match="resnet-20"):
        teleport.architecture("resnet-9", (3, 32, 32), 10)
    with pytest.raises(teleport.InvalidArgumentError):
        teleport.architecture("mlp", (28, 28), 10)


def test_known_nets_train_save_and_scale(rng, tmp_path):
    x = rng.normal(size=(24, 3 * 16 * 16)).astype(np.float32)
    labels = rng.integers(0, 4, 24).astype(np.int32)
    for name in ("lenet", "vgg-small", "resnet-8"):
        model = teleport.Model(teleport.architecture(name, (3, 16, 16), 4), seed=1)
        trainer = teleport.Trainer(model, learning_rate=0.003, optimizer="adam")
        first = trainer.step(x, labels)
        for _ in range(20):
            last = trainer.step(x, labels)
        assert last < first, name
        model.save(tmp_path / name)
        again = teleport.Model.load(tmp_path / name)
        before = model.predict(x)
        assert np.array_equal(again.predict(x), before), name
        moved = 0
        for layer in range(model.layer_count - 1):
            variables = model.scaling_variables(layer)
            if variables[0] < 0:
                with pytest.raises(teleport.UnsupportedError, match="scale 'bn|scale 'r|scale 'p|cannot be scaled"):
                    model.apply_scaling(layer, np.ones(variables.size))
                continue
            moved += 1
            model.apply_scaling(layer, 2.0 ** rng.integers(-2, 3, variables.size))
        assert moved and np.array_equal(model.predict(x), before), name


def test_a_convolution_before_a_norm_names_the_norm():
    model = teleport.Model(teleport.architecture("resnet-8", (3, 16, 16), 4))
    with pytest.raises(teleport.UnsupportedError, match="'conv1' feeds 'bn1', which takes its scale away; scale 'bn1'"):
        model.apply_scaling(0, np.ones(16))
    with pytest.raises(teleport.UnsupportedError, match="'conv1' sees 256 positions a sample and has 27 inputs"):
        model.check_teleport(teleport.TeleportConfig(group="linear", search="ascent"))

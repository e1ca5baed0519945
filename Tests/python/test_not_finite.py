"""NaN and infinity are NotFiniteError with the name of the value, wherever a number is given."""

import math

import numpy as np
import pytest

import teleport
from teleport import plane

VALUES = (math.nan, math.inf, -math.inf)


@pytest.fixture(params=VALUES, ids=str)
def value(request):
    return request.param


def refuses(name, call):
    with pytest.raises(teleport.NotFiniteError) as raised:
        call()
    assert name in str(raised.value)


def samples():
    generator = np.random.default_rng(3)
    return generator.standard_normal((80, 4)).astype(np.float32), np.arange(80, dtype=np.int32) % 3


@pytest.mark.parametrize(
    "name", ["learning_rate", "momentum", "beta1", "beta2", "alpha", "epsilon", "weight_decay", "clip_norm"]
)
def test_optimizers(name, value):
    model = teleport.Model([4, 5, 3])
    refuses(name, lambda: teleport.Trainer(model, **{name: value}))


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh"])
def test_slopes(activation, value):
    refuses(
        "negative_slope",
        lambda: teleport.Model([4, 3], activation=activation, negative_slope=value),
    )


@pytest.mark.parametrize("name", ["radius", "learning_rate", "loss_tolerance", "held_out_tolerance", "null_tolerance"])
def test_teleports(name, value):
    model = teleport.Model([4, 5, 3])
    options = {"search": "ascent", name: value}
    refuses(name, lambda: model.teleport(*samples(), teleport.TeleportConfig(**options)))


def test_perturbation_norms(value):
    def config():
        return teleport.TeleportConfig(
            search="ascent", objective="sharpness_minimize", perturbation_norms=[0.1, value]
        )

    refuses("perturbation_norms[1]", config)


@pytest.mark.parametrize("name", ["factor", "floor"])
def test_schedules(name, value):
    trainer = teleport.Trainer(teleport.Model([4, 3]))
    kind = {"factor": "step", "floor": "cosine"}[name]
    refuses(name, lambda: trainer.set_schedule(teleport.Schedule(kind, **{name: value})))


def test_runs(value, tmp_path):
    trainer = teleport.Trainer(teleport.Model([4, 3]))
    dataset = teleport.Dataset.from_arrays(*samples())
    path = tmp_path / "checkpoint"
    refuses(
        "checkpoint_seconds",
        lambda: trainer.run(dataset, checkpoint_path=path, checkpoint_seconds=value),
    )


@pytest.mark.parametrize("name", ["learning_rate", "theta_learning_rate", "loss_tolerance", "theta_starts"])
def test_planes(name, value):
    options = {"teleport_steps": [0], name: [value] if name == "theta_starts" else value}
    refuses(name, lambda: plane.descend(plane.booth(), (1, 1), plane.PlaneConfig(**options)))


@pytest.mark.parametrize("name", ["mean", "std"])
def test_pixels(name, value):
    pixels = np.zeros((2, 1, 3, 3), np.uint8)
    refuses(name, lambda: teleport.Dataset.from_pixels(pixels, [0, 1], **{name: value}))


def test_splits(value):
    dataset = teleport.Dataset.from_arrays(*samples())
    refuses("fraction", lambda: dataset.split(value))


def test_arrays(value):
    model = teleport.Model([4, 5, 3])
    x, y = samples()
    v = np.zeros(model.parameter_count, np.float32)
    v[2] = value
    refuses("v[2]", lambda: model.hessian_vector_product(x, y, v))
    weights = np.ones(80, np.float32)
    weights[3] = value
    refuses("weight 3", lambda: model.loss(x, y, weights=weights))
    refuses("factor 1", lambda: model.apply_scaling(0, [1, value, 1, 1, 1]))

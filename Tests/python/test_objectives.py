"""Sharpness and curvature: their values, their derivative, and searches up and down."""

import numpy as np
import pytest

import reference
import teleport
from teleport import TeleportConfig

ALONE = dict(held_out_tolerance=-1.0)


@pytest.fixture
def problem(rng):
    model = teleport.Model([6, 5, 4, 3], negative_slope=0.2, initialization="torch_linear", seed=8)
    x = rng.normal(size=(20, 6)).astype(np.float32)
    return model, x, rng.integers(0, 3, 20)


def objective(model, x, y, **config):
    """The objective at the model's weights, from a report; the model stays as it is."""
    config = TeleportConfig(search="random", candidates=1, radius=1e-3, **ALONE, **config)
    return model.clone().teleport(x, y, config).objective_before


@pytest.mark.parametrize("norms", [[0.5], [0.2, 2.0]])
def test_sharpness_is_the_mean_loss_over_perturbations(problem, rng, norms):
    model, x, y = problem
    layers = reference.layers_of(model)
    start = reference.flat(layers)
    losses = []
    for norm in norms:
        for _ in range(4000):
            v = rng.normal(size=start.size)
            moved = reference.unflat(start + norm * v / np.linalg.norm(v), layers)
            losses.append(
                reference.loss_and_error(
                    reference.outputs(moved, x, slope=0.2), y, "cross_entropy"
                )[0]
            )
    got = objective(
        model, x, y, objective="sharpness_minimize", perturbations=10000, perturbation_norms=norms
    )
    # Two means over draws of their own; by norm their variances add up. Five standard errors.
    by_norm = np.reshape(losses, (len(norms), -1)).var(axis=1).sum() / len(norms) ** 2
    error = np.sqrt(by_norm * (1 / 4000 + 1 / 10000))
    assert abs(got - np.mean(losses)) < 5 * error
    assert error < 0.005 * np.mean(losses)


def test_sharpness_is_the_same_function_at_every_call(problem):
    model, x, y = problem
    given = dict(objective="sharpness_maximize", seed=3)
    assert objective(model, x, y, **given) == objective(model, x, y, **given)
    assert objective(model, x, y, **given) != objective(model, x, y, objective="sharpness_maximize")


def moved_logarithms(before, after):
    """ln of each hidden unit's factor in a move of the scaling group."""
    s = [np.log(np.median(after[0][0] / before[0][0], axis=1))]
    s.append(np.log(np.median(after[1][0] * np.exp(s[0]) / before[1][0], axis=1)))
    return np.concatenate(s)


def test_sharpness_derivative_agrees_with_differences(problem):
    """One step of ascent moves along the derivative, which differences give as well."""
    _, x, y = problem
    model = teleport.Model(
        [6, 5, 4, 3], activation="identity", initialization="torch_linear", seed=8
    )
    given = dict(objective="sharpness_maximize", perturbation_norms=[0.5], perturbations=8)
    step, slope = 0.02, []
    for layer, width in enumerate((5, 4)):
        for unit in range(width):
            values = []
            for sign in (1, -1):
                scale = np.ones(width)
                scale[unit] = np.exp(sign * step)
                moved = model.clone()
                moved.apply_scaling(layer, scale)
                values.append(objective(moved, x, y, **given))
            slope.append((values[0] - values[1]) / (2 * step))
    slope = np.array(slope) / np.abs(slope).max()
    before = reference.layers_of(model)
    config = TeleportConfig(search="ascent", steps=1, radius=0.01, **given)
    report = model.teleport(x, y, config)
    assert report.accepted and report.objective_after > report.objective_before
    s = moved_logarithms(before, reference.layers_of(model))
    # Central differences of a smooth function whose forward passes are in float32: step^2 and 1e-7
    # / step.
    assert np.allclose(s / np.abs(s).max(), slope, atol=2e-3)


@pytest.mark.parametrize("group", ["scaling", "linear", "null_space", "level_set"])
@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_ascent_and_descent_of_sharpness(rng, group, goal):
    model = teleport.Model([20, 12, 9, 4], negative_slope=0.1, seed=3)
    x = rng.normal(size=(8, 20)).astype(np.float32)
    y, loss = rng.integers(0, 4, 8), None
    loss = model.loss(x, y)
    config = TeleportConfig(group=group, search="ascent", objective=f"sharpness_{goal}", **ALONE)
    report = model.teleport(x, y, config)
    assert report.accepted
    assert (report.objective_after > report.objective_before) == (goal == "maximize")
    assert report.objective_after != report.objective_before
    assert model.loss(x, y) == pytest.approx(loss, rel=3e-5)
    given = dict(objective=f"sharpness_{goal}")
    assert objective(model, x, y, **given) == pytest.approx(report.objective_after, rel=1e-5)


def curvature(velocity, acceleration):
    """arXiv 2305.13404, equation 47."""
    speed2, dot = velocity @ velocity, velocity @ acceleration
    return np.sqrt(speed2 * (acceleration @ acceleration) - dot**2) / speed2**1.5


def derivatives(curve, step):
    """First and second derivative at 0 by differences of fourth order."""
    ahead2, ahead, here, back, back2 = (curve(n * step) for n in (2, 1, 0, -1, -2))
    first = (8 * (ahead - back) - (ahead2 - back2)) / (12 * step)
    second = (16 * (ahead + back) - (ahead2 + back2) - 30 * here) / (12 * step**2)
    return first, second


def scaling_curve(rng, layers, x, activation):
    s = rng.normal(size=9)
    s /= np.linalg.norm(s)
    return lambda t: reference.flat(reference.scaled(layers, [t * s[:5], t * s[5:]]))


def linear_curve(rng, layers, x, activation):
    layer = int(rng.integers(2))
    size = len(layers[layer][0])
    t = rng.normal(size=(size, size))
    t /= np.linalg.norm(t)
    return lambda at: reference.flat(
        reference.acted(layers, layer, reference.exponential(at * t), x, activation, 0.2)
    )


@pytest.mark.parametrize(
    "group, activation", [("scaling", "leaky_relu"), ("linear", "leaky_relu"), ("linear", "tanh")]
)
def test_curvature_is_the_mean_over_the_groups_curves(rng, group, activation):
    model = teleport.Model(
        [6, 5, 4, 3],
        activation=activation,
        negative_slope=0.2,
        initialization="torch_linear",
        seed=8,
    )
    x = rng.normal(size=(3, 6)).astype(np.float32)
    layers = reference.layers_of(model)
    make = scaling_curve if group == "scaling" else linear_curve
    # Curves have no kink at 0 but LeakyReLU's may have one close by: hence small steps.
    values = [curvature(*derivatives(make(rng, layers, x, activation), 1e-4)) for _ in range(1500)]
    got = objective(
        model, x, rng.integers(0, 3, 3), group=group, objective="curvature_maximize", curves=10000
    )
    error = np.std(values) * np.sqrt(1 / 1500 + 1 / 10000)
    assert abs(got - np.mean(values)) < 5 * error
    assert error < 0.05 * np.mean(values)


@pytest.mark.parametrize("group", ["scaling", "linear"])
@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_random_search_for_curvature(rng, group, goal):
    model = teleport.Model([20, 12, 9, 4], negative_slope=0.1, seed=3)
    x = rng.normal(size=(4, 20)).astype(np.float32)
    y = rng.integers(0, 4, 4)
    loss = model.loss(x, y)
    config = TeleportConfig(
        group=group,
        search="random",
        objective=f"curvature_{goal}",
        candidates=200,
        radius=0.2,
        **ALONE,
    )
    report = model.teleport(x, y, config)
    assert report.accepted and report.candidates == 201
    assert (report.objective_after > report.objective_before) == (goal == "maximize")
    assert report.objective_after != report.objective_before
    assert model.loss(x, y) == pytest.approx(loss, rel=3e-5)

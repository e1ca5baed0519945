"""Path conditioning and equal norms: objectives of the scaling group that look at the weights alone."""

import numpy as np
import pytest

import reference
import teleport
from teleport import TeleportConfig

OBJECTIVES = ["path_conditioning", "equal_norms"]


@pytest.fixture
def problem(rng):
    model = teleport.Model([12, 9, 7, 4], negative_slope=0.2, initialization="torch_linear", seed=8)
    for layer, width in enumerate((9, 7)):
        model.apply_scaling(layer, np.exp(rng.uniform(-1, 1, width)))
    return model, rng.normal(size=(30, 12)).astype(np.float32), rng.integers(0, 4, 30)


def config(objective, **given):
    return TeleportConfig(search="ascent", objective=objective, **given)


def path_value(model):
    """n ln(sum_i g_i) at the weights, g by the rule of products along paths."""
    layers = reference.layers_of(model)
    into, inputs = [np.ones(layers[0][0].shape[1])], []
    for weight, bias in layers:
        into.append(weight.astype(float) ** 2 @ into[-1] + bias.astype(float) ** 2)
    out, total, count = np.ones(layers[-1][0].shape[0]), 0.0, 0
    for (weight, bias), h in zip(layers[::-1], into[-2::-1]):
        total += out.sum() * (h.sum() + 1)
        count += weight.size + bias.size
        out = out @ weight.astype(float) ** 2
    return count * np.log(total)


def squares(model):
    return float((model.get_parameters().astype(float) ** 2).sum())


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_value_falls_and_the_loss_is_kept(problem, objective):
    model, x, y = problem
    value = {"path_conditioning": path_value, "equal_norms": squares}[objective]
    before, loss, outputs = value(model), model.loss(x, y), model.predict(x)
    report = model.teleport(x, y, config(objective))
    assert report.accepted
    assert report.objective_before == pytest.approx(before, rel=1e-9)
    assert report.objective_after < report.objective_before
    assert model.loss(x, y) == pytest.approx(loss, rel=1e-6)
    assert np.abs(model.predict(x) - outputs).max() < 1e-5 * np.ptp(outputs)
    assert 1 < report.steps < 1000
    assert 0 < report.radius <= 16 and report.condition > 1
    assert np.isnan(report.gradient_norm2_before) and np.isnan(report.gradient_norm2_after)
    if objective == "equal_norms":
        assert squares(model) == pytest.approx(report.objective_after, rel=1e-6)
    # Once there, there is nothing to gain.
    again = model.teleport(x, y, config(objective))
    assert again.radius < 1e-6


def test_equal_norms_are_a_canonical_form(problem, rng):
    model, x, y = problem
    other = model.clone()
    for layer, width in enumerate((9, 7)):
        other.apply_scaling(layer, np.exp(rng.uniform(-2, 2, width)))
    for each in (model, other):
        assert each.teleport(x, y, config("equal_norms")).accepted
    a, b = model.get_parameters(), other.get_parameters()
    assert np.linalg.norm(a - b) < 1e-5 * np.linalg.norm(a)
    # What feeds a unit and what reads from it have one norm.
    layers = reference.layers_of(model)
    for (weight, bias), (following, _) in zip(layers, layers[1:]):
        fed = (weight**2).sum(axis=1) + bias**2
        assert np.allclose(fed, (following**2).sum(axis=0), rtol=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_layer_radius_steps_and_exact(problem, objective):
    model, x, y = problem
    # One layer: its rows and the columns that read them.
    moved = model.clone()
    assert moved.teleport(x, y, config(objective, layer=1)).layer == 1
    start, end = reference.layers_of(model), reference.layers_of(moved)
    assert np.array_equal(start[0][0], end[0][0]) and np.array_equal(start[0][1], end[0][1])
    assert not np.array_equal(start[1][0], end[1][0])
    report = model.clone().teleport(x, y, config(objective, radius=0.1))
    assert report.accepted and report.radius == pytest.approx(0.1)
    assert model.clone().teleport(x, y, config(objective, steps=1)).steps == 1
    exact = model.clone()
    report = exact.teleport(x, y, config(objective, exact=True))
    assert report.accepted and report.output_change == 0
    assert report.objective_after < report.objective_before
    assert np.array_equal(exact.predict(x), model.predict(x))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_has_no_meaning_is_refused(problem, objective):
    model, _, _ = problem
    refused = [
        (dict(search="lookahead"), "the ascent search"),
        (dict(search="random"), "the ascent search"),
        (dict(search="ascent", group="linear"), "objectives of the scaling group"),
        (dict(search="ascent", group="null_space"), "objectives of the scaling group"),
        (dict(search="ascent", group="level_set"), "objectives of the scaling group"),
    ]
    for given, sentence in refused:
        with pytest.raises(teleport.TeleportError, match=sentence):
            model.check_teleport(TeleportConfig(objective=objective, learning_rate=0.1, **given))


def test_a_trainer_teleports_by_them_and_moves_its_averages(problem):
    model, x, y = problem
    trainer = teleport.Trainer(model, optimizer="adam")
    for _ in range(3):
        trainer.step(x, y)
    loss = model.loss(x, y)
    assert trainer.teleport(x, y, config("equal_norms", state="transform")).accepted
    assert model.loss(x, y) == pytest.approx(loss, rel=1e-6)
    trainer.step(x, y)
    assert np.isfinite(model.loss(x, y))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_dead_units_and_dead_nets_stay(problem, objective):
    model, x, y = problem
    weight, bias = model.get_layer(0)
    weight[2], bias[2] = 0, 0
    model.set_layer(0, weight, bias)
    loss = model.loss(x, y)
    assert model.teleport(x, y, config(objective)).accepted
    assert model.loss(x, y) == pytest.approx(loss, rel=1e-6)
    dead = teleport.Model([12, 9, 7, 4], bias=False)
    dead.set_parameters(np.zeros_like(dead.get_parameters()))
    assert dead.teleport(x, y, config(objective)).outcome == "stayed"

"""Teleports with the scaling group: what they keep, what they change, and what is put back."""

import dataclasses
import gc

import numpy as np
import pytest

import reference
import teleport
from teleport import TeleportConfig


def nets(count):
    """Random shapes, activations and slopes, with and without biases."""
    rng = np.random.default_rng(77)
    for seed in range(count):
        widths = [int(n) for n in rng.integers(2, 24, rng.integers(3, 6))]
        yield seed, teleport.Model(
            widths,
            activation=["leaky_relu", "relu", "identity"][seed % 3],
            negative_slope=rng.uniform(0, 0.5),
            bias=bool(rng.integers(2)),
            initialization="torch_linear",
            seed=seed,
        )


@pytest.fixture
def problem(blobs):
    x, labels = blobs
    return teleport.Model([12, 16, 8, 4], seed=2), x[:256], labels[:256]


def output_change(before, after):
    return np.abs(after - before).max() / np.ptp(before)


def test_scaling_keeps_the_outputs_on_unseen_inputs():
    rng = np.random.default_rng(5)
    for seed, model in nets(30):
        x = rng.normal(size=(500, model.widths[0])).astype(np.float32)
        before, weights = model.predict(x), model.get_parameters()
        for layer, width in enumerate(model.widths[1:-1]):
            model.apply_scaling(layer, np.exp(rng.uniform(-2, 2, width)))
        # Each factor is rounded to float32, and sums of up to 24 terms are taken in another size.
        assert output_change(before, model.predict(x)) < 1e-5, seed
        assert not np.array_equal(model.get_parameters(), weights)


def test_scaling_by_powers_of_two_changes_no_bit_of_any_output():
    rng = np.random.default_rng(6)
    for seed, model in nets(30):
        x = rng.normal(size=(500, model.widths[0])).astype(np.float32)
        before, weights = model.predict(x), model.get_parameters()
        for layer, width in enumerate(model.widths[1:-1]):
            model.apply_scaling(layer, 2.0 ** rng.integers(-6, 7, width))
        assert np.array_equal(model.predict(x), before), seed
        assert not np.array_equal(model.get_parameters(), weights)


@pytest.mark.parametrize("search", ["ascent", "random", "lookahead"])
def test_an_exact_teleport_changes_no_bit_of_any_output(problem, rng, search):
    model, x, labels = problem
    unseen = 5 * rng.normal(size=(1000, 12)).astype(np.float32)
    before, weights = model.predict(unseen), model.get_parameters()
    config = TeleportConfig(search=search, exact=True, learning_rate=0.05, candidates=200, seed=1)
    report = model.teleport(x, labels, config)
    assert report.accepted and report.loss_before == report.loss_after
    assert report.output_change == 0
    assert np.array_equal(model.predict(unseen), before)
    assert not np.array_equal(model.get_parameters(), weights)
    # The same teleport without `exact` does change bits: the comparison can fail.
    model.set_parameters(weights)
    assert model.teleport(x, labels, dataclasses.replace(config, exact=False)).accepted
    assert not np.array_equal(model.predict(unseen), before)


@pytest.mark.parametrize("search", ["ascent", "random"])
@pytest.mark.parametrize("goal", ["gradient_norm_maximize", "gradient_norm_minimize"])
def test_a_search_moves_the_gradient_norm_as_asked_and_keeps_the_loss(problem, search, goal):
    model, x, labels = problem
    config = TeleportConfig(search=search, objective=goal, candidates=300, radius=0.5)
    before = model.gradient(x, labels)
    report = model.teleport(x, labels, config)
    after = model.gradient(x, labels)
    assert report.outcome is teleport.TeleportOutcome.ACCEPTED and "accept" in report.explain()
    norm2 = [float((gradient.astype(np.float64) ** 2).sum()) for gradient, _ in (before, after)]
    assert report.gradient_norm2_before == pytest.approx(norm2[0], rel=1e-5)
    assert report.gradient_norm2_after == pytest.approx(norm2[1], rel=1e-4)
    assert (norm2[1] > norm2[0]) == (goal == "gradient_norm_maximize")
    # The guard's own promise, with the loss measured here.
    assert after[1] == pytest.approx(before[1], rel=2e-5)
    assert 0 < report.radius <= 0.5 + 1e-6


def test_ascent_reaches_the_best_corner_of_the_box(rng):
    # Five hidden units: all 32 corners can be tried. phi is convex, so its maximum is one of them.
    model = teleport.Model([6, 5, 3], seed=1, initialization="torch_linear")
    x = rng.normal(size=(50, 6)).astype(np.float32)
    labels = rng.integers(0, 3, 50)
    corners = [
        model.scaling_gradient_norm(x, labels, 1.0 - 2.0 * np.array(list(f"{n:05b}"), float))[0]
        for n in range(32)
    ]
    report = model.teleport(x, labels, TeleportConfig(search="ascent", radius=1.0))
    # float32 weights after the move against the closed form.
    assert report.gradient_norm2_after <= max(corners) * (1 + 1e-4)
    assert report.gradient_norm2_after >= 0.9 * max(corners)


def test_the_seed_decides_a_random_search(problem):
    model, x, labels = problem
    moved = []
    for seed in (1, 1, 2):
        copied = model.clone()
        copied.teleport(x, labels, TeleportConfig(search="random", candidates=50, seed=seed))
        moved.append(copied.get_parameters())
    assert np.array_equal(moved[0], moved[1]) and not np.array_equal(moved[0], moved[2])


def test_lookahead_says_when_both_halves_are_the_batch(problem):
    model, x, labels = problem
    config = TeleportConfig(learning_rate=0.01)
    assert model.clone().teleport(x, labels, config).halves_shared is False
    assert model.clone().teleport(x[:40], labels[:40], config).halves_shared is True


def test_lookahead_on_a_model_needs_a_rate(problem):
    model, x, labels = problem
    with pytest.raises(teleport.InvalidArgumentError, match="learning_rate"):
        model.teleport(x, labels)


def test_the_guard_puts_weights_back_to_the_bit(problem):
    model, x, labels = problem
    before = model.get_parameters()
    # Finite before the move; after it, hidden units that grow leave the range of floats.
    held_out = (1e37 * x[:50], labels[:50])
    config = TeleportConfig(search="ascent", held_out=held_out, radius=4)
    report = model.teleport(x[50:], labels[50:], config)
    assert not report.accepted
    assert report.outcome in ("held_out_changed", "not_finite")
    assert np.isfinite(report.held_out_before) and not np.isfinite(report.held_out_after)
    assert np.array_equal(model.get_parameters(), before)
    # With the check off the same move is accepted.
    config = dataclasses.replace(config, held_out_tolerance=-1.0)
    assert model.teleport(x[50:], labels[50:], config).accepted
    assert not np.array_equal(model.get_parameters(), before)


def test_held_out_arrays_live_as_long_as_the_call(problem):
    model, x, labels = problem
    config = TeleportConfig(
        search="ascent", held_out=(x.astype(np.float64)[:50] + 0, [int(n) for n in labels[:50]])
    )
    gc.collect()
    expected = model.loss(x[:50], labels[:50])
    assert model.teleport(x, labels, config).held_out_before == pytest.approx(expected, rel=1e-12)


def test_a_move_past_the_range_of_floats_is_put_back():
    model = teleport.Model([2, 3, 2], seed=1)
    weights, bias = model.get_layer(0)
    model.set_layer(0, weights * np.float32(1e37) * 10, bias)
    before = model.get_parameters()
    with pytest.raises(teleport.NotFiniteError):
        model.apply_scaling(0, [1.0, 1e6, 1.0])
    assert np.array_equal(model.get_parameters(), before)


@pytest.mark.parametrize("scale", [[1, 2], [1, -2, 1], [1, 0, 1], [1, np.nan, 1], [1, np.inf, 1]])
def test_wrong_factors_are_refused(scale):
    model = teleport.Model([2, 3, 2])
    before = model.get_parameters()
    with pytest.raises(teleport.TeleportError):
        model.apply_scaling(0, scale)
    for layer in (-1, 1):
        with pytest.raises(teleport.InvalidArgumentError):
            model.apply_scaling(layer, [1, 1, 1])
    assert np.array_equal(model.get_parameters(), before)


@pytest.mark.parametrize(
    "model, reason",
    [
        (teleport.Model([2, 3, 2], activation="tanh"), "tanh"),
        (teleport.Model([2, 3, 2], activation="sigmoid"), "sigmoid"),
        (teleport.Model([2, 2]), "hidden"),
    ],
)
def test_a_model_that_cannot_be_teleported_says_why(model, reason):
    for use in (
        model.check_teleport,
        lambda: model.teleport(np.zeros((2, 2)), [0, 1], TeleportConfig(search="ascent")),
    ):
        with pytest.raises(teleport.UnsupportedError, match=f"(?i){reason}"):
            use()
    teleport.Model([2, 3, 2]).check_teleport()


@pytest.mark.parametrize(
    "change",
    [
        {"radius": -1.0},
        {"radius": 17.0},
        {"steps": -1},
        {"candidates": -1},
        {"layer": 2},
        {"layer": -3},
        {"rollout_steps": 2},
        {"rollout_batch": -1},
        {"learning_rate": -1.0},
        {"loss_tolerance": -1.0},
        {"held_out_tolerance": -0.5},
        {"search": "everywhere"},
        {"group": "klein"},
        {"sampler": "dice"},
        {"perturbations": -1},
        {"perturbation_norms": [0.1, -1.0]},
        {"curves": -1},
        {"null_tolerance": -1.0},
        {"null_tolerance": 1.0},
        {"seed": -1},
        {"steps": 2**33},
        {"held_out": (np.zeros((1, 12)),)},
    ],
    ids=str,
)
def test_wrong_configs_are_refused(problem, change):
    model, x, labels = problem
    before = model.get_parameters()
    with pytest.raises(teleport.InvalidArgumentError):
        config = dataclasses.replace(TeleportConfig(learning_rate=0.1), **change)
        model.teleport(x, labels, config)
    assert np.array_equal(model.get_parameters(), before)


def test_one_layer_can_be_moved_alone(problem):
    model, x, labels = problem
    before = reference.layers_of(model)
    report = model.teleport(x, labels, TeleportConfig(search="ascent", layer=1))
    after = reference.layers_of(model)
    assert report.accepted and report.layer == 1
    same = [np.array_equal(old[0], new[0]) for old, new in zip(before, after)]
    assert same == [True, False, False]

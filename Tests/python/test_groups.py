"""Moves that depend on data: linear group, null space, level set; and what is refused."""

import dataclasses

import numpy as np
import pytest

import reference
import teleport
from teleport import LAYER_RANDOM, TeleportConfig

# No guard but the batch's own: these tests look at the held-out samples themselves.
ALONE = dict(held_out_tolerance=-1.0)


def small(activation="leaky_relu", widths=(20, 12, 9, 4), seed=3, **options):
    options.setdefault("initialization", "torch_linear")
    return teleport.Model(widths, activation=activation, negative_slope=0.1, seed=seed, **options)


def data(rng, count, width=20, classes=4):
    return rng.normal(size=(count, width)).astype(np.float32), rng.integers(0, classes, count)


def cosine(a, b):
    return (a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))


def norm2(model, x, y):
    return float((model.gradient(x, y)[0].astype(np.float64) ** 2).sum())


def ascent_direction(model, x, y, activation):
    """2 H g in the float64 reference: the derivative of |grad L|^2 by the weights."""
    layers = reference.layers_of(model)
    options = dict(activation=activation, slope=0.1)
    _, gradient = reference.loss_and_gradient(layers, x, y, **options)
    gradient = reference.flat(gradient)
    return layers, gradient, 2 * reference.hessian_vector_product(layers, gradient, x, y, **options)


# ---- linear group


def test_a_linear_move_keeps_the_loss_where_samples_are_few():
    """100 nets: |T| = 0.3, samples at most half of the layer's inputs. Few inputs to a deep layer
    are the ill-conditioned ones; 95 must keep their batch to 1e-5."""
    kept, unseen_changes = 0, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        widths = [int(n) for n in rng.integers(12, 48, 3)] + [5]
        slope = rng.uniform(0.01, 0.2)
        model = teleport.Model(widths, negative_slope=slope, bias=bool(seed % 2), seed=seed)
        layer = int(rng.integers(2))
        count = int(rng.integers(1, widths[layer] // 2 + 1))
        x, labels = data(rng, count, widths[0], 5)
        unseen = data(rng, 1000, widths[0], 5)
        t = rng.normal(size=(widths[layer + 1], widths[layer + 1]))
        before, unseen_before = model.loss(x, labels), model.loss(*unseen)
        model.apply_linear(layer, reference.exponential(0.3 * t / np.linalg.norm(t)), x)
        kept += abs(model.loss(x, labels) - before) <= 1e-5 * before
        unseen_changes.append(abs(model.loss(*unseen) - unseen_before) / unseen_before)
    print(f"kept {kept}; unseen change: median {np.median(unseen_changes):.2g}")
    assert kept >= 95
    # What the batch does not see does change: hence the held-out guard.
    assert np.median(unseen_changes) > 1e-4


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_linear_action_equals_the_reference(rng, activation, layer):
    model = small(activation, (20, 12, 9, 8, 4))
    x, _ = data(rng, 6)
    g = reference.exponential(0.03 * rng.normal(size=2 * (model.widths[layer + 1],)))
    g = g.astype(np.float32)
    if activation == "identity":
        layers = reference.layers_of(model)
        (w, b), (above, c) = layers[layer], layers[layer + 1]
        layers[layer], layers[layer + 1] = (g @ w, g @ b), (above @ np.linalg.inv(g), c)
        expected = layers
    else:
        expected = reference.acted(reference.layers_of(model), layer, g, x, activation, 0.1)
    model.apply_linear(layer, g, x)
    # In double inside, from float32 weights; h^+ of six samples has a condition under 100.
    assert reference.relative(model.get_parameters(), reference.flat(expected)) < 1e-5


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_linear_ascent_moves_the_gradient_norm_and_keeps_the_batch(rng, activation, goal):
    model, (x, labels) = small(activation), data(rng, 4)
    before, loss = norm2(model, x, labels), model.loss(x, labels)
    report = model.teleport(
        x,
        labels,
        TeleportConfig(
            group="linear", search="ascent", objective=f"gradient_norm_{goal}", steps=3, **ALONE
        ),
    )
    assert report.accepted and report.group == "linear" and 1 <= report.steps <= 3
    assert (norm2(model, x, labels) > before) == (goal == "maximize")
    assert model.loss(x, labels) == pytest.approx(loss, rel=2e-5)
    assert report.gradient_norm2_before == pytest.approx(before, rel=1e-5)
    assert report.gradient_norm2_after == pytest.approx(norm2(model, x, labels), rel=1e-4)
    assert report.objective_after == report.gradient_norm2_after
    assert report.condition > 1
    if activation != "identity":
        assert report.rank == 4 and report.input_condition > 1 and report.fit_residual < 1e-6


def test_the_held_out_guard_puts_a_linear_move_back(rng):
    model, (x, labels) = small(), data(rng, 12)
    held_out = data(rng, 500)
    start = model.get_parameters()
    config = TeleportConfig(
        group="linear", search="ascent", held_out=held_out, held_out_tolerance=1e-4
    )
    report = model.teleport(x[:8], labels[:8], config)
    assert report.outcome == "held_out_changed" and not report.accepted
    assert report.loss_after == pytest.approx(report.loss_before, rel=2e-5)
    assert abs(report.held_out_after / report.held_out_before - 1) > 1e-4
    assert np.array_equal(model.get_parameters(), start)
    # Without samples of its own the guard takes the last quarter of the batch.
    report = model.teleport(x, labels, dataclasses.replace(config, held_out=None))
    expected = model.loss(x[9:], labels[9:])
    assert report.held_out_before == pytest.approx(expected, rel=1e-6)
    assert report.rank == 9


@pytest.mark.parametrize("sampler", ["exponential", "diagonally_dominant"])
def test_random_search_over_the_linear_group(rng, sampler):
    model, (x, labels) = small(), data(rng, 4)
    before, loss = norm2(model, x, labels), model.loss(x, labels)
    config = TeleportConfig(
        group="linear",
        search="random",
        sampler=sampler,
        layer=LAYER_RANDOM,
        candidates=60,
        seed=5,
        **ALONE,
    )
    copies = [model.clone() for _ in range(2)]
    reports = [copied.teleport(x, labels, config) for copied in copies]
    assert reports[0].accepted and reports[0].candidates == 61 and reports[0].layer in (0, 1)
    assert norm2(copies[0], x, labels) > before
    assert copies[0].loss(x, labels) == pytest.approx(loss, rel=2e-5)
    assert np.array_equal(copies[0].get_parameters(), copies[1].get_parameters())


def test_lookahead_over_the_linear_group(rng):
    model, (x, labels) = small(), data(rng, 8)
    config = TeleportConfig(group="linear", learning_rate=0.05, layer=0, **ALONE)
    report = model.teleport(x, labels, config)
    assert report.outcome in ("accepted", "stayed")
    assert report.score_after <= report.score_before and report.halves_shared
    assert report.layer == 0 and 1 < report.candidates <= 10


def test_random_search_by_rollouts(rng):
    model, (x, labels) = small(), data(rng, 200)
    config = TeleportConfig(
        search="random", objective="lookahead", learning_rate=0.05, candidates=20
    )
    report = model.teleport(x, labels, config)
    assert report.accepted and report.score_after < report.score_before
    assert not report.halves_shared and report.candidates == 21


# ---- null space


@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh", "sigmoid"])
def test_null_space_move_is_the_projected_derivative(rng, activation):
    model, (x, labels) = small(activation), data(rng, 5)
    start, outputs = model.get_parameters().astype(np.float64), model.predict(x)
    slope = 0.0 if activation == "relu" else 0.1
    layers = reference.layers_of(model)
    options = dict(activation=activation, slope=slope)
    gradient = reference.flat(reference.loss_and_gradient(layers, x, labels, **options)[1])
    derivative = reference.unflat(
        2 * reference.hessian_vector_product(layers, gradient, x, labels, **options), layers
    )
    expected = []
    for (w, b), h in zip(derivative, reference.inputs_of_layers(layers, x, activation, slope)):
        expected.append((w - w @ np.linalg.pinv(h, rcond=1e-6) @ h, np.zeros_like(b)))
    config = TeleportConfig(group="null_space", search="ascent", steps=1, radius=0.01, **ALONE)
    report = model.teleport(x, labels, config)
    assert report.accepted and report.steps == 1
    move = model.get_parameters() - start
    # The Hessian-vector product is float32, and so are the weights: steps of 1 % of them keep 5
    # digits.
    assert cosine(move, reference.flat(expected)) > 1 - 1e-6
    assert np.linalg.norm(move) == pytest.approx(report.radius * np.linalg.norm(start), rel=1e-4)
    # No sample of the batch sees it.
    assert np.abs(model.predict(x) - outputs).max() < 1e-5 * np.ptp(outputs)
    assert report.gradient_norm2_after > report.gradient_norm2_before
    assert 0 < report.rank <= 5


def test_null_space_moves_need_room(rng):
    model, (x, labels) = small(), data(rng, 400)
    start = model.get_parameters()
    report = model.teleport(x, labels, TeleportConfig(group="null_space", search="ascent", **ALONE))
    assert report.outcome == "no_room" and np.array_equal(model.get_parameters(), start)
    # The samples span every hidden layer, the narrowest too.
    assert report.rank == min(model.widths[:-1])
    # Dead inputs are no room: phi does not see their weights either, so it has nothing to gain there.
    x[:, 10:] = 0
    report = model.teleport(x, labels, TeleportConfig(group="null_space", search="ascent", **ALONE))
    assert report.outcome == "no_room"


# ---- level set


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "sigmoid", "identity"])
def test_level_set_move_is_orthogonal_to_the_gradient_and_keeps_the_loss(rng, activation):
    model, (x, labels) = small(activation), data(rng, 30)
    start, loss = model.get_parameters().astype(np.float64), model.loss(x, labels)
    _, gradient, derivative = ascent_direction(model, x, labels, activation)
    expected = derivative - (derivative @ gradient) / (gradient @ gradient) * gradient
    config = TeleportConfig(group="level_set", search="ascent", steps=1, radius=1e-3, **ALONE)
    report = model.teleport(x, labels, config)
    assert report.accepted and report.steps == 1
    move = model.get_parameters() - start
    # A step of 1e-3 of the weights: the correction back is of second order, float32 keeps 4 digits
    # of it.
    assert cosine(move, expected) > 1 - 1e-4
    assert model.loss(x, labels) == pytest.approx(loss, rel=1e-5)
    assert report.gradient_norm2_after > report.gradient_norm2_before
    # Many large steps keep it as well.
    report = model.teleport(
        x, labels, TeleportConfig(group="level_set", search="ascent", steps=20, radius=0.2, **ALONE)
    )
    assert report.accepted and report.steps > 3
    assert model.loss(x, labels) == pytest.approx(loss, rel=3e-5)


@pytest.mark.parametrize("group", ["null_space", "level_set"])
def test_lookahead_over_moves_without_a_group(rng, group):
    model, (x, labels) = small(), data(rng, 8)
    report = model.teleport(x, labels, TeleportConfig(group=group, learning_rate=0.05, **ALONE))
    assert report.outcome in ("accepted", "stayed") and report.candidates > 1
    assert report.score_after <= report.score_before


# ---- what does not fit together


@pytest.mark.parametrize(
    "model, config, sentence",
    [
        (small("relu"), dict(group="linear"), "needs an activation with an inverse, which relu"),
        (
            teleport.Model([4, 3, 2], negative_slope=0.0),
            dict(group="linear"),
            "negative_slope 0 does not have",
        ),
        (small("tanh"), dict(), "tanh"),
        (small(), dict(group="null_space", search="random"), "has none to draw"),
        (small(), dict(group="level_set", search="random"), "has none to draw"),
        (small(), dict(group="null_space", layer=0), "has no layer of its own"),
        (small(), dict(layer=LAYER_RANDOM, search="ascent"), "needs the random search"),
        (small(), dict(objective="curvature_maximize", search="ascent"), "needs the random search"),
        (small(), dict(objective="curvature_minimize"), "needs the random search"),
        (small(), dict(objective="lookahead"), "scores candidates of the random search"),
        (small(), dict(group="linear", exact=True), "which only the scaling group has"),
        (small(), dict(group="linear", state="transform"), "under the scaling group only"),
        (small(), dict(group="level_set", state="transform"), "under the scaling group only"),
    ],
    ids=str,
)
def test_refused_combinations_say_why(rng, model, config, sentence):
    config = TeleportConfig(learning_rate=0.1, **ALONE, **config)
    x, labels = data(rng, 10, model.widths[0], 2)
    start = model.get_parameters()
    for call in (lambda: model.check_teleport(config), lambda: model.teleport(x, labels, config)):
        with pytest.raises(teleport.UnsupportedError, match=f"(?i){sentence}"):
            call()
    assert np.array_equal(model.get_parameters(), start)


def test_rollouts_of_too_many_candidates_are_refused():
    with pytest.raises(teleport.InvalidArgumentError, match="the most is 256"):
        TeleportConfig(search="random", objective="lookahead", candidates=257)


def test_a_batch_without_samples_to_hold_out_says_what_to_do(rng):
    x, labels = data(rng, 3)
    config = TeleportConfig(group="linear", search="ascent")
    with pytest.raises(teleport.InvalidArgumentError, match="too few to hold a quarter out"):
        small().teleport(x, labels, config)


def test_elements_that_cannot_act_are_refused(rng):
    model, (x, _) = small(), data(rng, 5)
    start, g = model.get_parameters(), np.eye(12)
    singular = g.copy()
    singular[0, 0] = 0
    with pytest.raises(teleport.LinearAlgebraError):
        model.apply_linear(0, singular, x)
    with pytest.raises(teleport.InvalidArgumentError, match="layer"):
        model.apply_linear(2, g, x)
    with pytest.raises(teleport.TeleportError):
        model.apply_linear(0, np.eye(3), x)
    with pytest.raises(teleport.InvalidArgumentError, match="batch"):
        model.apply_linear(0, g)
    with pytest.raises(teleport.NotFiniteError):
        model.apply_linear(0, g * np.nan, x)
    with pytest.raises(teleport.ShapeMismatchError):
        model.apply_linear(0, g, x[:, :4])
    with pytest.raises(teleport.UnsupportedError, match="ReLU"):
        small("relu").apply_linear(0, g, x)
    # g f(z) of tanh must stay between -1 and 1.
    with pytest.raises(teleport.UnsupportedError, match="range"):
        small("tanh").apply_linear(0, 50 * g, x)
    assert np.array_equal(model.get_parameters(), start)


@pytest.mark.parametrize("activation, bound", [("tanh", 15), ("sigmoid", 30)])
def test_saturated_units_are_left_out(rng, activation, bound):
    model, (x, labels) = small(activation), data(rng, 4)
    weights, bias = model.get_layer(0)
    bias[2] = 2 * bound  # unit 2 says the same on every sample
    model.set_layer(0, weights, bias)
    g = np.eye(12)
    g[2, 5] = 0.1
    with pytest.raises(teleport.UnsupportedError, match="unit 2 .*saturated"):
        model.apply_linear(0, g, x)
    _, gradient = model.linear_gradient_norm(x, labels)
    assert not gradient[0][2].any() and not gradient[0][:, 2].any() and gradient[0].any()
    before = model.get_layer(0).weights
    report = model.teleport(
        x, labels, TeleportConfig(group="linear", search="ascent", layer=0, **ALONE)
    )
    after = model.get_layer(0).weights
    assert report.accepted and np.array_equal(after[2], before[2])
    assert not np.allclose(after[3], before[3], atol=1e-6)
    # A g that leaves it alone may act on the others.
    g = np.eye(12)
    g[3, 3] = 0.99
    model.apply_linear(0, g, x)
    curvature = TeleportConfig(
        group="linear", search="random", objective="curvature_maximize", candidates=5, **ALONE
    )
    assert np.isfinite(model.teleport(x, labels, curvature).objective_before)

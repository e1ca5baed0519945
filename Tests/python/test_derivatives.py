"""Gradients against the float64 reference, and against central differences of it."""

import itertools

import numpy as np
import pytest

import reference
import teleport

ACTIVATIONS = ["identity", "leaky_relu", "relu", "sigmoid", "tanh"]
LOSSES = ["cross_entropy", "mean_squared_error", "half_squared_error"]
PAIRS = list(itertools.product(ACTIVATIONS, LOSSES))


def problem(rng, activation, loss, bias=True, count=23):
    model = teleport.Model(
        [7, 9, 6, 4],
        activation=activation,
        negative_slope=0.2,
        bias=bias,
        initialization="torch_linear",
        seed=3,
    )
    x = rng.normal(size=(count, 7)).astype(np.float32)
    y = rng.integers(0, 4, count) if loss == "cross_entropy" else rng.normal(size=(count, 4))
    return model, x, y if loss == "cross_entropy" else y.astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize("activation, loss", PAIRS)
def test_loss_and_gradient_equal_the_reference(rng, activation, loss, bias, weighted):
    model, x, y = problem(rng, activation, loss, bias)
    weights = rng.uniform(0, 2, len(x)).astype(np.float32) if weighted else None
    gradient, value = model.gradient(x, y, loss=loss, weights=weights)
    layers = reference.layers_of(model)
    expected, derivative = reference.loss_and_gradient(layers, x, y, loss, weights, activation, 0.2)
    # float32 products against float64: errors observed are under 1e-6.
    assert value == pytest.approx(expected, rel=1e-5)
    assert reference.relative(gradient, reference.flat(derivative)) < 1e-5


@pytest.mark.parametrize("activation, loss", PAIRS)
def test_gradient_agrees_with_finite_differences(rng, activation, loss):
    model, x, y = problem(rng, activation, loss)
    gradient, _ = model.gradient(x, y, loss=loss)
    layers = reference.layers_of(model)
    start = reference.flat(layers)
    step = 1e-6

    def loss_at(parameters):
        rest, moved = parameters, []
        for w, b in layers:
            moved.append((rest[: w.size].reshape(w.shape), rest[w.size : w.size + b.size]))
            rest = rest[w.size + b.size :]
        o = reference.outputs(moved, x, activation, 0.2)
        return reference.loss_and_error(o, y, loss)[0]

    differences = np.empty_like(start)
    for index in range(start.size):
        up, down = start.copy(), start.copy()
        up[index] += step
        down[index] -= step
        differences[index] = (loss_at(up) - loss_at(down)) / (2 * step)
    # Central differences in float64: h^2 + eps / h, about 1e-9; float32 in the library rules.
    assert reference.relative(gradient, differences) < 1e-5


@pytest.mark.parametrize("activation", ["identity", "leaky_relu", "relu"])
def test_scaling_gradient_norm_agrees_with_finite_differences(rng, activation):
    model, x, y = problem(rng, activation, "cross_entropy")
    s = rng.uniform(-1, 1, 15)
    _, gradient = model.scaling_gradient_norm(x, y, s)
    step = 1e-5
    differences = np.empty(15)
    for index in range(15):
        up, down = s.copy(), s.copy()
        up[index] += step
        down[index] -= step
        differences[index] = (
            model.scaling_gradient_norm(x, y, up)[0] - model.scaling_gradient_norm(x, y, down)[0]
        ) / (2 * step)
    # The closed form is in double with the same float32 gradient on both sides: h^2 + eps / h.
    assert reference.relative(gradient, differences) < 1e-7


@pytest.mark.parametrize("activation", ["identity", "leaky_relu", "relu"])
def test_scaling_gradient_norm_is_the_gradient_norm_of_the_scaled_net(rng, activation):
    model, x, y = problem(rng, activation, "cross_entropy")
    s = rng.uniform(-1, 1, 15)
    phi, _ = model.scaling_gradient_norm(x, y, s)
    moved = reference.scaled(reference.layers_of(model), [s[:9], s[9:]])
    _, gradient = reference.loss_and_gradient(moved, x, y, "cross_entropy", None, activation, 0.2)
    # Twice the relative error of a float32 gradient.
    assert phi == pytest.approx((reference.flat(gradient) ** 2).sum(), rel=1e-5)

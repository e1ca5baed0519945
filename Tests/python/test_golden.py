"""Golden vectors in float64 against the library in float32."""

import json

import numpy as np
import pytest

import reference
import teleport
from header import ROOT

VECTORS = ROOT / "Tests" / "data" / "vectors"
GRADIENTS = json.loads((VECTORS / "gradients.json").read_text())["cases"]
SCALING = json.loads((VECTORS / "scaling.json").read_text())["cases"]

# Weights, inputs and sums are rounded to float32 (6e-8) a few dozen times; observed errors are under 1e-6.
TOLERANCE = 1e-5


def name(case):
    return f"{case['activation']}-{case['loss']}"


def model_of(case):
    model = teleport.Model(
        case["layer_sizes"],
        activation=case["activation"],
        negative_slope=case["negative_slope"],
        bias=case["b"] is not None,
    )
    for index, weights in enumerate(case["W"]):
        model.set_layer(index, weights, None if case["b"] is None else case["b"][index])
    return model


def batch_of(case):
    x = np.array(case["X_columns"]).T
    y = np.array(case["Y"])
    return x, y if y.ndim == 1 else y.T


def concatenated(weights, biases):
    biases = biases or [None] * len(weights)
    return reference.flat(list(zip(map(np.array, weights), biases)))


@pytest.mark.parametrize("case", GRADIENTS, ids=name)
def test_outputs(case):
    x, _ = batch_of(case)
    expected = np.array(case["output_columns"]).T
    assert reference.relative(model_of(case).predict(x), expected) < TOLERANCE


@pytest.mark.parametrize("case", GRADIENTS, ids=name)
def test_loss_and_gradient(case):
    x, y = batch_of(case)
    model = model_of(case)
    gradient, loss = model.gradient(x, y, loss=case["loss"])
    expected = concatenated(case["grad_W"], case["grad_b"])
    assert loss == pytest.approx(case["loss_value"], rel=TOLERANCE)
    assert model.loss(x, y, loss=case["loss"]) == pytest.approx(loss, rel=1e-12)
    assert reference.relative(gradient, expected) < TOLERANCE
    norm2 = (gradient.astype(np.float64) ** 2).sum()
    assert norm2 == pytest.approx(case["gradient_norm_squared"], rel=TOLERANCE)


@pytest.mark.parametrize("case", GRADIENTS, ids=name)
def test_the_tests_own_reference_agrees_with_the_vectors(case):
    x, y = batch_of(case)
    biases = case["b"] or [None] * len(case["W"])
    layers = [(np.array(w), None if b is None else np.array(b)) for w, b in zip(case["W"], biases)]
    loss, gradient = reference.loss_and_gradient(
        layers, x, y, case["loss"], None, case["activation"], case["negative_slope"]
    )
    assert loss == pytest.approx(case["loss_value"], rel=1e-12)
    expected = concatenated(case["grad_W"], case["grad_b"])
    assert reference.relative(reference.flat(gradient), expected) < 1e-12


@pytest.mark.parametrize("case", SCALING, ids=name)
def test_scaling_gradient_norm_and_its_derivative(case):
    x, y = batch_of(case)
    model = model_of(case)
    for scale, phi, derivative in (
        (np.zeros_like, "phi_at_identity", "dphi_at_identity"),
        (np.asarray, "phi_at_scale", "dphi_at_scale"),
    ):
        s = scale(np.concatenate(case["log_scale"]))
        got, gradient = model.scaling_gradient_norm(x, y, s, loss=case["loss"])
        # Squares double the relative error of the gradient.
        assert got == pytest.approx(case[phi], rel=2 * TOLERANCE)
        assert reference.relative(gradient, np.concatenate(case[derivative])) < 2 * TOLERANCE


@pytest.mark.parametrize("case", SCALING, ids=name)
def test_apply_scaling_moves_the_weights_and_keeps_the_loss(case):
    x, y = batch_of(case)
    model = model_of(case)
    for layer, s in enumerate(case["log_scale"]):
        model.apply_scaling(layer, np.exp(s))
    expected = concatenated(case["scaled_W"], case["scaled_b"])
    assert reference.relative(model.get_parameters(), expected) < TOLERANCE
    assert model.loss(x, y, loss=case["loss"]) == pytest.approx(
        case["loss_at_scale"], rel=TOLERANCE
    )

"""Golden vectors in float64 against the library in float32."""

import numpy as np
import pytest

import reference
import teleport
from golden import batch_of, concatenated, layers_of, load, model_of, name

GRADIENTS = load("gradients.json")["cases"]
SCALING = load("scaling.json")["cases"]
LINEAR = load("gl_action.json")
ASCENT = load("ascent_gradient.json")["cases"]

# Weights, inputs and sums are rounded to float32 (6e-8) a few dozen times; observed errors are
# under 1e-6.
TOLERANCE = 1e-5


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
    loss, gradient = reference.loss_and_gradient(
        layers_of(case), x, y, case["loss"], None, case["activation"], case["negative_slope"]
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


@pytest.mark.parametrize("case", GRADIENTS, ids=name)
def test_hessian_vector_product(case):
    x, y = batch_of(case)
    v = concatenated(case["hvp_v_W"], case["hvp_v_b"])
    product = model_of(case).hessian_vector_product(x, y, v, loss=case["loss"])
    expected = concatenated(case["hvp_W"], case["hvp_b"])
    # Twice the passes of a gradient.
    assert reference.relative(product, expected) < 2 * TOLERANCE


def expected_after(case):
    """The weights of a gl_action case after its move."""
    layers, hidden = layers_of(case), case["hidden_layer"]
    bias = case.get("b_out", layers[hidden][1])
    layers[hidden] = (np.array(case["W_out"]), None if bias is None else np.array(bias))
    layers[hidden + 1] = (np.array(case["W_next"]), layers[hidden + 1][1])
    return reference.flat(layers)


@pytest.mark.parametrize("case", LINEAR["cases"], ids=name)
def test_apply_linear(case):
    x = np.array(case["X_columns"]).T
    model = model_of(case)
    before = model.predict(x)
    model.apply_linear(case["hidden_layer"], case["g"], x)
    # Computed in double from weights, inputs and g that are rounded to float32: errors are under
    # 2e-7, but 5e-6 for tanh, whose inverse near 1 magnifies the rounding of g.
    assert reference.relative(model.get_parameters(), expected_after(case)) < TOLERANCE
    # The outputs on these samples stay, up to float32 sums over the moved weights.
    assert np.abs(model.predict(x) - before).max() / np.ptp(before) < TOLERANCE


def test_apply_linear_with_identity_activations_is_exact_without_samples(rng):
    case = LINEAR["identity_exact"]
    model = model_of(case)
    unseen = rng.normal(size=(500, case["layer_sizes"][0])).astype(np.float32)
    before = model.predict(unseen)
    model.apply_linear(case["hidden_layer"], case["g"])
    assert reference.relative(model.get_parameters(), expected_after(case)) < TOLERANCE
    assert np.abs(model.predict(unseen) - before).max() / np.ptp(before) < TOLERANCE


@pytest.mark.parametrize("case", ASCENT, ids=name)
def test_linear_gradient_norm(case):
    x, y = batch_of(case)
    phi, gradient = model_of(case).linear_gradient_norm(x, y, loss=case["loss"])
    assert phi == pytest.approx(case["phi"], rel=2 * TOLERANCE)
    assert len(gradient) == len(case["dphi_dT"])
    # A float32 Hessian-vector product through h^+ in double; d phi / d T is a difference of two
    # terms that are larger than it, so a few digits more are lost than in the product itself.
    for got, expected in zip(gradient, case["dphi_dT"]):
        assert reference.relative(got, expected) < 1e-4


@pytest.mark.parametrize("case", ASCENT, ids=name)
def test_linear_gradient_norm_is_the_slope_along_the_action(case):
    """phi of the net moved by exp(t T) in the float64 reference, against d phi / d T."""
    x, y = batch_of(case)
    _, gradient = model_of(case).linear_gradient_norm(x, y, loss=case["loss"])
    options = dict(activation=case["activation"], slope=case["negative_slope"] or 0.0)

    def phi(t):
        moved = layers_of(case)
        for index, direction in enumerate(gradient):
            g = reference.exponential(t * direction)
            moved = reference.acted(moved, index, g, x, **options)
        _, derivative = reference.loss_and_gradient(moved, x, y, case["loss"], **options)
        return (reference.flat(derivative) ** 2).sum()

    norm2 = sum((part**2).sum() for part in gradient)
    step = 1e-5 / np.sqrt(norm2)
    # All layers move one after the other: to first order that is all at once.
    slope = (phi(step) - phi(-step)) / (2 * step)
    assert slope == pytest.approx(norm2, rel=2e-4)

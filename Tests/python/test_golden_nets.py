"""Golden vectors of convolutional nets in float64 against the library in float32."""

import numpy as np
import pytest

import reference
import teleport
from golden import load

NETS = {case["name"]: case for case in load("conv.json")["cases"]}
STEPS = load("conv_steps.json")["cases"]
SCALING = load("conv_scaling.json")["cases"]

# The dropout net's numbers in training mode are of given masks; the library draws its own.
UNMASKED = [case for case in NETS.values() if not case["masks"]]


def name(case):
    return case.get("name") or f"{case['net']}-{case['optimizer']}"


def words(layer):
    kind, bias = layer["type"], "bias" if layer.get("bias", True) else "nobias"
    kernel = layer.get("kernel", 1)
    kernel = "x".join(map(str, kernel if isinstance(kernel, list) else (kernel, kernel)))
    stride, padding = layer.get("stride", 1), layer.get("padding", 0)
    if kind == "conv2d":
        groups = layer.get("groups", 1)
        return f"conv {layer['out']} {kernel} stride {stride} pad {padding} groups {groups} {bias}"
    if kind == "linear":
        return f"dense {layer['out']} {bias}"
    if kind in ("max_pool", "avg_pool"):
        return f"{kind} {kernel} stride {stride} pad {padding}"
    return {
        "batch_norm": lambda: f"batch_norm eps {layer['eps']}",
        "leaky_relu": lambda: f"leaky_relu {layer['slope']}",
        "dropout": lambda: f"dropout {layer['p']}",
    }.get(kind, lambda: kind)()


def text(case):
    lines = [f"{layer['name']} = {words(layer)} of {' '.join(layer['of'])}" for layer in case["layers"]]
    return "\n".join(["input " + "x".join(map(str, case["input"]))] + lines)


def net(case):
    model = teleport.Model(text(case))
    for tensor, values in {**case["parameters"], **case.get("buffers", {})}.items():
        model.set_tensor(tensor, values)
    return model


def images(case):
    x = np.array(case["x"])
    return x.reshape(len(x), -1), np.array(case["y"])


def flat(model, arrays):
    """Arrays by name in the order of the parameters."""
    return np.concatenate([np.ravel(arrays[tensor]) for tensor in model.tensors if tensor in arrays])


@pytest.mark.parametrize("case", NETS.values(), ids=name)
def test_outputs_with_running_statistics(case):
    model = net(case)
    for tensor, values in (case["buffers_after"] or {}).items():
        model.set_tensor(tensor, values)
    x, _ = images(case)
    assert reference.relative(model.predict(x), np.array(case["output_evaluation"])) < 1e-5


@pytest.mark.parametrize("case", UNMASKED, ids=name)
def test_loss_and_gradient(case):
    model = net(case)
    x, y = images(case)
    gradient, loss = model.gradient(x, y, loss=case["loss"])
    assert loss == pytest.approx(case["loss_value"], rel=1e-5)
    assert model.loss(x, y, loss=case["loss"]) == pytest.approx(loss, rel=1e-12)
    assert reference.relative(gradient, flat(model, case["gradient"])) < 1e-5
    # The loss is of the batch's statistics, and leaves the running ones alone.
    for tensor, values in case["buffers"].items():
        assert np.array_equal(model.tensor(tensor), np.float32(values))


@pytest.mark.parametrize("case", UNMASKED, ids=name)
def test_hessian_vector_product(case):
    model = net(case)
    x, y = images(case)
    v = flat(model, case["hvp_v"])
    product = model.hessian_vector_product(x, y, v, loss=case["loss"])
    assert reference.relative(product, flat(model, case["hvp"])) < 1e-4


@pytest.mark.parametrize("case", UNMASKED, ids=name)
def test_running_statistics_after_a_step(case):
    model = net(case)
    x, y = images(case)
    teleport.Trainer(model, optimizer="sgd", learning_rate=1e-30, loss=case["loss"]).step(x, y)
    for tensor, values in (case["buffers_after"] or {}).items():
        assert reference.relative(model.tensor(tensor), np.array(values)) < 1e-6


@pytest.mark.parametrize("run", STEPS, ids=name)
def test_ten_steps(run):
    case = NETS[run["net"]]
    model = net(case)
    x, y = images(case)
    options = {"momentum": run["momentum"]} if run["optimizer"] == "momentum" else {}
    trainer = teleport.Trainer(
        model,
        optimizer=run["optimizer"],
        learning_rate=run["learning_rate"],
        loss=case["loss"],
        **options,
    )
    losses = [trainer.step(x, y) for _ in run["losses"]]
    assert losses == pytest.approx(run["losses"], rel=1e-4)
    expected = flat(model, run["parameters"])
    assert reference.relative(model.get_parameters(), expected) < 1e-4
    for tensor, values in run["buffers"].items():
        assert reference.relative(model.tensor(tensor), np.array(values)) < 1e-4


@pytest.mark.parametrize("case", SCALING, ids=name)
def test_scaling_one_layer_after_the_other(case):
    model = net(case)
    x, _ = images(case)
    before = model.predict(x)
    s = np.array(case["log_scale"])
    assert model.scaling_count == case["variable_count"]
    left = set(range(len(s)))
    layers = [t[: -len(".weight")] for t in model.tensors if t.endswith(".weight")]
    for index, layer in enumerate(layers):
        variables = np.array(case["channel_variables"][layer])
        assert np.array_equal(model.scaling_variables(index), variables)
        if variables[0] in left:  # tied layers move together
            model.apply_scaling(index, np.exp(s[variables]))
            left -= set(variables)
    assert not left
    expected = flat(model, case["moved"])
    assert reference.relative(model.get_parameters(), expected) < 1e-6
    assert np.abs(model.predict(x) - before).max() < 1e-5 * np.ptp(before)


@pytest.mark.parametrize("case", [c for c in SCALING if not c["masks"]], ids=name)
def test_scaling_gradient_norm_and_its_derivative(case):
    model = net(case)
    x, y = images(case)
    s = np.array(case["log_scale"])
    for at, phi, slope in (
        (0 * s, "phi_at_identity", "dphi_at_identity"),
        (s, "phi_at_scale", "dphi_at_scale"),
    ):
        value, gradient = model.scaling_gradient_norm(x, y, at, loss=case["loss"])
        assert value == pytest.approx(case[phi], rel=1e-5)
        assert reference.relative(gradient, np.array(case[slope])) < 1e-5


def test_a_layer_before_a_norm_says_what_to_scale():
    model = net(NETS["batch_norm"])
    with pytest.raises(teleport.UnsupportedError, match="'conv1' feeds 'bn1'.*scale 'bn1'"):
        model.apply_scaling(0, np.ones(4))

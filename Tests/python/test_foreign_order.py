"""The order of the layers in files of other programs: numbers give it or the shapes force it; nothing is guessed."""

import numpy as np
import pytest
import safetensors.numpy

import teleport


def tensors(shapes, bias=True):
    """{prefix: (inputs, outputs)} as a state dict whose weights are all different."""
    generator = np.random.default_rng(0)
    found = {}
    for name, (inputs, outputs) in shapes.items():
        found[f"{name}.weight"] = generator.normal(size=(outputs, inputs)).astype(np.float32)
        if bias:
            found[f"{name}.bias"] = generator.normal(size=outputs).astype(np.float32)
    return found


def load(found):
    return teleport.Model.from_bytes(safetensors.numpy.save(found))


def assert_order(shapes, names, bias=True):
    found = tensors(shapes, bias)
    model = load(found)
    assert len(model.widths) == len(names) + 1
    for index, name in enumerate(names):
        np.testing.assert_array_equal(model.get_layer(index).weights, found[f"{name}.weight"])


@pytest.mark.parametrize(
    "shapes",
    [
        {"encoder": (6, 2), "decoder": (2, 6)},
        {"encoder.0": (6, 4), "encoder.2": (4, 2), "decoder.0": (2, 4), "decoder.2": (4, 6)},
        {"alpha": (4, 4), "beta": (4, 4)},
        {"input": (6, 4), "hidden": (4, 4), "middle": (4, 4), "output": (4, 2)},
        {"fc1": (4, 4), "fc2": (4, 4), "out": (4, 4)},
        {"fc1": (4, 4), "fc01": (4, 4)},
        {"block1.first": (4, 4), "block1.second": (4, 4), "block2.first": (4, 4)},
    ],
    ids=lambda shapes: "-".join(shapes),
)
@pytest.mark.parametrize("bias", [True, False])
def test_more_than_one_order_is_refused_with_the_names(shapes, bias):
    with pytest.raises(teleport.UnsupportedError, match="order") as error:
        load(tensors(shapes, bias))
    for name in shapes:
        assert f"'{name}.weight'" in str(error.value)


def test_shapes_that_fit_in_no_order_are_refused_with_the_names():
    with pytest.raises(teleport.UnsupportedError, match="order") as error:
        load(tensors({"encoder": (6, 4), "decoder": (3, 7), "middle": (4, 5)}))
    for name in ("encoder", "decoder", "middle"):
        assert f"'{name}.weight'" in str(error.value)


@pytest.mark.parametrize("bias", [True, False])
def test_shapes_may_force_the_order_against_the_alphabet(bias):
    shapes = {"encoder": (6, 5), "decoder": (5, 4), "classifier": (4, 3)}
    assert_order(shapes, ["encoder", "decoder", "classifier"], bias)
    assert_order({"out": (4, 2), "hidden": (6, 4)}, ["hidden", "out"], bias)


def test_one_square_layer_has_but_one_place():
    shapes = {"input": (6, 4), "hidden": (4, 4), "output": (4, 2)}
    assert_order(shapes, ["input", "hidden", "output"])


def test_numbers_and_shapes_together_force_the_order():
    """Numbers order the equal ones, shapes say where the one without a number goes."""
    shapes = {"out": (4, 2), "fc3": (4, 4), "fc2": (4, 4), "fc1": (6, 4)}
    assert_order(shapes, ["fc1", "fc2", "fc3", "out"])
    shapes = {"head": (4, 2), "body.10": (4, 4), "body.9": (4, 4), "stem": (6, 4)}
    assert_order(shapes, ["stem", "body.9", "body.10", "head"])


def test_numbers_order_layers_that_fit_in_any_order():
    assert_order({f"net.{n}": (4, 4) for n in (10, 8, 0, 2)}, [f"net.{n}" for n in (0, 2, 8, 10)])
    nested = {"1.0": (4, 4), "0.2": (4, 4), "0.0": (4, 4), "1.2": (4, 4)}
    assert_order(nested, ["0.0", "0.2", "1.0", "1.2"])
    assert_order({"1.decode": (4, 6), "0.encode": (6, 4)}, ["0.encode", "1.decode"])
    assert_order({f"layer{n:03}": (4, 4) for n in range(99, -1, -1)}, [f"layer{n:03}" for n in range(100)])


def test_numbers_are_believed_and_a_shape_against_them_is_named():
    with pytest.raises(teleport.ShapeMismatchError, match="'1.weight'"):
        load(tensors({"0": (4, 3), "1": (6, 4)}))


def test_many_unnumbered_layers_end_soon():
    """All of one shape, or of two that alternate: no search among millions of orders."""
    with pytest.raises(teleport.UnsupportedError, match="order"):
        load(tensors({chr(97 + n % 26) * (1 + n // 26): (2, 2) for n in range(64)}))
    shapes = {chr(97 + n % 26) * (1 + n // 26): (2, 3) if n % 2 else (3, 2) for n in range(60)}
    with pytest.raises(teleport.UnsupportedError, match="order"):
        load(tensors(shapes))
    with pytest.raises(teleport.UnsupportedError, match="order"):
        load(tensors({chr(97 + n % 26) * (1 + n // 26): (2 + n, 3 + n) for n in range(300)}))
    names = [chr(97 + n % 26) * (1 + n // 26) for n in range(64)]
    assert_order({name: (2 + n, 3 + n) for n, name in enumerate(names)}, names)

"""Models: weights in and out, predictions, metadata, lifetime, arrays without copies, threads."""

import copy
import gc
import pickle
import threading

import numpy as np
import pytest

import reference
import teleport
from teleport import _arrays


@pytest.fixture
def model():
    return teleport.Model([5, 8, 6, 3], seed=4)


def test_properties_are_those_it_was_made_with():
    model = teleport.Model(
        (5, 8, 3),
        activation="relu",
        negative_slope=0.25,
        bias=False,
        initialization=teleport.Initialization.HE_UNIFORM,
        seed=2**64 - 1,
    )
    assert model.widths == (5, 8, 3) and model.layer_count == 2
    assert model.activation is teleport.Activation.RELU and model.negative_slope == 0.25
    assert model.initialization == "he_uniform" and model.seed == 2**64 - 1
    assert model.bias is False and model.parameter_count == 5 * 8 + 8 * 3
    assert "5-8-3" in repr(model)


def test_the_seed_decides_the_weights():
    a, b, c = (teleport.Model([5, 8, 3], seed=seed).get_parameters() for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize(
    "initialization, low, high, bias_low, bias_high",
    [
        ("glorot_uniform", -np.sqrt(6 / 500), np.sqrt(6 / 500), 0, 0),
        ("he_uniform", -np.sqrt(6 / (1.0001 * 300)), np.sqrt(6 / (1.0001 * 300)), 0, 0),
        ("torch_linear", -1 / np.sqrt(300), 1 / np.sqrt(300), -1 / np.sqrt(300), 1 / np.sqrt(300)),
        ("uniform_01", 0, 1, 0, 1),
    ],
)
def test_first_weights_are_uniform_in_their_range(initialization, low, high, bias_low, bias_high):
    model = teleport.Model([300, 200, 4], initialization=initialization, seed=9)
    weights, bias = model.get_layer(0)
    # 60,000 draws: the mean is within 5 standard errors, the ends within 1e-3 of the range.
    width = high - low
    assert low - 1e-6 <= weights.min() < low + 1e-3 * width
    assert high - 1e-3 * width < weights.max() <= high + 1e-6
    assert abs(weights.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * 60_000)
    assert bias_low <= bias.min() and bias.max() <= bias_high
    assert (bias.max() > bias.min()) == (bias_high > bias_low)


def test_layers_go_in_and_come_out(model, rng):
    weights = rng.normal(size=(6, 8)).astype(np.float32)
    bias = rng.normal(size=6).astype(np.float32)
    before = model.get_layer(0), model.get_layer(2)
    model.set_layer(1, weights, bias)
    layer = model.get_layer(1)
    assert np.array_equal(layer.weights, weights) and np.array_equal(layer.bias, bias)
    model.set_layer(1, bias=bias + 1)
    layer = model.get_layer(1)
    assert np.array_equal(layer.weights, weights) and np.array_equal(layer.bias, bias + 1)
    for old, new in zip(before, (model.get_layer(0), model.get_layer(2))):
        assert np.array_equal(old.weights, new.weights)


def test_a_model_without_biases_has_none():
    model = teleport.Model([4, 3], bias=False)
    assert model.get_layer(0).bias is None
    with pytest.raises(teleport.TeleportError):
        model.set_layer(0, bias=np.zeros(3))


def test_parameters_are_the_layers_in_order(model):
    layers = reference.layers_of(model)
    assert np.array_equal(model.get_parameters(), reference.flat(layers).astype(np.float32))
    model.set_parameters(np.arange(model.parameter_count))
    assert model.get_layer(0).weights[0, 1] == 1 and model.get_layer(0).bias[0] == 40
    assert model.get_layer(2).bias[-1] == model.parameter_count - 1


def test_wrong_parameters_are_refused_and_change_nothing(model):
    before = model.get_parameters()
    with pytest.raises(teleport.TeleportError):
        model.set_parameters(before[:-1])
    broken = before.copy()
    broken[7] = np.nan
    with pytest.raises(teleport.NotFiniteError):
        model.set_parameters(broken)
    with pytest.raises(teleport.ShapeMismatchError, match=r"\(8, 6\).*\(6, 8\)"):
        model.set_layer(1, np.zeros((8, 6)))
    with pytest.raises(teleport.ShapeMismatchError, match="bias"):
        model.set_layer(1, bias=np.zeros(8))
    for layer in (-1, 3, 2**40):
        with pytest.raises(teleport.InvalidArgumentError):
            model.get_layer(layer)
    assert np.array_equal(model.get_parameters(), before)


def test_predict_equals_the_reference(model, rng):
    x = rng.normal(size=(40, 5)).astype(np.float32)
    expected = reference.outputs(reference.layers_of(model), x)
    # float32 against float64 through three layers.
    assert reference.relative(model.predict(x), expected) < 1e-5
    probabilities = model.predict(x, "probabilities")
    assert reference.relative(probabilities, reference.softmax(expected)) < 1e-5
    assert np.array_equal(model.predict_labels(x), expected.argmax(axis=1))


def test_predict_of_no_samples_is_empty(model):
    assert model.predict(np.zeros((0, 5))).shape == (0, 3)
    assert model.predict_labels(np.zeros((0, 5), np.float32)).shape == (0,)


def test_images_are_joined_to_rows(rng):
    model = teleport.Model([2 * 3 * 4, 2])
    images = rng.normal(size=(6, 2, 3, 4)).astype(np.float32)
    assert np.array_equal(model.predict(images), model.predict(images.reshape(6, -1)))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.float64),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1].copy()[::-1],
        lambda x: x.astype(">f4"),
        lambda x: x.tolist(),
        lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:]
        .view(np.float32)
        .reshape(x.shape),
    ],
    ids=["float64", "fortran", "strided", "negative-stride", "big-endian", "list", "unaligned"],
)
def test_any_layout_gives_the_same_outputs(model, rng, change):
    x = rng.normal(size=(9, 5)).astype(np.float32)
    assert np.array_equal(model.predict(change(x)), model.predict(x))


def test_arrays_that_fit_are_not_copied(rng):
    x = rng.normal(size=(9, 5)).astype(np.float32)
    labels = np.zeros(9, np.int32)
    assert _arrays.matrix(x, "x") is x
    assert _arrays.labels_of(labels, 9) is labels
    images = x.reshape(3, 3, 5)
    assert _arrays.address(_arrays.matrix(images, "x")) == x.ctypes.data
    fixed = x.copy()
    fixed.flags.writeable = False
    assert _arrays.matrix(fixed, "x") is fixed
    assert _arrays.address(fixed) == fixed.ctypes.data
    tail = x[4:]
    assert _arrays.address(_arrays.matrix(tail, "x")) == tail.ctypes.data


def test_read_only_arrays_serve_as_input(model, rng):
    x = rng.normal(size=(9, 5)).astype(np.float32)
    fixed = x.copy()
    fixed.flags.writeable = False
    assert np.array_equal(model.predict(fixed), model.predict(x))


def test_results_go_into_out(model, rng):
    x = rng.normal(size=(9, 5)).astype(np.float32)
    outputs = np.empty((9, 3), np.float32)
    assert model.predict(x, out=outputs) is outputs
    assert np.array_equal(outputs, model.predict(x))
    labels = np.empty(9, np.int32)
    assert model.predict_labels(x, out=labels) is labels
    gradient = np.empty(model.parameter_count, np.float32)
    assert model.gradient(x, labels, out=gradient)[0] is gradient
    assert np.array_equal(gradient, model.gradient(x, labels)[0])
    parameters = np.empty(model.parameter_count, np.float32)
    assert model.get_parameters(out=parameters) is parameters


@pytest.mark.parametrize(
    "out",
    [
        np.empty((9, 3), np.float64),
        np.empty((8, 3), np.float32),
        np.empty((3, 9), np.float32).T,
        [[0.0] * 3] * 9,
    ],
    ids=["dtype", "shape", "layout", "list"],
)
def test_an_out_that_does_not_fit_is_refused(model, out):
    with pytest.raises(teleport.InvalidArgumentError, match="out"):
        model.predict(np.zeros((9, 5), np.float32), out=out)


@pytest.mark.parametrize(
    "x, y, message",
    [
        (np.zeros(5), [0], "x has 1 axes"),
        (np.zeros((2, 5)), [0, 1, 1], r"labels have shape \(3,\)"),
        (np.zeros((2, 5)), [0.0, 1.0], "integer"),
        (np.zeros((2, 5)), [0, 2**32], "32 bits"),
        (np.zeros((2, 5), complex), [0, 1], "complex"),
        (np.array([["a"] * 5] * 2), [0, 1], "not a real number"),
        (np.zeros((2, 4)), [0, 1], "4"),
        (np.zeros((2, 5)), [0, 3], "3"),
        (np.zeros((2, 5)), [-1, 0], "-1"),
        (np.zeros((0, 5)), [], "0 samples"),
    ],
)
def test_wrong_batches_are_refused_with_the_value_at_fault(model, x, y, message):
    with pytest.raises(ValueError, match=message) as raised:
        model.loss(x, y)
    assert isinstance(raised.value, teleport.TeleportError)


def test_wrong_targets_are_refused(model):
    for y in (np.zeros((2, 4)), np.zeros(2), np.zeros((3, 3)), np.zeros((2, 3, 1))):
        with pytest.raises(teleport.ShapeMismatchError):
            model.loss(np.zeros((2, 5)), y, loss="mean_squared_error")


@pytest.mark.parametrize("weights", [[1, -1], [0, 0], [np.nan, 1], [1, 1, 1]])
def test_wrong_sample_weights_are_refused(model, weights):
    with pytest.raises(teleport.TeleportError):
        model.loss(np.zeros((2, 5)), [0, 1], weights=weights)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'swish'.*'leaky_relu'"):
        teleport.Model([2, 2], activation="swish")
    with pytest.raises(ValueError, match="'hinge'.*'cross_entropy'"):
        teleport.Trainer(teleport.Model([2, 2]), loss="hinge")


@pytest.mark.parametrize("widths", [[], [4], [4, 0], [4, -1, 2], [4, 2**31], [2] * 1025])
def test_wrong_widths_are_refused(widths):
    with pytest.raises(teleport.InvalidArgumentError):
        teleport.Model(widths)


def test_numbers_that_do_not_fit_are_refused_not_cut_off():
    with pytest.raises(teleport.InvalidArgumentError, match="seed"):
        teleport.Model([2, 2], seed=-1)
    with pytest.raises(teleport.InvalidArgumentError, match="seed"):
        teleport.Model([2, 2], seed=2**64)
    with pytest.raises(TypeError):
        teleport.Model([2.5, 2])


def test_metadata_keeps_strings(model):
    model.metadata["author"] = "Ada – 愛"
    model.metadata["empty"] = ""
    copied = model.clone()
    del model.metadata["author"]
    assert copied.metadata["author"] == "Ada – 愛" and copied.metadata["empty"] == ""
    assert "author" not in model.metadata and model.metadata.get("author") is None
    assert model.metadata.get("author", "nobody") == "nobody"
    for missing in (lambda: model.metadata["author"], lambda: model.metadata.__delitem__("author")):
        with pytest.raises(KeyError, match="author"):
            missing()
    with pytest.raises(teleport.InvalidArgumentError, match="zero byte"):
        model.metadata["a\0b"] = "c"


def test_metadata_is_a_mapping(model):
    assert list(model.metadata) == [] and not model.metadata
    longest = "é" * 127 + "z"
    strings = {"b": "1", "B": "2", longest: "3", "a\tc": ""}
    model.metadata.update(strings)
    assert len(model.metadata) == 4 and dict(model.metadata) == strings
    assert list(model.metadata) == ["B", "a\tc", "b", longest] == sorted(strings)
    for key in model.metadata:  # a list made before the first key goes
        del model.metadata[key]
    assert model.metadata == {}


@pytest.mark.parametrize("duplicate", [teleport.Model.clone, copy.copy, copy.deepcopy])
def test_a_copy_is_independent(model, duplicate):
    copied = duplicate(model)
    before = model.get_parameters()
    assert np.array_equal(copied.get_parameters(), before)
    copied.set_parameters(before + 1)
    assert np.array_equal(model.get_parameters(), before)


def test_a_closed_object_says_so(model):
    with model as entered:
        assert entered is model and not model.closed
    assert model.closed and "closed" in repr(model)
    model.close()
    for use in (model.get_parameters, model.clone, lambda: model.predict(np.zeros((1, 5)))):
        with pytest.raises(teleport.BadStateError, match="Model is closed"):
            use()


def test_objects_cannot_be_pickled(model):
    for thing in (model, teleport.Trainer(model)):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)


def test_an_object_that_was_refused_is_collected_quietly(recwarn):
    with pytest.raises(teleport.InvalidArgumentError):
        teleport.Model([4])
    gc.collect()
    assert not recwarn.list


def test_many_threads_predict_on_one_model(rng):
    model = teleport.Model([32, 64, 64, 10], seed=8)
    inputs = [rng.normal(size=(200, 32)).astype(np.float32) for _ in range(8)]
    expected = [model.predict(x) for x in inputs]
    wrong = []
    start = threading.Barrier(8)

    def work(index):
        start.wait()
        for _ in range(60):
            if not np.array_equal(model.predict(inputs[index]), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_error_messages_are_those_of_their_thread(model):
    start = threading.Barrier(4)
    wrong = []

    def work(width):
        start.wait()
        for _ in range(200):
            try:
                model.predict(np.zeros((1, width), np.float32))
            except teleport.ShapeMismatchError as error:
                if str(width) not in str(error):
                    wrong.append(str(error))

    threads = [threading.Thread(target=work, args=(width,)) for width in (11, 22, 44, 77)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_thread_count_is_set_and_checked():
    before = teleport.thread_count()
    try:
        teleport.set_thread_count(3)
        assert teleport.thread_count() == 3
        with pytest.raises(teleport.InvalidArgumentError):
            teleport.set_thread_count(-1)
        with pytest.raises(teleport.InvalidArgumentError):
            teleport.set_thread_count(257)
        assert teleport.thread_count() == 3
    finally:
        teleport.set_thread_count(before)


def test_version_is_that_of_the_package():
    assert teleport.library_version() == teleport.__version__
    assert teleport.library_version() in teleport.build_info()

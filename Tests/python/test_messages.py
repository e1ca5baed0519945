"""What newcomers write instead of what is meant: each gets a sentence that says what to write."""

import os
import typing
import zipfile

import numpy as np
import pytest

import teleport
from conftest import png_bytes
from teleport import Dataset, Model, Schedule, TeleportConfig, Trainer, enums

X, LABELS = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1], np.int32)


@pytest.fixture
def trainer():
    return Trainer(Model([2, 3, 2]))


def message(call, error=teleport.InvalidArgumentError):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_label_without_a_class_names_the_sample(trainer):
    labels = np.array([0, 2, 0, 1])
    expected = "the label of sample 1 is 2; the model has classes 0 to 1"
    assert message(lambda: trainer.step(X, labels)) == expected
    assert message(lambda: trainer.model.loss(X, labels)) == expected
    expected = "the label of sample 1 is 2, but there are 2 classes, 0 to 1"
    assert message(lambda: Dataset.from_labels(X, labels, class_count=2)) == expected
    expected = "the label of sample 3 is -1; labels count from 0"
    assert message(lambda: Dataset.from_labels(X, [0, 1, 0, -1])) == expected


def test_a_run_on_arrays(trainer):
    expected = "must be a Dataset: write Dataset.from_arrays(x, y)"
    assert message(lambda: trainer.run(X, LABELS)) == f"train is a ndarray, but {expected}"
    data = Dataset.from_arrays(X, LABELS)
    assert message(lambda: trainer.run(data, (X, LABELS))) == f"valid is a tuple, but {expected}"
    assert message(lambda: trainer.model.evaluate(X)) == f"dataset is a ndarray, but {expected}"
    assert expected in message(lambda: trainer.model.confusion_matrix(X))


@pytest.mark.parametrize("value", [True, "linear"])
def test_a_teleport_that_is_no_config(trainer, value):
    data = Dataset.from_arrays(X, LABELS)
    expected = "must be a TeleportConfig: write TeleportConfig()"
    for call in (
        lambda: trainer.run(data, teleport=value),
        lambda: trainer.teleport(X, LABELS, value),
        lambda: trainer.model.teleport(X, LABELS, value),
        lambda: trainer.model.check_teleport(value),
    ):
        said = message(call)
        assert repr(value) in said and expected in said
    assert trainer.step_count == 0


def test_a_schedule_that_is_a_name(trainer):
    said = message(lambda: trainer.set_schedule("cosine"))
    assert said == "schedule is 'cosine', but must be a Schedule: write Schedule('cosine')"


def test_a_model_that_is_a_list_of_widths():
    said = message(lambda: Trainer([4, 8, 3]))
    assert said == "model is a list, but must be a Model: write Model([4, 8, 3])"


def test_a_size_of_one_number():
    said = message(lambda: Dataset.from_image_folder(".", size=16))
    assert said == "size is 16, but must be (height, width): write size=(16, 16)"
    for size in ((1, 2, 3), "16x16"):
        assert "must be (height, width)" in message(lambda: Dataset.from_image_folder(".", size=size))


def test_a_size_that_differs_names_height_and_width(tmp_path):
    path = tmp_path / "a" / "2.png"
    path.parent.mkdir()
    (tmp_path / "a" / "1.png").write_bytes(png_bytes(np.zeros((3, 5), np.uint8)))
    path.write_bytes(png_bytes(np.zeros((9, 13), np.uint8)))
    with pytest.raises(teleport.FormatError) as caught:
        Dataset.from_image_folder(tmp_path)
    assert str(caught.value) == (
        f"image '{path}': its height is 9 and its width 13, but the first image has height 3 and width 5; "
        "set height and width to bring all to one size"
    )


def test_widths_that_are_no_sequence():
    assert message(lambda: Model(4, 8, 3)) == "the widths are one sequence: write Model([4, 8, 3])"
    assert message(lambda: Model(4)) == "the widths are one sequence: write Model([4, ...])"
    said = message(lambda: Model([4, 8, 3], "tanh"))
    assert said == "Model takes its widths alone by position: write activation='tanh'"


def test_arrays_of_numbers_are_sequences(tmp_path):
    assert Model(np.array([4, 8, 3])).widths == (4, 8, 3)
    (tmp_path / "0.png").write_bytes(png_bytes(np.zeros((3, 5), np.uint8)))
    read = Dataset.from_image_folder(tmp_path, flat=True, size=np.array([6, 7]))
    assert read.sample_shape == (1, 6, 7)


@pytest.mark.parametrize("first", [b"PK\x03\x04\0\0\x08\x08", b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"])
def test_a_file_of_torch_save(tmp_path, first):
    path = tmp_path / "model.pt"
    path.write_bytes(first + bytes(100))
    for data in (lambda: Model.load(path), lambda: Model.from_bytes(path.read_bytes())):
        said = message(data, teleport.FormatError)
        assert "PyTorch's torch.save" in said
        assert said.endswith(
            "write it with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        )


def test_a_zip_that_python_wrote(tmp_path):
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
    assert "safetensors.torch.save_file" in message(lambda: Model.load(path), teleport.FormatError)


@pytest.mark.parametrize("labels", [["cat", "dog", "cat", "cat"], np.array(["cat"] * 4, object)])
def test_labels_that_are_strings(trainer, labels):
    expected = (
        "labels are text such as 'cat', but must be integers from 0: "
        "write names, labels = numpy.unique(labels, return_inverse=True)"
    )
    assert message(lambda: Dataset.from_arrays(X, labels)) == expected
    assert message(lambda: Dataset.from_labels(X, labels)) == expected
    assert message(lambda: trainer.step(X, labels)) == expected


def test_labels_that_are_floats(trainer):
    said = message(lambda: trainer.step(X, np.zeros(4)))
    assert said == (
        "labels has dtype float64, but needs an integer type: write labels.astype(numpy.int32)"
    )


@pytest.mark.parametrize(
    "make, written",
    [
        (lambda: Model([2, 3, 2], activation="leakyrelu"), "leaky_relu"),
        (lambda: Model([2, 3, 2], activation="LeakyReLU"), "leaky_relu"),
        (lambda: Model([2, 3, 2], initialization="glorot-uniform"), "glorot_uniform"),
        (lambda: Trainer(Model([2, 3, 2]), optimizer="Adam"), "adam"),
        (lambda: Trainer(Model([2, 3, 2]), loss="crossentropy"), "cross_entropy"),
        (lambda: TeleportConfig(search="look-ahead"), "lookahead"),
        (lambda: TeleportConfig(objective="gradient_norm"), "gradient_norm_maximize"),
        (lambda: Trainer(Model([2, 2])).set_schedule(Schedule("cosin")), "cosine"),
        (lambda: Model([2, 2]).predict(X, "probability"), "probabilities"),
        (lambda: Dataset.from_image_folder(".", resampling="bilinaer"), "bilinear"),
    ],
)
def test_a_misspelt_name(make, written):
    assert f": write {written!r}; it is one of '" in message(make)


def test_a_name_that_is_close_to_none():
    said = message(lambda: Model([2, 2], activation="swish"))
    assert said.startswith("'swish' is not an Activation: it is one of 'identity', 'leaky_relu', ")
    assert "1 is not an Activation: " in message(lambda: Model([2, 2], activation=1))
    assert " is not a Loss: " in message(lambda: Model([2, 2]).loss(X, LABELS, loss=X))


NAMES = {
    enums.Activation: enums.ActivationName,
    enums.Initialization: enums.InitializationName,
    enums.Output: enums.OutputName,
    enums.Loss: enums.LossName,
    enums.BadImage: enums.BadImageName,
    enums.Resampling: enums.ResamplingName,
    enums.Group: enums.GroupName,
    enums.Search: enums.SearchName,
    enums.Sampler: enums.SamplerName,
    enums.Objective: enums.ObjectiveName,
    enums.StatePolicy: enums.StatePolicyName,
    enums.OptimizerKind: enums.OptimizerName,
    enums.ScheduleKind: enums.ScheduleName,
}


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: kind.__name__)
def test_the_names_of_an_enum_are_a_literal_type(kind):
    alias = NAMES[kind]
    assert typing.get_origin(alias) is typing.Literal
    assert typing.get_args(alias) == tuple(member.value for member in kind)


def test_no_signature_takes_any_string_for_an_enum():
    for function in (
        Model.__init__, Model.load, Model.from_bytes, Model.predict, Model.loss, Model.gradient,
        Model.evaluate, Model.teleport, Trainer.__init__,
    ):  # fmt: skip
        hints = typing.get_type_hints(function, localns={"os": os})
        for name in {"activation", "initialization", "kind", "loss", "optimizer"} & set(hints):
            assert str not in typing.get_args(hints[name]), (function, name)
    for made in (TeleportConfig, Schedule):
        for name, hint in typing.get_type_hints(made).items():
            assert str not in typing.get_args(hint), (made, name)


@pytest.mark.parametrize(
    "change, named",
    [
        ({"radius": -1.0}, "radius"),
        ({"radius": "big"}, "radius"),
        ({"steps": -1}, "steps"),
        ({"candidates": -1}, "candidates"),
        ({"layer": -3}, "layer"),
        ({"rollout_steps": 2}, "rollout_steps"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"search": "everywhere"}, "Search"),
        ({"group": "klein"}, "Group"),
        ({"state": "gone"}, "StatePolicy"),
        ({"sampler": "dice"}, "Sampler"),
        ({"perturbation_norms": [0.1, -1.0]}, "perturbation_norms[1]"),
        ({"null_tolerance": 1.0}, "null_tolerance"),
        ({"seed": -1}, "seed"),
        ({"held_out": (X,)}, "held_out"),
        ({"held_out": X}, "held_out"),
    ],
    ids=str,
)
def test_a_config_is_checked_when_it_is_made(change, named):
    assert named in message(lambda: TeleportConfig(**change))


def test_a_config_of_numbers_that_are_none_is_not_made():
    sentence = message(lambda: TeleportConfig(radius=float("nan")), teleport.NotFiniteError)
    assert sentence.startswith("radius is nan")


def test_a_config_that_some_model_takes_can_be_made():
    # Whether it fits a model, the model says.
    for config in (
        TeleportConfig(layer=7),
        TeleportConfig(group="linear", exact=True),
        TeleportConfig(held_out=(X, LABELS, np.ones(4))),
        TeleportConfig(held_out=[X, LABELS]),
    ):
        assert config == config
    with pytest.raises(teleport.UnsupportedError):
        Model([2, 3, 2]).check_teleport(TeleportConfig(group="linear", exact=True))

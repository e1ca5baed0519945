"""What a checkpoint holds beside its model: averages that a step can be trusted with, and a watched teleport by names."""

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import teleport

BY_POSITION = Path(__file__).resolve().parent.parent / "data" / "checkpoints" / "watched_by_position.safetensors"
BY_NAME = BY_POSITION.with_name("watched_by_name.safetensors")
WATCHED = "teleport.trainer.watched."


def data():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    return teleport.Dataset.from_arrays(x, (x[:, 0] > 0).astype(np.int32))


def rewrite(path, texts=lambda texts: texts, tensors=lambda tensors: tensors):
    """A checkpoint with its texts and its tensors changed."""
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    safetensors.numpy.save_file(tensors(safetensors.numpy.load_file(path)), path, texts(metadata))


@pytest.fixture
def watched(tmp_path):
    """A checkpoint while a teleport is watched, and its report."""
    trainer = teleport.Trainer(teleport.Model([3, 4, 2], seed=1), optimizer="adam")
    config = teleport.TeleportConfig(search="random", radius=0.5)
    run = trainer.run(data(), epochs=2, batch_size=16, teleport=config, watch_steps=1000)
    trainer.save(tmp_path / "watched")
    (report,) = run.teleports
    assert report.accepted
    return tmp_path / "watched", report


def undone(path):
    """The report that a run tells when it takes back the checkpoint's teleport."""
    trainer = teleport.Trainer.load(path)
    trainer.learning_rate = 1e30
    reports = []
    with pytest.raises(teleport.NotFiniteError):
        trainer.run(
            data(), epochs=1, batch_size=16, teleport_epochs=[],
            on_event=lambda event: reports.append(event.teleport) if event.teleport else None,
        )  # fmt: skip
    (report,) = reports
    return report


def assert_same(report, expected, but=()):
    got, wanted = (dataclasses.asdict(r) for r in (report, expected))
    assert report.outcome == "undone"
    for name in wanted.keys() - {"accepted", "outcome", *but}:
        np.testing.assert_equal(got[name], wanted[name], name)


OPTIMIZERS = {"adam": 2, "adamw": 2, "rmsprop": 1, "adagrad": 1, "momentum": 1, "nesterov": 1}


@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf, np.float32(-1e-38), -1.0])
@pytest.mark.parametrize("undo", ["", "undo."])
def test_second_moments_that_no_step_can_use_are_refused(watched, value, undo):
    path, _ = watched
    name = f"trainer.{undo}second_moments"

    def spoil(tensors):
        tensors[name] = tensors[name].copy()
        tensors[name][5] = value
        return tensors

    rewrite(path, tensors=spoil)
    error = teleport.FormatError if np.isfinite(value) else teleport.NotFiniteError
    with pytest.raises(error, match=f"element 5 of tensor '{name}'"):
        teleport.Trainer.load(path)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_average_of_any_optimizer_may_be_other_than_finite(optimizer, tmp_path):
    trainer = teleport.Trainer(teleport.Model([3, 4, 2]), optimizer=optimizer)
    trainer.run(data(), epochs=1)
    trainer.save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    names = [n for n in safetensors.numpy.load(whole) if n.startswith("trainer.")]
    assert len(names) == OPTIMIZERS[optimizer]
    for name in names:
        for value in (np.nan, np.inf):
            path = tmp_path / "spoiled"
            path.write_bytes(whole)

            def spoil(tensors):
                tensors[name] = tensors[name].copy()
                tensors[name][-1] = value
                return tensors

            rewrite(path, tensors=spoil)
            with pytest.raises(teleport.NotFiniteError, match=name):
                teleport.Trainer.load(path)


def test_zero_with_a_sign_is_a_second_moment(watched):
    path, report = watched

    def sign(tensors):
        return {**tensors, "trainer.second_moments": np.full(26, -0.0, np.float32)}

    rewrite(path, tensors=sign)
    assert_same(undone(path), report)


def test_what_would_not_load_does_not_take_a_good_files_place(tmp_path):
    """A gradient of 1e20 has a square that is no float: the weights stay finite, the averages do not."""
    model = teleport.Model([1, 1], bias=False)
    trainer = teleport.Trainer(model, loss="half_squared_error", optimizer="adam")
    trainer.save(tmp_path / "c")
    before = (tmp_path / "c").read_bytes()
    x = np.ones((1, 1), np.float32)
    try:
        trainer.step(x, np.full((1, 1), 1e22, np.float32))
    except teleport.NotFiniteError:
        return  # the step itself is refused, and nothing has changed
    with pytest.raises(teleport.NotFiniteError, match="average"):
        trainer.save(tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == before


def test_a_watched_report_is_stored_by_names(watched):
    path, report = watched
    with safetensors.safe_open(path, "numpy") as file:
        texts = {k.removeprefix(WATCHED): v for k, v in file.metadata().items() if k.startswith(WATCHED)}
        assert "trainer.watched_teleport" not in file.keys()
    names = {field.name for field in dataclasses.fields(report)} - {"accepted"}
    assert texts.keys() == names
    assert float(texts["radius"]) == report.radius and int(texts["candidates"]) == report.candidates
    assert texts["held_out_before"] == "nan"
    assert_same(undone(path), report)


def test_one_field_more_and_one_fewer_are_read(watched):
    path, report = watched
    rewrite(path, lambda texts: {**texts, WATCHED + "field_to_come": "maybe"})
    assert_same(undone(path), report)
    rewrite(path, lambda texts: {k: v for k, v in texts.items() if k != WATCHED + "radius"})
    fewer = undone(path)
    assert fewer.radius == 0
    assert_same(fewer, report, {"radius"})
    rewrite(path, lambda texts: {k: v for k, v in texts.items() if k != WATCHED + "loss_before"})
    assert np.isnan(undone(path).loss_before)


@pytest.mark.parametrize(
    "name, value", [("radius", "wide"), ("candidates", "1.5"), ("outcome", "99"), ("group", "-1"), ("layer", "9e9")]
)
def test_a_watched_value_that_is_none_is_refused(watched, name, value):
    path, _ = watched
    rewrite(path, lambda texts: {**texts, WATCHED + name: value})
    with pytest.raises(teleport.FormatError, match=name if name not in ("outcome", "group") else "unknown kind"):
        teleport.Trainer.load(path)


def test_a_report_by_position_is_still_read():
    """A file that libteleport wrote when the report was 26 numbers in a row."""
    numbers = safetensors.numpy.load_file(BY_POSITION)["trainer.watched_teleport"]
    report = undone(BY_POSITION)
    assert (report.search, report.layer, report.candidates) == ("random", 0, 1001)
    assert report.radius == numbers[10] == 0.49508790994586416
    assert report.loss_before == numbers[11] == 0.6652314741976585
    assert report.gradient_norm2_after == numbers[18] == 0.055293763529037414
    assert report.output_change == numbers[19] and report.condition == numbers[20]


def test_both_kinds_of_files_say_the_same():
    """Kept files of both, so that a later library reads them too."""
    assert_same(undone(BY_NAME), undone(BY_POSITION))


def test_a_report_by_position_is_written_again_by_names(tmp_path):
    teleport.Trainer.load(BY_POSITION).save(tmp_path / "again")
    assert_same(undone(tmp_path / "again"), undone(BY_POSITION))
    whole = (tmp_path / "again").read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    assert WATCHED + "radius" in json.loads(whole[8 : 8 + length])["__metadata__"]

"""Frames from Python: the golden steps, runs, averages of weights, and what is refused."""

import numpy as np
import pytest

import teleport
from golden import load

FIXED = teleport.FrameConfig(every=-1, warmup_steps=0)
FRAME = teleport.TeleportConfig(group="frame")
CASES = [
    (case, run) for case in load("frames.json")["cases"] for run in case["steps_of_20_alternating"]
]


def model_of(case):
    model = teleport.Model(case["widths"], activation=case["activation"])
    flat = []
    for matrix in case["weights"]:
        matrix = np.array(matrix, np.float32)
        flat += [matrix[:, :-1].ravel(), matrix[:, -1]]
    model.set_parameters(np.concatenate(flat))
    return model


def data_of(case):
    kind = np.int32 if case["loss"] == "cross_entropy" else np.float32
    return np.array(case["x"], np.float32), np.array(case["y"], kind)


def bars_of(model):
    flat, bars, place = model.get_parameters(), [], 0
    widths = model.widths
    for inputs, outputs in zip(widths, widths[1:]):
        weights = flat[place : place + inputs * outputs].reshape(outputs, inputs)
        place += inputs * outputs
        bars.append(np.column_stack([weights, flat[place : place + outputs]]))
        place += outputs
    return bars


def error(found, golden):
    found = np.concatenate([np.ravel(matrix) for matrix in found])
    golden = np.concatenate([np.ravel(matrix) for matrix in golden])
    return np.linalg.norm(found - golden) / np.linalg.norm(golden)


@pytest.mark.parametrize("case, run", CASES, ids=[f"{c['name']}-{r['method']}" for c, r in CASES])
def test_golden_steps_in_frames_that_are_renewed_by_teleports(case, run):
    model, (x, y) = model_of(case), data_of(case)
    trainer = teleport.Trainer(
        model, loss=case["loss"], optimizer=run["method"], learning_rate=run["rate"]
    )
    trainer.set_frames(FIXED)
    for step, loss in enumerate(run["losses"]):
        if step % run["every"] == 0:
            report = trainer.teleport(x, y, FRAME)
            assert report.accepted and report.output_change == 0
            assert report.loss_before == report.loss_after
        half = slice(0, 20) if step % 2 == 0 else slice(20, 40)
        assert trainer.step(x[half], y[half]) == pytest.approx(loss, rel=1e-5)
    assert error(bars_of(model), run["weights"]) < 1e-5
    if run["method"] == "dog":
        assert error(bars_of(trainer.averaged_model()), run["average"]) < 1e-5


@pytest.mark.parametrize("case", load("frames.json")["cases"], ids=lambda case: case["name"])
def test_the_report_has_the_gradient_in_both_coordinates(case):
    model, (x, y) = model_of(case), data_of(case)
    report = teleport.Trainer(model, loss=case["loss"]).teleport(x, y, FRAME)
    assert report.gradient_norm2_before == pytest.approx(case["gradient_norm2"], rel=1e-5)
    assert report.gradient_norm2_after == pytest.approx(case["gradient_norm2_in_frame"], rel=1e-5)
    assert report.refused == 0 and report.condition > 1


@pytest.fixture(scope="module")
def learnable():
    generator = np.random.default_rng(1)
    x = generator.normal(1, 1, (400, 8)).astype(np.float32)
    return teleport.Dataset.from_labels(x, x[:, :3].argmax(1))


@pytest.mark.parametrize("average", ["polynomial", "schedule_free"])
@pytest.mark.parametrize("kind", ["whiten", "rotate", "centre"])
def test_a_run_in_frames_learns_and_tells_of_refreshes(learnable, kind, average):
    model = teleport.Model([8, 16, 3])
    trainer = teleport.Trainer(model, optimizer="adamw", learning_rate=0.02, average=average)
    frames = teleport.FrameConfig(kind=kind, every=20, early_every=5, early_steps=10)
    result = trainer.run(learnable, epochs=10, frames=frames)
    assert len(result.teleports) == 2 + 130 // 20
    assert {report.group for report in result.teleports} == {teleport.Group.FRAME}
    assert trainer.averaged_model().evaluate(learnable).accuracy > 0.9


def test_dog_needs_no_rate(learnable):
    model = teleport.Model([8, 16, 3])
    teleport.Trainer(model, optimizer="dog", learning_rate=1e9).run(
        learnable, epochs=60, frames=teleport.FrameConfig()
    )
    assert model.evaluate(learnable).accuracy > 0.9


def test_a_checkpoint_goes_on_in_its_frames(learnable, tmp_path):
    x, y = learnable.get(), learnable.labels()
    trainer = teleport.Trainer(teleport.Model([8, 16, 3]), optimizer="adam")
    trainer.set_frames(teleport.FrameConfig(early_every=3))
    for step in range(8):
        trainer.step(x[step * 8 : step * 8 + 8], y[step * 8 : step * 8 + 8])
    trainer.save(tmp_path / "trainer")
    other = teleport.Trainer.load(tmp_path / "trainer")
    for one in (trainer, other):
        for step in range(8):
            one.step(x[step * 8 : step * 8 + 8], y[step * 8 : step * 8 + 8])
    assert np.array_equal(trainer.model.get_parameters(), other.model.get_parameters())


def test_what_does_not_go_together_is_refused(learnable):
    x, y = learnable.get(), learnable.labels()
    model = teleport.Model([8, 16, 3])
    trainer = teleport.Trainer(model)
    with pytest.raises(teleport.UnsupportedError, match="a frame belongs to a trainer"):
        model.teleport(x, y, FRAME)
    with pytest.raises(teleport.UnsupportedError, match="averages no weights"):
        trainer.averaged_model()
    with pytest.raises(teleport.UnsupportedError, match="second moments"):
        trainer.set_frames(teleport.FrameConfig(kind="rotate"))
    trainer.set_frames()
    with pytest.raises(teleport.UnsupportedError, match="tp_trainer_set_frames"):
        trainer.teleport(x, y)
    trainer.set_frames(None)
    with pytest.raises(teleport.UnsupportedError, match="SCHEDULE_FREE"):
        teleport.Trainer(model, optimizer="momentum", average="schedule_free")
    with pytest.raises(teleport.InvalidArgumentError, match="damping"):
        trainer.set_frames(teleport.FrameConfig(damping=0))

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


def spectrum_of(h):
    """Rank and condition of C, the mean of h_bar h_bar^T, as the report counts them."""
    bar = np.column_stack([h, np.ones(len(h))])
    values = np.linalg.eigvalsh(bar.T @ bar / len(bar))
    values = values[values > 1e-12 * values[-1]]
    return len(values), values[-1] / values[0]


@pytest.mark.parametrize("method", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("case", load("frames.json")["cases"], ids=lambda case: case["name"])
def test_the_report_has_rank_and_condition_of_every_layer_before_and_after(case, method):
    model, (x, y) = model_of(case), data_of(case)
    trainer = teleport.Trainer(model, loss=case["loss"], optimizer=method)
    report = trainer.teleport(x, y, FRAME)
    before, after, ranks = [], [], []
    for layer, frame in enumerate(case["frames"]):
        if layer == 0:
            rank, condition = spectrum_of(x)
            framed = spectrum_of(x - x.astype(np.float64).mean(0))[1]
        else:
            c, a = np.array(frame["C"]), np.array(frame["A"])
            rank, condition = len(c), np.linalg.cond(c)
            framed = np.linalg.cond(a.T @ c @ a)
        found = trainer.frame_report(layer)
        assert found.framed and found.renewed and found.reason is None
        assert (found.size, found.rank) == (case["widths"][layer] + 1, rank)
        assert found.condition_before == pytest.approx(condition, rel=1e-3)
        assert found.condition_after == pytest.approx(framed, rel=1e-3)
        before.append(found.condition_before)
        after.append(found.condition_after)
        ranks.append(rank)
    assert report.rank == min(ranks)
    assert report.condition_before == pytest.approx(np.exp(np.mean(np.log(before))))
    assert report.condition_after == pytest.approx(np.exp(np.mean(np.log(after))))
    assert report.condition_after < report.condition_before
    again = trainer.teleport(x, y, FRAME)
    assert again.condition_before == pytest.approx(report.condition_after, rel=1e-3)


def test_a_layer_without_a_frame_says_why(learnable):
    x, y = learnable.get(), learnable.labels()
    trainer = teleport.Trainer(teleport.Model([8, 300, 4, 3]), optimizer="adam")
    with pytest.raises(teleport.BadStateError, match="steps in no frames"):
        trainer.frame_report(0)
    trainer.set_frames(teleport.FrameConfig(kind="rotate", every=-1))
    report = trainer.teleport(x, y, FRAME)
    assert report.refused == 1
    assert [trainer.frame_report(layer).framed for layer in range(3)] == [True, False, True]
    wide = trainer.frame_report(1)
    assert "more than 256" in wide.reason and wide.size == 301
    assert np.isnan(wide.condition_before) and wide.rank == 0
    with pytest.raises(teleport.InvalidArgumentError, match="layer is 3"):
        trainer.frame_report(3)
    trainer.set_frames(teleport.FrameConfig(kind="centre"))
    assert "CENTRE" in trainer.frame_report(2).reason
    biasless = teleport.Trainer(teleport.Model([8, 4, 3], bias=False))
    biasless.teleport(x, y, FRAME)
    assert "bias" in biasless.frame_report(0).reason


def test_a_layer_that_keeps_its_frame_says_why(learnable):
    x, y = learnable.get().copy(), learnable.labels()
    trainer = teleport.Trainer(teleport.Model([8, 4, 3]))
    trainer.set_frames(teleport.FrameConfig(every=1, early_every=1))
    trainer.step(x, y)
    assert trainer.frame_report(1).renewed
    x[0] = np.inf
    with pytest.raises(teleport.NotFiniteError):
        trainer.step(x, y)
    kept = trainer.frame_report(1)
    assert kept.framed and not kept.renewed and "not finite" in kept.reason


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

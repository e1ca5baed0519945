"""Learning-rate schedules: the header's formulas, and a host's own in Python."""

import math

import numpy as np
import pytest

import teleport
from teleport import Schedule

STEPS = 40


def trainer(**options):
    return teleport.Trainer(teleport.Model([1, 1], bias=False), learning_rate=0.2, **options)


def rates(schedule, count=STEPS):
    """The rate of each step, as the trainer tells it and as its steps show it."""
    trained = trainer()
    trained.set_schedule(schedule)
    told, seen = [], []
    for _ in range(count):
        told.append(trained.learning_rate)
        before = trained.model.get_parameters()[0]
        trained.apply_gradient([1.0])
        seen.append(float(before) - float(trained.model.get_parameters()[0]))
    # The weight is a float32 of size 10 at most, so its differences are known to 1e-6.
    assert np.allclose(seen, told, rtol=0, atol=2e-6)
    return np.array(told)


def warm(t, steps):
    return min(1.0, (t + 1) / steps) if steps else 1.0


@pytest.mark.parametrize("warmup", [0, 1, 6])
def test_rates_are_the_formulas_of_the_header(warmup):
    after = [max(t - warmup, 0) for t in range(STEPS)]
    ramp = np.array([warm(t, warmup) for t in range(STEPS)]) * 0.2
    given = dict(warmup_steps=warmup, interval=10)
    # Both sides are in double.
    assert np.allclose(rates(Schedule(warmup_steps=warmup)), ramp, rtol=1e-14)
    step = rates(Schedule("step", factor=0.5, **given))
    assert np.allclose(step, ramp * [0.5 ** (t // 10) for t in after], rtol=1e-14)
    cosine = rates(Schedule("cosine", floor=0.25, **given))
    shape = [0.25 + 0.75 * (1 + math.cos(math.pi * min(t / 10, 1))) / 2 for t in after]
    assert np.allclose(cosine, ramp * shape, rtol=1e-14)
    assert np.all(cosine[warmup + 10 :] == 0.25 * 0.2)
    own = rates(Schedule("callback", warmup_steps=warmup, rate=lambda t, base: base / (1 + t)))
    assert np.allclose(own, ramp / (1 + np.arange(STEPS)), rtol=1e-14)


def test_a_callback_counts_the_steps_of_runs_and_follows_the_base_rate(blob_set):
    seen = []

    def rate(step, base):
        seen.append((step, base))
        return base

    trained = teleport.Trainer(teleport.Model([12, 4]), learning_rate=0.1)
    trained.set_schedule(Schedule("callback", rate=rate))
    trained.run(blob_set, batch_size=100, progress_interval=-1)
    assert {step for step, _ in seen} >= set(range(6)) and {base for _, base in seen} == {0.1}
    trained.learning_rate = 0.3
    seen.clear()
    assert trained.learning_rate == 0.3 and seen == [(6, 0.3)]
    trained.set_schedule()
    seen.clear()
    trained.run(blob_set, batch_size=100)
    assert seen == []


class Broken(Exception):
    pass


def failing_after(step):
    def rate(at, base):
        if at >= step:
            raise Broken(f"step {at}")
        return base

    return Schedule("callback", rate=rate)


def test_an_exception_in_the_callback_fails_the_call_that_asked(blobs):
    x, labels = blobs
    trained = teleport.Trainer(teleport.Model([12, 8, 4]), learning_rate=0.1)
    trained.set_schedule(failing_after(1))
    trained.step(x, labels)
    before = trained.model.get_parameters()
    for call in (
        lambda: trained.step(x, labels),
        lambda: trained.apply_gradient(np.zeros(before.size, np.float32)),
        lambda: trained.teleport(x, labels),
        lambda: trained.learning_rate,
    ):
        with pytest.raises(Broken, match="step 1"):
            call()
        assert trained.step_count == 1
        assert np.array_equal(trained.model.get_parameters(), before)
    trained.set_schedule()
    trained.step(x, labels)


def test_an_exception_in_the_callback_stops_a_run_after_its_last_step(blob_set):
    trained = teleport.Trainer(teleport.Model([12, 8, 4]), learning_rate=0.1)
    trained.set_schedule(failing_after(4))
    with pytest.raises(Broken, match="step 4"):
        trained.run(blob_set, batch_size=100)
    assert trained.step_count == 4
    trained.set_schedule()
    assert trained.run(blob_set, batch_size=100).stopped is False
    assert trained.step_count == 6


@pytest.mark.parametrize(
    "rate, error",
    [
        (-1.0, teleport.InvalidArgumentError),
        (math.nan, teleport.NotFiniteError),
        (math.inf, teleport.NotFiniteError),
    ],
)
def test_a_rate_that_is_none_fails_the_step(blobs, rate, error):
    trained = teleport.Trainer(teleport.Model([12, 8, 4]))
    trained.set_schedule(Schedule("callback", rate=lambda step, base: rate))
    with pytest.raises(error, match="learning_rate"):
        trained.step(*blobs)
    assert trained.step_count == 0


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("sawtooth"),
        Schedule("callback"),
        Schedule("cosine", rate=lambda step, base: base),
        Schedule("step", interval=-1),
        Schedule("step", factor=-0.1),
        Schedule("cosine", floor=1.5),
        Schedule(warmup_steps=-1),
    ],
    ids=str,
)
def test_wrong_schedules_are_refused(schedule):
    trained = trainer()
    with pytest.raises(teleport.InvalidArgumentError):
        trained.set_schedule(schedule)
    assert trained.learning_rate == 0.2


def test_no_schedule_can_be_set_within_a_run(blob_set):
    trained = teleport.Trainer(teleport.Model([12, 8, 4]))

    def on_event(event):
        with pytest.raises(teleport.BadStateError):
            trained.set_schedule(Schedule("cosine"))
        return True

    assert trained.run(blob_set, on_event=on_event).stopped

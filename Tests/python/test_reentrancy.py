"""Calls of a trainer from within its own callbacks: refused, and the call that is under way goes on unharmed."""

import gc

import numpy as np
import pytest

import teleport


def make(seed=0):
    model = teleport.Model([6, 8, 3], seed=seed)
    return teleport.Trainer(model, learning_rate=0.05)


def data(count, seed):
    generator = np.random.default_rng(seed)
    return (
        generator.standard_normal((count, 6)).astype(np.float32),
        generator.integers(0, 3, count).astype(np.int32),
    )


def test_step_in_own_rate_callback_is_refused_and_the_outer_step_keeps_its_arrays():
    trainer, plain = make(), make()
    refused = []

    def rate(step, base):
        # Lists, so that each call has arrays of its own, which nobody else keeps.
        x, y = data(4096, step + 100)
        with pytest.raises(teleport.BadStateError) as raised:
            trainer.step(x.tolist(), y.tolist())
        refused.append(str(raised.value))
        del x, y
        gc.collect()
        return base

    trainer.set_schedule(teleport.Schedule("callback", rate=rate))
    for step in range(5):
        x, y = data(4096, step)
        weights = np.linspace(0.5, 1.5, 4096).astype(np.float32)
        expected = plain.step(x, y, weights)
        # Float64: the float32 that the library reads are the package's own.
        got = trainer.step(x.astype(np.float64), y.astype(np.int64), weights.astype(np.float64))
        assert got == expected
    assert len(refused) == 5 and all("callback" in text for text in refused)
    assert np.array_equal(trainer.model.get_parameters(), plain.model.get_parameters())


def test_a_refusal_that_the_rate_callback_does_not_catch_is_raised_from_the_step():
    trainer = make()
    x, y = data(32, 1)
    trainer.set_schedule(teleport.Schedule("callback", rate=lambda step, base: trainer.step(x, y)))
    before = trainer.model.get_parameters()
    with pytest.raises(teleport.BadStateError):
        trainer.step(x, y)
    assert trainer.step_count == 0 and np.array_equal(trainer.model.get_parameters(), before)
    trainer.set_schedule()
    trainer.step(x, y)
    assert trainer.step_count == 1


def test_rate_is_not_a_number_inside_the_callback_that_gives_it():
    trainer = make()
    seen = []

    def rate(step, base):
        seen.append(trainer.learning_rate if len(seen) < 3 else None)
        return base

    trainer.set_schedule(teleport.Schedule("callback", rate=rate))
    assert trainer.learning_rate == 0.05
    assert len(seen) == 1 and np.isnan(seen[0])


def test_a_callback_may_close_the_trainer_that_runs():
    trainer = make()
    x, y = data(64, 1)
    model = trainer.model

    def on_event(event):
        trainer.close()

    trainer.run(teleport.Dataset.from_arrays(x, y), batch_size=16, on_event=on_event)
    assert trainer.closed
    assert np.isfinite(model.get_parameters()).all()

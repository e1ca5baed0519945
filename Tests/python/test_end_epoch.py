"""Epochs of a host's own loop."""

import numpy as np
import pytest

import teleport


def samples():
    generator = np.random.default_rng(3)
    return generator.standard_normal((96, 6)).astype(np.float32), np.arange(96, dtype=np.int32) % 3


def test_epochs_of_an_own_loop_are_counted_kept_and_taken_up(tmp_path):
    x, y = samples()
    trainer = teleport.Trainer(teleport.Model([6, 5, 3]))
    for epoch in range(2):
        assert trainer.epoch == epoch
        for first in range(0, 96, 32):
            trainer.step(x[first : first + 32], y[first : first + 32])
        trainer.end_epoch()
    trainer.save(tmp_path / "checkpoint")
    read = teleport.Trainer.load(tmp_path / "checkpoint")
    assert read.epoch == 2 and read.step_count == 6
    result = read.run(teleport.Dataset.from_arrays(x, y))
    assert [event.epoch for event in result.epochs] == [2] and read.epoch == 3


def test_an_epoch_that_a_run_was_stopped_in_is_over():
    trainer = teleport.Trainer(teleport.Model([6, 5, 3]))
    dataset = teleport.Dataset.from_arrays(*samples())
    options = dict(batch_size=16, progress_interval=1)
    assert trainer.run(dataset, on_event=lambda event: event.step == 2, **options).stopped
    trainer.end_epoch()
    result = trainer.run(dataset, **options)
    assert [event.epoch for event in result.epochs] == [1] and trainer.step_count == 8


def test_a_callback_may_not_end_the_epoch():
    trainer = teleport.Trainer(teleport.Model([6, 5, 3]))
    dataset = teleport.Dataset.from_arrays(*samples())
    with pytest.raises(teleport.BadStateError):
        trainer.run(dataset, on_event=lambda event: trainer.end_epoch())

"""Training: steps, runs, schedules, what a failed step leaves behind."""


import numpy as np
import pytest

import reference
import teleport
from teleport import Dataset, Model, TeleportConfig, Trainer

ASCENT = TeleportConfig(search="ascent")


@pytest.fixture
def model():
    return Model([12, 16, 4], seed=6)


def test_a_step_is_gradient_descent(model, blobs):
    x, labels = blobs
    layers = reference.layers_of(model)
    loss, gradient = reference.loss_and_gradient(layers, x, labels)
    expected = reference.flat(layers) - 0.3 * reference.flat(gradient)
    trainer = Trainer(model, learning_rate=0.3)
    assert trainer.step(x, labels) == pytest.approx(loss, rel=1e-5)
    # float32 weights and gradient.
    assert reference.relative(model.get_parameters(), expected) < 1e-6
    assert trainer.step_count == 1 and trainer.epoch == 0


@pytest.mark.parametrize("loss, rate", [("mean_squared_error", 0.1), ("half_squared_error", 0.003)])
def test_targets_are_learned(rng, loss, rate):
    x = rng.normal(size=(64, 3)).astype(np.float32)
    targets = (x @ rng.normal(size=(3, 2))).astype(np.float32)
    trainer = Trainer(Model([3, 16, 2], seed=1), loss=loss, learning_rate=rate)
    first = trainer.step(x, targets)
    for _ in range(500):
        last = trainer.step(x, targets)
    assert last < 0.05 * first


def test_targets_of_one_number_need_no_second_axis(rng):
    x = rng.normal(size=(8, 3)).astype(np.float32)
    trainer = Trainer(Model([3, 1]), loss="mean_squared_error")
    assert trainer.model.loss(x, x[:, 0], loss="mean_squared_error") == trainer.step(x, x[:, :1])


def test_apply_gradient_is_the_step_of_that_gradient(model, blobs):
    other = model.clone()
    gradient, _ = model.gradient(*blobs)
    Trainer(model, learning_rate=0.1).apply_gradient(gradient)
    expected = other.get_parameters() - np.float32(0.1) * gradient
    assert reference.relative(model.get_parameters(), expected) < 1e-6
    trainer = Trainer(other)
    with pytest.raises(teleport.NotFiniteError):
        trainer.apply_gradient(np.where(np.arange(gradient.size) == 5, np.nan, gradient))
    with pytest.raises(teleport.TeleportError):
        trainer.apply_gradient(gradient[:-1])


@pytest.mark.parametrize("batch_size", [32, 50, 600, 1000])
def test_a_run_equals_steps_on_the_same_batches_to_the_bit(model, blobs, blob_set, batch_size):
    other = model.clone()
    result = Trainer(model, learning_rate=0.1).run(
        blob_set, epochs=2, batch_size=batch_size, shuffle=False
    )
    trainer = Trainer(other, learning_rate=0.1)
    x, labels = blobs
    for _ in range(2):
        for first in range(0, len(x), batch_size):
            trainer.step(x[first : first + batch_size], labels[first : first + batch_size])
    assert np.array_equal(model.get_parameters(), other.get_parameters())
    assert len(result.epochs) == 2 and not result.stopped


def test_the_seed_decides_the_shuffles(model, blob_set):
    def trained(**options):
        copied = model.clone()
        Trainer(copied, learning_rate=0.1).run(blob_set, epochs=2, **options)
        return copied.get_parameters()

    assert np.array_equal(trained(seed=3), trained(seed=3))
    assert not np.array_equal(trained(seed=3), trained(seed=4))
    assert not np.array_equal(trained(seed=3), trained(shuffle=False))


def test_two_runs_of_one_epoch_are_one_run_of_two(model, blob_set):
    other = model.clone()
    Trainer(model, learning_rate=0.1).run(blob_set, epochs=2, seed=3)
    trainer = Trainer(other, learning_rate=0.1)
    trainer.run(blob_set, seed=3)
    trainer.run(blob_set, seed=3)
    assert trainer.epoch == 2
    assert np.array_equal(model.get_parameters(), other.get_parameters())


def test_a_stopped_run_goes_on_where_it_was(model, blob_set):
    other = model.clone()
    Trainer(model, learning_rate=0.1).run(blob_set, epochs=1, seed=3)
    trainer = Trainer(other, learning_rate=0.1)
    stopped = trainer.run(
        blob_set, seed=3, progress_interval=1, on_event=lambda event: event.step_in_epoch == 5
    )
    assert stopped.stopped and trainer.epoch == 0 and trainer.step_count < 19
    trainer.run(blob_set, seed=3)
    assert trainer.epoch == 1 and trainer.step_count == 19
    assert np.array_equal(model.get_parameters(), other.get_parameters())


def test_events_tell_what_happens(model, blobs, blob_set):
    trainer = Trainer(model, learning_rate=0.1)
    events = []
    result = trainer.run(
        blob_set,
        blob_set,
        epochs=2,
        batch_size=100,
        progress_interval=2,
        teleport=ASCENT,
        teleport_epochs=[1],
        on_event=events.append,
    )
    kinds = [event.kind.value for event in events]
    assert kinds == ["step"] * 3 + ["epoch", "teleport"] + ["step"] * 3 + ["epoch"]
    assert [event.step for event in events if event.kind == "step"] == [2, 4, 6, 8, 10, 12]
    assert all(event.steps_per_epoch == 6 and event.learning_rate == 0.1 for event in events)
    epochs = [event for event in events if event.kind == "epoch"]
    assert tuple(epochs) == result.epochs and [event.epoch for event in epochs] == [0, 1]
    metrics = model.evaluate(blob_set)
    assert epochs[1].valid_loss == metrics.loss and epochs[1].valid_accuracy == metrics.accuracy
    assert epochs[1].loss < epochs[0].loss
    (moved,) = [event.teleport for event in events if event.kind == "teleport"]
    assert result.teleports == (moved,) and moved.accepted
    assert np.isnan(events[0].valid_loss) and events[0].teleport is None


def test_a_schedule_of_no_epochs_never_teleports(model, blob_set):
    trainer = Trainer(model)
    assert not trainer.run(blob_set, teleport=ASCENT, teleport_epochs=[]).teleports
    result = trainer.run(
        blob_set, epochs=3, teleport=ASCENT, teleport_epochs=(1, 3), teleports_per_epoch=2
    )
    assert len(result.teleports) == 4


def test_a_schedule_does_not_change_the_shuffles(model, blob_set):
    # A teleport that may not move: radius so small that no factor differs from 1 in float32.
    other = model.clone()
    Trainer(model, learning_rate=0.1).run(blob_set, epochs=2)
    still = TeleportConfig(search="ascent", radius=1e-12)
    Trainer(other, learning_rate=0.1).run(
        blob_set, epochs=2, teleport=still, teleport_epochs=[0, 1]
    )
    assert np.array_equal(model.get_parameters(), other.get_parameters())


def test_a_batch_with_nan_leaves_the_weights_alone(model, blobs):
    x, labels = blobs
    trainer = Trainer(model, learning_rate=0.1)
    trainer.step(x, labels)
    before, steps = model.get_parameters(), trainer.step_count
    for value in (np.nan, np.inf, -np.inf):
        broken = x.copy()
        broken[17, 3] = value
        with pytest.raises(teleport.NotFiniteError):
            trainer.step(broken, labels)
        assert np.array_equal(model.get_parameters(), before)
    assert trainer.step_count == steps
    trainer.step(x, labels)
    assert not np.array_equal(model.get_parameters(), before)


def test_a_run_that_diverges_is_not_finite_and_keeps_finite_weights(model, blob_set):
    trainer = Trainer(model, learning_rate=1e20)
    with pytest.raises(teleport.NotFiniteError):
        trainer.run(blob_set, epochs=3)
    assert np.isfinite(model.get_parameters()).all()


def test_teleport_and_undo(model, blobs):
    x, labels = blobs
    trainer = Trainer(model, learning_rate=0.1)
    with pytest.raises(teleport.BadStateError):
        trainer.undo_teleport()
    before = model.get_parameters()
    report = trainer.teleport(x, labels, ASCENT)
    assert report.accepted and not np.array_equal(model.get_parameters(), before)
    trainer.step(x, labels)
    trainer.undo_teleport()
    assert np.array_equal(model.get_parameters(), before) and trainer.step_count == 1
    assert trainer.teleport(x, labels).candidates > 1


def test_the_learning_rate_can_be_set(model, blobs, blob_set):
    trainer = Trainer(model, learning_rate=0.5)
    assert trainer.learning_rate == 0.5
    trainer.learning_rate = 0.0
    before = model.get_parameters()
    trainer.step(*blobs)
    assert np.array_equal(model.get_parameters(), before)
    for rate in (-1.0, np.nan, np.inf):
        error = teleport.NotFiniteError if rate != -1.0 else teleport.InvalidArgumentError
        with pytest.raises(error):
            trainer.learning_rate = rate
    assert trainer.learning_rate == 0.0

    def halve(event):
        trainer.learning_rate = 0.25 / (event.epoch + 1)

    trainer.run(blob_set, epochs=2, progress_interval=-1, on_event=halve)
    assert trainer.learning_rate == 0.125


def test_within_a_callback_the_trainer_may_be_read_and_not_changed(model, blobs, blob_set):
    trainer = Trainer(model)
    refused = []

    def on_event(event):
        assert trainer.step_count == event.step
        model.evaluate(blob_set)
        model.clone()
        for change in (
            lambda: trainer.step(*blobs),
            lambda: trainer.run(blob_set),
            lambda: trainer.apply_gradient(np.zeros(model.parameter_count)),
            trainer.undo_teleport,
        ):
            try:
                change()
            except teleport.BadStateError as error:
                refused.append(str(error))

    trainer.run(blob_set, progress_interval=-1, on_event=on_event)
    assert len(refused) == 4


def test_the_trainer_keeps_the_model(blobs):
    with Model([12, 4]) as model:
        trainer = Trainer(model)
    trainer.step(*blobs)
    assert trainer.model.widths == (12, 4)
    assert trainer.model is trainer.model
    trainer.model.close()
    assert trainer.model.parameter_count == 52
    trainer.close()
    with pytest.raises(teleport.BadStateError, match="Trainer is closed"):
        trainer.step(*blobs)


def test_sets_that_do_not_fit_are_refused(model, blobs):
    x, labels = blobs
    trainer = Trainer(model)
    narrow = Dataset.from_labels(x[:, :5], labels)
    many = Dataset.from_labels(x, labels, class_count=9)
    targets = Dataset.from_targets(x, np.zeros((600, 4)))
    for dataset in (narrow, targets):
        with pytest.raises(teleport.TeleportError):
            trainer.run(dataset)
    with pytest.raises(teleport.TeleportError):
        trainer.run(Dataset.from_labels(x, labels + 5))
    assert many.class_count == 9
    assert trainer.step_count == 0


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": -1},
        {"batch_size": -1},
        {"batch_size": 2**32 + 1},
        {"teleport_epochs": [-1], "teleport": ASCENT},
        {"teleports_per_epoch": -1, "teleport": ASCENT},
        {"teleport_samples": -1, "teleport": ASCENT},
        {"watch_steps": -1},
        {"progress_interval": -2},
        {"teleport": "scaling"},
    ],
    ids=str,
)
def test_wrong_options_of_a_run_are_refused(model, blob_set, options):
    before = model.get_parameters()
    with pytest.raises(teleport.InvalidArgumentError):
        Trainer(model).run(blob_set, **options)
    assert np.array_equal(model.get_parameters(), before)


def test_sample_weights_weigh(model, blobs):
    x, labels = blobs
    other = model.clone()
    weights = np.zeros(600, np.float32)
    weights[:200] = 3
    Trainer(model, learning_rate=0.1).step(x, labels, weights)
    Trainer(other, learning_rate=0.1).step(x[:200], labels[:200])
    # The same mean, summed in another order.
    assert reference.relative(model.get_parameters(), other.get_parameters()) < 1e-6


def test_a_last_batch_that_is_not_full_can_be_left_out(model, blob_set):
    steps = []
    for drop_last in (False, True):
        trainer = Trainer(model.clone())
        trainer.run(blob_set, batch_size=64, drop_last=drop_last)
        steps.append(trainer.step_count)
    assert steps == [10, 9]

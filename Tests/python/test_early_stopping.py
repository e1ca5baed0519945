"""Early stopping: when a run ends, which weights it ends with, what it tells, how it goes on."""

import numpy as np
import pytest
import safetensors.numpy

import teleport
from teleport import Dataset, Model, Trainer


@pytest.fixture
def noisy(blobs, rng):
    """Train and validation set of few samples with many wrong labels: nets soon learn too much."""
    x, labels = blobs
    wrong = rng.uniform(size=600) < 0.4
    labels = np.where(wrong, rng.integers(0, 4, 600), labels).astype(np.int32)
    x = (x + rng.normal(size=x.shape)).astype(np.float32)
    return Dataset.from_labels(x[:100], labels[:100]), Dataset.from_labels(x[100:], labels[100:])


@pytest.fixture
def model():
    return Model([12, 64, 4], seed=6)


OPTIONS = {"epochs": 60, "batch_size": 10, "seed": 3}
OPTIMIZERS = [
    {"optimizer": "sgd", "learning_rate": 0.1},
    {"optimizer": "dog"},
    {"optimizer": "adamw", "learning_rate": 0.01, "average": "schedule_free"},
]


def ended(losses, patience, min_delta=0.0):
    """The number of epochs, and the best, that the rule gives for these losses."""
    best, best_epoch, waited = np.inf, -1, 0
    for epoch, loss in enumerate(losses):
        if loss < best - min_delta:
            best, best_epoch, waited = loss, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch + 1, best_epoch
    return len(losses), best_epoch


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=lambda s: s["optimizer"])
@pytest.mark.parametrize("patience, min_delta", [(1, 0), (3, 0), (4, 0.01)])
def test_a_run_ends_where_validation_gets_no_better(model, noisy, settings, patience, min_delta):
    whole = model.clone()
    trainer = Trainer(whole, **settings)
    weights = []

    def keep(event):
        if event.kind == teleport.EventKind.EPOCH:
            averages = settings["optimizer"] != "sgd"
            measured = trainer.averaged_model() if averages else whole
            weights.append(measured.get_parameters())

    losses = [event.valid_loss for event in trainer.run(*noisy, **OPTIONS, on_event=keep).epochs]
    epochs, best = ended(losses, patience, min_delta)
    assert epochs < 60, "the set is no test"
    events = []
    result = Trainer(model, **settings).run(
        *noisy, **OPTIONS, patience=patience, min_delta=min_delta, on_event=events.append
    )
    assert [event.valid_loss for event in result.epochs] == losses[:epochs]
    assert result.stopped_early and not result.stopped
    assert (result.best_epoch, result.best_valid_loss) == (best, losses[best])
    # The best weights, to the bit; of an average where there is one.
    assert np.array_equal(model.get_parameters(), weights[best])
    assert model.evaluate(noisy[1]).loss == losses[best]
    last = events[-1]
    assert last.kind == teleport.EventKind.EARLY_STOP
    assert (last.epoch, last.valid_loss) == (best, losses[best])
    assert last.valid_accuracy == result.best_valid_accuracy == result.epochs[best].valid_accuracy
    assert sum(event.kind == teleport.EventKind.EARLY_STOP for event in events) == 1


def test_a_run_that_is_patient_to_its_end_has_the_best_weights_too(model, noisy):
    result = Trainer(model, learning_rate=0.1).run(*noisy, **OPTIONS, patience=60)
    losses = [event.valid_loss for event in result.epochs]
    assert len(losses) == 60 and not result.stopped_early
    assert result.best_epoch == int(np.argmin(losses))
    assert model.evaluate(noisy[1]).loss == min(losses)


def test_finish_last_keeps_the_last_weights(model, noisy):
    result = Trainer(model, learning_rate=0.1).run(*noisy, **OPTIONS, patience=2, finish="last")
    assert result.stopped_early
    assert model.evaluate(noisy[1]).loss == result.epochs[-1].valid_loss > result.best_valid_loss


def test_without_patience_nothing_changes(model, noisy):
    other = model.clone()
    result = Trainer(model, learning_rate=0.1).run(*noisy, **OPTIONS)
    assert (result.stopped_early, result.best_epoch) == (False, -1)
    assert np.isnan(result.best_valid_loss) and np.isnan(result.best_valid_accuracy)
    Trainer(other, learning_rate=0.1).run(*noisy, **OPTIONS, patience=0, min_delta=0.0)
    assert np.array_equal(model.get_parameters(), other.get_parameters())


@pytest.mark.parametrize("settings", OPTIMIZERS, ids=lambda s: s["optimizer"])
@pytest.mark.parametrize("stop_at", [3, 17, 31, 44, 58, 65, 80])
def test_a_checkpoint_goes_on_waiting_to_the_bit(model, noisy, settings, stop_at, tmp_path):
    whole = model.clone()
    expected = Trainer(whole, **settings).run(*noisy, **OPTIONS, patience=4)
    trainer = Trainer(model, **settings)
    first = trainer.run(
        *noisy, **OPTIONS, patience=4, progress_interval=1, on_event=lambda e: e.step == stop_at
    )
    if not first.stopped:  # it had ended before
        return
    trainer.save(tmp_path / "trainer")
    again = Trainer.load(tmp_path / "trainer")
    result = again.run(*noisy, **{**OPTIONS, "epochs": 60 - len(first.epochs)}, patience=4)
    together = [event.valid_loss for event in first.epochs + result.epochs]
    assert together == [event.valid_loss for event in expected.epochs]
    assert result.stopped_early == expected.stopped_early
    assert (result.best_epoch, result.best_valid_loss) == (
        expected.best_epoch,
        expected.best_valid_loss,
    )
    assert np.array_equal(again.model.get_parameters(), whole.get_parameters())


def test_a_checkpoint_of_the_last_epoch_ends_at_once(model, noisy, tmp_path):
    """Saved inside the event of the epoch that uses up the patience."""
    trainer = Trainer(model, learning_rate=0.1)

    def save(event):
        if event.kind == teleport.EventKind.EPOCH:
            trainer.save(tmp_path / str(event.epoch))

    expected = trainer.run(*noisy, **OPTIONS, patience=2, on_event=save)
    again = Trainer.load(tmp_path / str(len(expected.epochs) - 1))
    result = again.run(*noisy, **OPTIONS, patience=2)
    assert result.epochs == () and result.stopped_early
    assert np.array_equal(again.model.get_parameters(), model.get_parameters())


def test_the_last_checkpoint_of_a_run_has_its_best_weights(model, noisy, tmp_path):
    path = tmp_path / "trainer"
    Trainer(model, learning_rate=0.1).run(*noisy, **OPTIONS, patience=2, checkpoint_path=path)
    assert np.array_equal(Model.load(path).get_parameters(), model.get_parameters())
    # What has come to its end does not wait on.
    result = Trainer.load(path).run(*noisy, **{**OPTIONS, "epochs": 1}, patience=1)
    assert len(result.epochs) == 1 and result.best_epoch == result.epochs[0].epoch


def test_another_validation_set_is_another_wait(model, noisy, rng):
    train, valid = noisy
    trainer = Trainer(model, learning_rate=0.1)
    trainer.run(train, valid, **OPTIONS, patience=50, on_event=lambda e: e.step == 300)
    first, second = valid.split(0.5)
    result = trainer.run(train, second, epochs=2, patience=50)
    assert result.best_epoch in [event.epoch for event in result.epochs]


def test_validation_without_a_number_is_no_improvement(model, noisy):
    x = np.full((4, 12), 3e38, np.float32)
    endless = Dataset.from_labels(x, np.arange(4, dtype=np.int32))
    model.set_parameters(10 * model.get_parameters())
    result = Trainer(model, learning_rate=0.0).run(noisy[0], endless, epochs=9, patience=2)
    assert not np.isfinite(result.epochs[0].valid_loss)
    assert result.stopped_early and len(result.epochs) == 2 and result.best_epoch == -1
    assert np.isnan(result.best_valid_loss)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"patience": -1}, "patience"),
        ({"patience": 1, "min_delta": -0.1}, "min_delta"),
        ({"patience": 1, "min_delta": np.nan}, "min_delta"),
        ({"min_delta": 0.1}, "patience"),
    ],
)
def test_what_has_no_meaning_is_refused(model, noisy, options, match):
    before = model.get_parameters()
    with pytest.raises(teleport.TeleportError, match=match):
        Trainer(model).run(*noisy, **options)
    with pytest.raises(teleport.InvalidArgumentError, match="validation"):
        Trainer(model).run(noisy[0], patience=2)
    assert np.array_equal(before, model.get_parameters())


def spoiled(path, text, value):
    """The checkpoint with one text of its trainer, or one tensor, changed; None: without it."""
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    tensors = safetensors.numpy.load_file(path)
    place, key = (
        (tensors, text) if text in tensors else (metadata, f"teleport.trainer.{text}")
    )
    assert key in place
    place[key] = value
    if value is None:
        del place[key]
    safetensors.numpy.save_file(tensors, path, metadata)


BEST = "trainer.best.parameters"


@pytest.mark.parametrize(
    "text, value, error",
    [
        ("best_loss", "nan", teleport.NotFiniteError),
        ("best_loss", "inf", teleport.NotFiniteError),
        ("best_loss", "low", teleport.FormatError),
        ("best_waited", "-1", teleport.FormatError),
        ("best_waited", "9999999999999999999999", teleport.FormatError),
        ("best_epoch", "-2", teleport.FormatError),
        ("best_epoch", None, teleport.FormatError),
        ("best_data", "-1", teleport.FormatError),
        (BEST, np.full(1092, np.nan, np.float32), teleport.NotFiniteError),
        (BEST, np.zeros(1091, np.float32), teleport.FormatError),
        (BEST, np.zeros(1092, np.float64), teleport.FormatError),
        (BEST, None, teleport.FormatError),
        ("label_smoothing", "1.5", teleport.FormatError),
        ("label_smoothing", "nan", teleport.FormatError),
        ("epoch_samples", "-1", teleport.FormatError),
        ("epoch_samples", "inf", teleport.FormatError),
    ],
)
def test_a_checkpoint_that_no_run_wrote_is_refused(model, noisy, text, value, error, tmp_path):
    trainer = Trainer(model, learning_rate=0.1)
    trainer.run(*noisy, **OPTIONS, patience=9, on_event=lambda event: event.step == 30)
    trainer.save(tmp_path / "trainer")
    Trainer.load(tmp_path / "trainer")
    spoiled(tmp_path / "trainer", text, value)
    with pytest.raises(error):
        Trainer.load(tmp_path / "trainer")

"""Weights of samples and of classes: in data sets, runs, teleports and evaluation."""

import numpy as np
import pytest

import reference
import teleport
from teleport import Dataset, Model, TeleportConfig, Trainer


@pytest.fixture
def model():
    return Model([12, 16, 4], seed=6)


@pytest.fixture
def weights(rng):
    values = rng.uniform(0.1, 3, 600).astype(np.float32)
    values[::7] = 0
    return values


@pytest.fixture
def weighted(blob_set, weights):
    return blob_set.with_weights(weights)


def test_a_set_carries_its_weights_and_shares_its_samples(blob_set, weighted, weights):
    assert np.array_equal(weighted.weights(), weights)
    assert np.array_equal(weighted.weights(7, 3), weights[7:10])
    assert np.array_equal(blob_set.weights(), np.ones(600))  # the source stays as it is
    assert np.array_equal(weighted.get(), blob_set.get())
    assert np.array_equal(weighted.labels(), blob_set.labels())
    assert np.array_equal(weighted.with_weights(None).weights(), np.ones(600))


def test_splits_keep_the_weights_of_their_samples(blob_set, weights):
    marked = Dataset.from_labels(np.arange(600, dtype=np.float32)[:, None], blob_set.labels())
    for part in marked.with_weights(weights).split(0.3, stratified=True, seed=4):
        assert np.array_equal(part.weights(), weights[part.get()[:, 0].astype(int)])
        again, _ = part.split(0.5)
        assert np.array_equal(again.weights(), weights[again.get()[:, 0].astype(int)])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "dog"])
def test_a_run_steps_by_the_weights_to_the_bit(model, blobs, weighted, weights, optimizer):
    other = model.clone()
    Trainer(model, optimizer=optimizer).run(weighted, epochs=2, batch_size=50, shuffle=False)
    trainer = Trainer(other, optimizer=optimizer)
    for _ in range(2):
        for first in range(0, 600, 50):
            part = slice(first, first + 50)
            trainer.step(blobs[0][part], blobs[1][part], weights[part])
    assert np.array_equal(model.get_parameters(), other.get_parameters())


def test_the_loss_of_an_epoch_and_of_a_set_is_weighted(model, blobs, weighted, weights):
    expected, _ = reference.loss_and_gradient(
        reference.layers_of(model), *blobs, weights=weights
    )
    metrics = model.evaluate(weighted)
    assert metrics.loss == pytest.approx(expected, rel=1e-6)
    # Samples are counted, whatever their weight.
    right = model.predict_labels(blobs[0]) == blobs[1]
    assert (metrics.correct, metrics.accuracy) == (right.sum(), right.mean())
    trainer = Trainer(model, learning_rate=0)
    event = trainer.run(weighted, weighted, batch_size=50).epochs[0]
    assert event.loss == pytest.approx(expected, rel=1e-6)
    assert event.valid_loss == metrics.loss


def test_a_batch_without_weight_changes_no_weight_of_the_net(model, blob_set):
    values = np.ones(600, np.float32)
    values[100:200] = 0
    other = model.clone()
    Trainer(model, learning_rate=0.1).run(
        blob_set.with_weights(values), batch_size=100, shuffle=False
    )
    x, labels = blob_set.get(), blob_set.labels()
    trainer = Trainer(other, learning_rate=0.1)
    for first in (0, 200, 300, 400, 500):
        trainer.step(x[first : first + 100], labels[first : first + 100])
    # Weights of 1 and no weights sum in another order.
    assert reference.relative(model.get_parameters(), other.get_parameters()) < 1e-6


def test_batches_without_weight_are_no_better_pieces_of_a_run_in_frames(model, blob_set):
    """A loss of 0 that is none would make all that follows look like divergence."""
    values = np.ones(600, np.float32)
    values[:300] = 0
    result = Trainer(model, learning_rate=0.05).run(
        blob_set.with_weights(values),
        epochs=2,
        batch_size=5,
        shuffle=False,
        frames=teleport.FrameConfig(),
    )
    assert result.teleports
    assert not any(report.outcome == "undone" for report in result.teleports)


def test_targets_are_weighted_as_well(rng):
    x = rng.normal(size=(30, 3)).astype(np.float32)
    y = rng.normal(size=(30, 2)).astype(np.float32)
    a = rng.uniform(0, 1, 30).astype(np.float32)
    model = Model([3, 2], seed=2)
    set_ = Dataset.from_targets(x, y).with_weights(a)
    for loss in ("mean_squared_error", "half_squared_error"):
        expected = model.loss(x, y, loss=loss, weights=a)
        assert model.evaluate(set_, loss=loss).loss == pytest.approx(expected, rel=1e-6)


def test_teleports_of_a_run_see_the_weights(model, blob_set):
    """Wrong labels without a weight change nothing, even for a teleport."""
    x, labels = blob_set.get(), blob_set.labels()
    keep = np.arange(600) % 2 == 0
    wrong = np.where(keep, labels, (labels + 1) % 4).astype(np.int32)
    values = keep.astype(np.float32)
    reports = []
    for y in (labels, wrong):
        copied = model.clone()
        result = Trainer(copied, learning_rate=0.1).run(
            Dataset.from_labels(x, y, class_count=4).with_weights(values),
            teleport=TeleportConfig(search="ascent"),
            teleport_samples=200,
        )
        reports.append((result.teleports[0].loss_before, copied.get_parameters()))
    assert reports[0][0] == reports[1][0]
    assert np.array_equal(reports[0][1], reports[1][1])


def test_few_samples_with_a_weight_are_enough_for_teleports(model, blob_set):
    values = np.zeros(600, np.float32)
    values[:20] = 1
    result = Trainer(model, learning_rate=0.1).run(
        blob_set.with_weights(values),
        teleport=TeleportConfig(search="ascent"),
        teleport_samples=8,
    )
    assert result.teleports[0].accepted


@pytest.mark.parametrize("balanced", [False, True])
def test_class_weights_are_weights_of_their_samples(model, blobs, rng, balanced):
    x, labels = blobs
    keep = (labels != 2) | (rng.uniform(size=600) < 0.1)  # class 2 is rare
    x, labels = x[keep], labels[keep]
    a = rng.uniform(0.5, 2, len(labels)).astype(np.float32)
    set_ = Dataset.from_labels(x, labels).with_weights(a)
    if balanced:
        sums = np.array([a[labels == c].astype(np.float64).sum() for c in range(4)])
        factors = (sums.sum() / (4 * sums)).astype(np.float32)
    else:
        factors = np.array([1, 0.5, 10, 0], np.float32)
    other = model.clone()
    Trainer(model, learning_rate=0.1).run(
        set_, epochs=2, class_weights="balanced" if balanced else factors
    )
    Trainer(other, learning_rate=0.1).run(set_.with_weights(a * factors[labels]), epochs=2)
    assert reference.relative(model.get_parameters(), other.get_parameters()) < 1e-6


def test_balanced_classes_find_the_rare_one(model, blobs):
    x, labels = blobs
    keep = (labels != 2) | (np.arange(600) % 40 == 0)
    rare = Dataset.from_labels(x[keep], labels[keep])
    recalls = []
    for class_weights in (None, "balanced"):
        copied = model.clone()
        Trainer(copied, learning_rate=0.05).run(rare, epochs=10, class_weights=class_weights)
        recalls.append(copied.class_metrics(Dataset.from_labels(x, labels)).recall[2])
    assert recalls[1] > recalls[0]


def test_a_class_without_samples_takes_no_part_in_the_balance(model, blobs):
    x, labels = blobs
    keep = labels != 3
    set_ = Dataset.from_labels(x[keep], labels[keep], class_count=4)
    counts = np.bincount(labels[keep])
    factors = np.append(keep.sum() / (3 * counts), 0).astype(np.float32)
    other = model.clone()
    Trainer(model).run(set_, class_weights="balanced")
    Trainer(other).run(set_, class_weights=factors)
    assert np.array_equal(model.get_parameters(), other.get_parameters())


def test_validation_does_not_know_the_class_weights(model, blob_set):
    event = Trainer(model).run(blob_set, blob_set, class_weights=[1, 2, 3, 4]).epochs[0]
    assert event.valid_loss == model.evaluate(blob_set).loss


def test_weighted_runs_go_on_from_a_checkpoint_to_the_bit(model, weighted, tmp_path):
    options = {"epochs": 2, "class_weights": [1, 2, 3, 0.3], "seed": 5}
    whole = model.clone()
    told = Trainer(whole, learning_rate=0.1).run(weighted, **options).epochs[0].loss
    trainer = Trainer(model, learning_rate=0.1)
    trainer.run(weighted, **options, progress_interval=1, on_event=lambda e: e.step == 7)
    trainer.save(tmp_path / "trainer")
    again = Trainer.load(tmp_path / "trainer")
    result = again.run(weighted, **options)
    assert result.epochs[0].loss == told
    assert np.array_equal(again.model.get_parameters(), whole.get_parameters())


def test_weights_that_are_none_are_refused(blob_set):
    ones = np.ones(600, np.float32)
    for wrong in (-1, np.nan, np.inf):
        bad = ones.copy()
        bad[33] = wrong
        with pytest.raises(teleport.TeleportError, match="33"):
            blob_set.with_weights(bad)
    with pytest.raises(teleport.InvalidArgumentError, match="all 600 weights are 0"):
        blob_set.with_weights(0 * ones)
    with pytest.raises(teleport.ShapeMismatchError):
        blob_set.with_weights(ones[1:])


def test_class_weights_that_are_none_are_refused(model, blob_set, rng):
    def refused(error, match, set_=blob_set, loss="cross_entropy", **options):
        parameters = model.get_parameters()
        with pytest.raises(error, match=match):
            Trainer(model, loss=loss).run(set_, **options)
        assert np.array_equal(parameters, model.get_parameters())

    refused(teleport.ShapeMismatchError, "class_weights", class_weights=[1, 2, 3])
    refused(teleport.TeleportError, "class_weights", class_weights=[1, -2, 3, 4])
    refused(teleport.NotFiniteError, "class_weights", class_weights=[1, np.nan, 3, 4])
    refused(teleport.InvalidArgumentError, "class_weights", class_weights=[0, 0, 0, 0])
    refused(teleport.InvalidArgumentError, "balanced", class_weights="fair")
    targets = Dataset.from_targets(blob_set.get(), rng.normal(size=(600, 4)).astype(np.float32))
    refused(
        teleport.UnsupportedError, "class", targets, "mean_squared_error", class_weights="balanced"
    )


def test_a_part_without_weight_trains_and_measures_nothing(model, blob_set):
    values = np.zeros(600, np.float32)
    values[0] = 1
    first, second = blob_set.with_weights(values).split(0.5)
    part = second if first.weights().any() else first
    with pytest.raises(teleport.InvalidArgumentError, match="weights are 0"):
        Trainer(model).run(part)
    with pytest.raises(teleport.InvalidArgumentError, match="weights are 0"):
        model.evaluate(part)

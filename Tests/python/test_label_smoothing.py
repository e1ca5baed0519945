"""Label smoothing: step, loss, gradient, Hessian-vector product and teleports have one objective."""

import numpy as np
import pytest

import reference
import teleport
from teleport import Model, TeleportConfig, Trainer

SMOOTHING = 0.2


@pytest.fixture
def model():
    return Model([12, 16, 4], seed=6)


@pytest.fixture
def batch(rng):
    x = rng.normal(size=(40, 12)).astype(np.float32)
    return x, rng.integers(0, 4, 40).astype(np.int32), rng.uniform(0, 2, 40).astype(np.float32)


def smoothed_loss(layers, x, labels, weights=None, smoothing=SMOOTHING):
    """sum_i a_i sum_j q_ij -ln p_ij / A, q = (1 - e) onehot + e / k, in double."""
    o = reference.outputs(layers, x)
    count, width = o.shape
    q = np.full((count, width), smoothing / width)
    q[np.arange(count), labels] += 1 - smoothing
    a = np.ones(count) if weights is None else weights.astype(np.float64)
    top = o.max(axis=1, keepdims=True)
    logarithms = o - top - np.log(np.exp(o - top).sum(axis=1, keepdims=True))
    return -(a * (q * logarithms).sum(axis=1)).sum() / a.sum()


def smoothed_gradient(layers, v, *samples):
    """v . gradient, by central differences of the loss in double."""
    start, step = reference.flat(layers), 1e-6
    ends = [
        smoothed_loss(reference.unflat(start + sign * step * v, layers), *samples)
        for sign in (1, -1)
    ]
    return (ends[0] - ends[1]) / (2 * step)


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_and_gradient_are_those_of_smoothed_labels(model, batch, rng, weighted):
    samples = batch if weighted else batch[:2]
    trainer = Trainer(model, label_smoothing=SMOOTHING)
    layers = reference.layers_of(model)
    value = smoothed_loss(layers, *samples)
    assert trainer.measure_loss(*samples) == pytest.approx(value, rel=1e-6)
    gradient, loss = trainer.gradient(*samples)
    assert loss == pytest.approx(value, rel=1e-6)
    for _ in range(5):
        v = rng.normal(size=gradient.size)
        v /= np.linalg.norm(v)
        slope = smoothed_gradient(layers, v, *samples)
        # Differences are right to 1e-9, the gradient is float32.
        assert gradient @ v == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_the_hessian_is_the_derivative_of_the_gradient(model, batch, rng):
    trainer = Trainer(model, label_smoothing=SMOOTHING)
    parameters = model.get_parameters()
    v = rng.normal(size=parameters.size).astype(np.float32)
    v /= np.linalg.norm(v)
    product = trainer.hessian_vector_product(*batch[:2], v, weights=batch[2])
    layers = reference.layers_of(model)
    start, step = reference.flat(layers), 1e-5

    def gradient(flat):
        o = reference.outputs(reference.unflat(flat, layers), batch[0])
        q = np.full(o.shape, SMOOTHING / 4)
        q[np.arange(40), batch[1]] += 1 - SMOOTHING
        error = (reference.softmax(o) - q) * batch[2][:, None] / batch[2].astype(float).sum()
        return back(reference.unflat(flat, layers), error)

    def back(moved, error):
        (w0, b0), (w1, _) = moved
        z = batch[0].astype(np.float64) @ w0.T + b0
        h = np.where(z > 0, z, np.float32(0.01).astype(float) * z)
        below = (error @ w1) * np.where(z > 0, 1, np.float32(0.01).astype(float))
        return reference.flat(
            [(below.T @ batch[0], below.sum(axis=0)), (error.T @ h, error.sum(axis=0))]
        )

    differences = (gradient(start + step * v) - gradient(start - step * v)) / (2 * step)
    assert reference.relative(product, differences) < 1e-4
    assert reference.relative(trainer.gradient(*batch)[0], gradient(start)) < 1e-5


def test_a_step_goes_down_the_same_gradient(model, batch):
    trainer = Trainer(model, learning_rate=0.3, label_smoothing=SMOOTHING)
    before = model.get_parameters().astype(np.float64)
    gradient, loss = trainer.gradient(*batch)
    assert trainer.step(*batch) == pytest.approx(loss, rel=1e-12)
    assert reference.relative(model.get_parameters(), before - 0.3 * gradient) < 1e-6


@pytest.mark.parametrize(
    "group, search",
    [
        ("scaling", "ascent"),
        ("level_set", "ascent"),
        ("linear", "ascent"),
        ("scaling", "lookahead"),
    ],
)
def test_teleports_keep_and_report_the_smoothed_loss(model, batch, group, search):
    trainer = Trainer(model, learning_rate=0.1, label_smoothing=SMOOTHING)
    gradient, loss = trainer.gradient(*batch[:2])
    config = TeleportConfig(group=group, search=search, held_out_tolerance=-1, steps=3)
    report = trainer.teleport(*batch[:2], config)
    assert report.loss_before == pytest.approx(loss, rel=1e-9)
    if search == "ascent":
        norm2 = float(gradient.astype(np.float64) @ gradient)
        assert report.gradient_norm2_before == pytest.approx(norm2, rel=1e-5)
    if report.accepted:
        assert trainer.measure_loss(*batch[:2]) == pytest.approx(report.loss_after, rel=1e-9)


def test_no_smoothing_is_the_plain_loss_to_the_bit(model, batch, blob_set):
    other = model.clone()
    plain, none = Trainer(model, learning_rate=0.1), Trainer(
        other, learning_rate=0.1, label_smoothing=0.0
    )
    assert none.measure_loss(*batch) == model.loss(*batch[:2], weights=batch[2])
    gradient, loss = none.gradient(*batch)
    expected, value = model.gradient(*batch[:2], weights=batch[2])
    assert np.array_equal(gradient, expected) and loss == value
    plain.run(blob_set, epochs=2)
    none.run(blob_set, epochs=2)
    assert np.array_equal(model.get_parameters(), other.get_parameters())


def test_smoothing_of_trained_nets_keeps_logits_small(model, blobs, blob_set):
    plain, smooth = model, model.clone()
    Trainer(plain, learning_rate=0.3).run(blob_set, epochs=40)
    Trainer(smooth, learning_rate=0.3, label_smoothing=SMOOTHING).run(blob_set, epochs=40)
    assert np.abs(smooth.predict(blobs[0])).max() < 0.5 * np.abs(plain.predict(blobs[0])).max()


def test_validation_is_the_plain_loss(model, blob_set):
    trainer = Trainer(model, learning_rate=0.1, label_smoothing=SMOOTHING)
    event = trainer.run(blob_set, blob_set).epochs[0]
    metrics = model.evaluate(blob_set)
    assert (event.valid_loss, event.valid_accuracy) == (metrics.loss, metrics.accuracy)


def test_a_checkpoint_goes_on_smoothing(model, blob_set, batch, tmp_path):
    trainer = Trainer(model, learning_rate=0.1, label_smoothing=SMOOTHING)
    trainer.run(blob_set)
    trainer.save(tmp_path / "trainer")
    again = Trainer.load(tmp_path / "trainer")
    assert again.label_smoothing == SMOOTHING
    assert again.measure_loss(*batch) == trainer.measure_loss(*batch)
    trainer.run(blob_set)
    again.run(blob_set)
    assert np.array_equal(trainer.model.get_parameters(), again.model.get_parameters())


@pytest.mark.parametrize("wrong", [-0.1, 1.0, 2.0, np.nan, np.inf])
def test_smoothing_that_is_no_share_is_refused(model, wrong):
    with pytest.raises(teleport.TeleportError, match="label_smoothing"):
        Trainer(model, label_smoothing=wrong)


def test_targets_have_no_labels_to_smooth(model):
    with pytest.raises(teleport.UnsupportedError, match="label_smoothing"):
        Trainer(model, loss="mean_squared_error", label_smoothing=0.1)


def test_a_sample_without_weight_has_no_share_even_where_it_overflows(model, batch):
    x, labels, weights = (part.copy() for part in batch)
    x[3], weights[3] = 1e15, 0
    trainer = Trainer(model, label_smoothing=SMOOTHING)
    rest = np.arange(40) != 3
    gradient, loss = trainer.gradient(x, labels, weights)
    expected, value = trainer.gradient(x[rest], labels[rest], weights[rest])
    assert loss == pytest.approx(value, rel=1e-6)
    assert reference.relative(gradient, expected) < 1e-5

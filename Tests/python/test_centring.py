"""The mean of the inputs, which runs subtract: by themselves where there is no rate, or when asked."""

import numpy as np
import pytest

import teleport

# What runs centre by, said in full: one mean of 1,024 samples, from the first step on, without a warm-up.
ALONE = teleport.FrameConfig(
    kind="centre", every=2**40, early_every=2**40, early_steps=0, samples=1024, warmup_steps=0
)


@pytest.fixture(scope="module")
def learnable():
    generator = np.random.default_rng(1)
    x = generator.normal(1, 1, (400, 8)).astype(np.float32)
    return teleport.Dataset.from_labels(x, x[:, :3].argmax(1))


def trained(data, optimizer, **run):
    trainer = teleport.Trainer(
        teleport.Model([8, 16, 3]), optimizer=optimizer, learning_rate=0.1
    )
    result = trainer.run(data, epochs=3, **run)
    return trainer, trainer.model.get_parameters(), result


def test_a_run_without_a_rate_centres_its_inputs(learnable):
    trainer, weights, result = trained(learnable, "dog")
    assert [report.group for report in result.teleports] == [teleport.Group.FRAME]
    assert np.array_equal(weights, trained(learnable, "dog", frames=ALONE)[1])
    assert not np.array_equal(weights, trained(learnable, "dog", centring="off")[1])
    assert trainer.frame_report(0).framed and not trainer.frame_report(1).framed


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_run_at_a_rate_centres_only_when_it_is_asked_to(learnable, optimizer):
    plain, off, on = (
        trained(learnable, optimizer, centring=how) for how in ("default", "off", "on")
    )
    assert np.array_equal(plain[1], off[1]) and not plain[2].teleports
    assert np.array_equal(on[1], trained(learnable, optimizer, frames=ALONE)[1])
    assert not np.array_equal(on[1], off[1])


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_centred_training_does_not_see_where_the_inputs_lie(learnable, optimizer):
    """Inputs moved by a constant, and the bias that makes up for it: the same net and the same steps."""

    def weights(shift, centring):
        model = teleport.Model([8, 16, 3])
        start = model.get_parameters()
        start[128:144] -= shift * start[:128].reshape(16, 8).sum(1)
        model.set_parameters(start)
        data = teleport.Dataset.from_labels(learnable.get() + np.float32(shift), learnable.labels())
        trainer = teleport.Trainer(model, optimizer=optimizer, learning_rate=0.1)
        trainer.run(data, epochs=2, centring=centring)
        return model.get_parameters()[:128]

    distance = {how: np.abs(weights(4, how) - weights(0, how)).max() for how in ("on", "off")}
    assert distance["off"] > 1e-2 > 1e-3 > distance["on"], distance


def test_nothing_is_left_to_undo(learnable):
    """The net reads the inputs as they are, before and after."""
    trainer, _, _ = trained(learnable, "dog")
    model, x = trainer.model, learnable.get()
    other = teleport.Model([8, 16, 3])
    other.set_parameters(model.get_parameters())
    assert np.array_equal(model.predict(x), other.predict(x))


def test_centring_lasts_until_a_run_is_without(learnable):
    trainer, _, _ = trained(learnable, "dog")
    assert not trainer.run(learnable).teleports, "the mean is that of the first run"
    trainer.run(learnable, centring="off")
    with pytest.raises(teleport.BadStateError, match="no frames"):
        trainer.frame_report(0)
    trainer.set_frames()
    trainer.run(learnable, centring="off")
    assert trainer.frame_report(1).framed, "frames that the host has set are the host's"


def test_a_first_layer_that_cannot_take_the_mean_is_left_alone(learnable):
    def trainer(optimizer):
        return teleport.Trainer(teleport.Model([8, 16, 3], bias=False), optimizer=optimizer)

    assert not trainer("dog").run(learnable).teleports
    with pytest.raises(teleport.UnsupportedError, match="bias"):
        trainer("sgd").run(learnable, centring="on")


def test_what_does_not_go_together_with_centring_is_refused(learnable):
    trainer = teleport.Trainer(teleport.Model([8, 16, 3]))
    for how in ("on", "off"):
        with pytest.raises(teleport.InvalidArgumentError, match="centring"):
            trainer.run(learnable, centring=how, frames=teleport.FrameConfig())
    with pytest.raises(teleport.UnsupportedError, match="centring"):
        trainer.run(learnable, centring="on", teleport=teleport.TeleportConfig())
    # Scaling moves what a centred step does not follow: such a run is as it was.
    plain = teleport.Trainer(teleport.Model([8, 16, 3]), optimizer="dog", average="none")
    result = plain.run(learnable, teleport=teleport.TeleportConfig(search="ascent"))
    assert {report.group for report in result.teleports} == {teleport.Group.SCALING}


def test_a_centred_run_goes_on_to_the_bit(learnable, tmp_path):
    _, whole, _ = trained(learnable, "dog")
    first = teleport.Trainer(teleport.Model([8, 16, 3]), optimizer="dog", learning_rate=0.1)
    stop = lambda event: event.step == 17
    assert first.run(learnable, epochs=3, progress_interval=1, on_event=stop).stopped
    first.save(tmp_path / "stopped")
    second = teleport.Trainer.load(tmp_path / "stopped")
    second.run(learnable, epochs=3 - second.epoch)
    assert np.array_equal(second.model.get_parameters(), whole)

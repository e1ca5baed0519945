"""Optimizers against PyTorch's steps; their state across a teleport against a reference."""

import numpy as np
import pytest

import reference
import teleport
from golden import batch_of, concatenated, load, model_of
from teleport import TeleportConfig

VECTORS = load("optimizers.json")
OPTIONS = {  # of each run, as `about` says
    "sgd": dict(learning_rate=0.1),
    "sgd_weight_decay": dict(learning_rate=0.1, weight_decay=0.01),
    "momentum": dict(learning_rate=0.05),
    "nesterov": dict(learning_rate=0.05),
    "adagrad": dict(learning_rate=0.1),
    "rmsprop": dict(learning_rate=0.01),
    "adam": dict(learning_rate=0.01),
    "adamw": dict(learning_rate=0.01),  # and 0.01 is its default decay
}


@pytest.mark.parametrize("run", VECTORS["runs"], ids=lambda run: run["optimizer"])
def test_steps_are_those_of_pytorch(run):
    x, y = batch_of(VECTORS)
    name = run["optimizer"]
    trainer = teleport.Trainer(
        model_of(VECTORS), optimizer=name.replace("_weight_decay", ""), **OPTIONS[name]
    )
    losses = [trainer.step(x, y) for _ in range(25)]
    # 25 steps in float32: observed errors are under 2e-7 in the losses and 6e-7 in the weights.
    assert np.allclose(losses, run["losses"], rtol=1e-5, atol=0)
    got = trainer.model.get_parameters()
    assert reference.relative(got, concatenated(run["W_final"], run["b_final"])) < 1e-5


REGRESSION = load("regression.json")


@pytest.mark.parametrize("start", range(5))
@pytest.mark.parametrize("optimizer, rate", [("gd", 1e-4), ("adagrad", 1e-1)])
def test_regression_curves_of_the_paper(optimizer, rate, start):
    run = REGRESSION["runs"][start]
    model = model_of({**run, "layer_sizes": REGRESSION["layer_sizes"], "negative_slope": 0.1})
    x, y = batch_of(run)
    trainer = teleport.Trainer(
        model,
        loss="half_squared_error",
        optimizer={"gd": "sgd"}.get(optimizer, optimizer),
        learning_rate=rate,
    )
    losses = [trainer.step(x, y) for _ in range(300)]
    curve = run["curves"][optimizer]
    # Observed: under 1e-6, while the loss falls from 2,300 to 1.
    assert np.allclose(losses[::10], curve["loss_every_10"], rtol=1e-3, atol=0)
    assert losses[-1] == pytest.approx(curve["final_loss"], rel=1e-3)


def test_clip_norm_shortens_the_gradient_and_no_more(blobs):
    x, labels = blobs
    model = teleport.Model([12, 8, 4], seed=1)
    start = model.get_parameters()
    gradient, _ = model.gradient(x, labels)
    norm = np.linalg.norm(gradient.astype(np.float64))
    for bound, factor in ((norm / 2, 0.5), (norm * 2, 1.0)):
        model.set_parameters(start)
        trainer = teleport.Trainer(model, learning_rate=1.0, clip_norm=bound)
        trainer.step(x, labels)
        # One float32 step from weights of size 1.
        assert np.allclose(start - model.get_parameters(), factor * gradient, atol=3e-7)


@pytest.mark.parametrize(
    "options",
    [
        dict(optimizer="lion"),
        dict(learning_rate=-1.0),
        dict(optimizer="momentum", momentum=1.0),
        dict(optimizer="adam", beta1=1.0),
        dict(optimizer="adam", beta2=-0.1),
        dict(optimizer="rmsprop", alpha=1.0),
        dict(epsilon=-2.0),
        dict(weight_decay=-0.5),
        dict(clip_norm=-1.0),
    ],
    ids=str,
)
def test_wrong_numbers_are_refused(options):
    with pytest.raises(teleport.InvalidArgumentError):
        teleport.Trainer(teleport.Model([2, 2]), **options)


# ---- state across a teleport

KINDS = ("momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
RATE, DECAY = 0.01, {"adamw": 0.01}


class Reference:
    """The header's formulas in float64."""

    def __init__(self, kind, size):
        self.kind, self.steps = kind, 0
        self.first, self.second = np.zeros(size), np.zeros(size)

    def step(self, w, g):
        self.steps += 1
        if self.kind in ("momentum", "nesterov"):
            self.first = 0.9 * self.first + g
            return w - RATE * (self.first if self.kind == "momentum" else g + 0.9 * self.first)
        if self.kind == "adagrad":
            self.second = self.second + g * g
            return w - RATE * g / (np.sqrt(self.second) + 1e-10)
        if self.kind == "rmsprop":
            self.second = 0.99 * self.second + 0.01 * g * g
            return w - RATE * g / (np.sqrt(self.second) + 1e-8)
        self.first = 0.9 * self.first + 0.1 * g
        self.second = 0.999 * self.second + 0.001 * g * g
        m = self.first / (1 - 0.9**self.steps)
        s = self.second / (1 - 0.999**self.steps)
        return w * (1 - RATE * DECAY.get(self.kind, 0)) - RATE * m / (np.sqrt(s) + 1e-8)


@pytest.mark.parametrize("policy", ["keep", "reset", "transform"])
@pytest.mark.parametrize("kind", KINDS)
def test_state_across_a_teleport(blobs, kind, policy):
    x, labels = blobs
    model = teleport.Model([12, 8, 6, 4], seed=4)
    trainer = teleport.Trainer(model, optimizer=kind, learning_rate=RATE)
    layers = reference.layers_of(model)
    state = Reference(kind, model.parameter_count)

    def both_step(layers):
        trainer.step(x, labels)
        _, gradient = reference.loss_and_gradient(layers, x, labels)
        return reference.unflat(
            state.step(reference.flat(layers), reference.flat(gradient)), layers
        )

    for _ in range(5):
        layers = both_step(layers)
    before = [layer.weights for layer in map(model.get_layer, range(3))]
    report = trainer.teleport(x, labels, TeleportConfig(search="ascent", radius=0.7, state=policy))
    assert report.accepted
    # ln of each hidden unit's factor, read off its row.
    after = [layer.weights for layer in map(model.get_layer, range(3))]
    s = [np.log(np.median(after[m] / before[m], axis=1)) for m in (0, 1)]
    # The second layer's rows were also divided by the first layer's factors.
    s[1] = np.log(np.median(after[1] * np.exp(s[0]) / before[1], axis=1))
    assert np.abs(np.concatenate(s)).max() == pytest.approx(0.7, rel=1e-5)
    layers = reference.scaled(layers, s)
    if policy == "reset":
        state = Reference(kind, model.parameter_count)
    if policy == "transform":
        # How G_m[i,j] moves: exp(s_in[j] - s_out[i]); biases exp(-s_out[i]). Scaling ones by -s
        # gives it.
        ones = [(np.ones_like(w), np.ones_like(b)) for w, b in layers]
        factors = reference.flat(reference.scaled(ones, [-part for part in s]))
        state.first = state.first * factors
        state.second = state.second * factors**2
    for _ in range(3):
        layers = both_step(layers)
    # Eight float32 steps of size RATE, and factors known to 1e-6.
    assert reference.relative(model.get_parameters(), reference.flat(layers)) < 2e-5


def test_policies_differ(blobs):
    x, labels = blobs
    ends = []
    for policy in ("keep", "reset", "transform"):
        trainer = teleport.Trainer(teleport.Model([12, 8, 4], seed=4), optimizer="adam")
        for _ in range(5):
            trainer.step(x, labels)
        trainer.teleport(x, labels, TeleportConfig(search="ascent", state=policy))
        trainer.step(x, labels)
        ends.append(trainer.model.get_parameters())
    assert not np.allclose(ends[0], ends[1], atol=1e-3)
    assert not np.allclose(ends[0], ends[2], atol=1e-3)
    assert not np.allclose(ends[1], ends[2], atol=1e-3)

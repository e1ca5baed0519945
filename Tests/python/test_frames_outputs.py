"""Frames of the outputs: W_bar = B V A^T, against a net that has B and A as layers of its own.

That net is written here in double, its gradient by V is taken by finite differences of its loss, and the formulas of
the optimizers are applied to V. The library never has V: it must come to the same W_bar.
"""

import numpy as np
import pytest

import teleport

FRAME = teleport.TeleportConfig(group="frame")
WIDTHS = [4, 5, 3]
RATE = 0.05
# The library looks at every eighth gradient, and an average forgets a tenth at each.
EVERY, KEPT = 8, 0.9

WAYS = [
    ("sgd", "whiten", {}),
    ("sgd", "whiten", {"weight_decay": 0.1}),
    ("momentum", "whiten", {}),
    ("adam", "whiten", {}),
    ("adam", "rotate", {}),
    ("adamw", "rotate", {"average": "schedule_free"}),
    ("dog", "whiten", {}),
]
NAMES = ["-".join([optimizer, kind, *more]) for optimizer, kind, more in WAYS]


def inverse_of_damped(c):
    """P = k (C + l I)^-1 with l the mean eigenvalue and tr(P C) = tr(C)."""
    inverse = np.linalg.inv(c + np.trace(c) / len(c) * np.eye(len(c)))
    return np.trace(c) / np.trace(inverse @ c) * inverse


def frame_of(c, kind, optimizer):
    if kind == "rotate":
        vectors = np.linalg.eigh(c)[1]
        signs = np.sign(vectors[np.abs(vectors).argmax(0), range(len(c))])
        return vectors * signs
    p = inverse_of_damped(c)
    if optimizer == "adam":
        values, vectors = np.linalg.eigh(p)
        return vectors * np.sqrt(values) @ vectors.T
    return np.linalg.cholesky(p)  # any root: nothing below depends on which


class Explicit:
    """The net with B and A, and an optimizer of its V."""

    def __init__(self, model, optimizer, kind, average=None, weight_decay=0.0):
        self.optimizer, self.kind, self.decay = optimizer, kind, weight_decay
        self.schedule_free = average == "schedule_free"
        if optimizer == "adamw":
            self.decay = 0.01
        flat, self.bars, place = model.get_parameters().astype(float), [], 0
        for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
            end = place + inputs * outputs
            weights, bias = flat[place:end].reshape(outputs, inputs), flat[end : end + outputs]
            self.bars.append(np.column_stack([weights, bias]))
            place = end + outputs
        self.a = [np.eye(inputs + 1) for inputs in WIDTHS[:-1]]
        self.b = [np.eye(outputs) for outputs in WIDTHS[1:]]
        self.l = [np.zeros((outputs, outputs)) for outputs in WIDTHS[1:]]
        self.m = [0 * bar for bar in self.bars]  # plain gradients' average
        self.s = [0 * bar for bar in self.bars]
        self.steps, self.first = 0, [bar.copy() for bar in self.bars]
        self.fast, self.averaged = ([bar.copy() for bar in self.bars] for _ in range(2))
        self.radii = [1e-6 * (1 + np.linalg.norm(bar)) for bar in self.bars]
        self.sums = [0.0 for _ in self.bars]

    def forward(self, vs, x):
        inputs, h = [], x
        for layer, (b, v, a) in enumerate(zip(self.b, vs, self.a)):
            bar = np.column_stack([h, np.ones(len(h))])
            inputs.append(bar)
            h = (bar @ a) @ v.T @ b.T
            if layer < len(vs) - 1:
                h = np.tanh(h)
        return inputs, h

    def loss(self, vs, x, y):
        outputs = self.forward(vs, x)[1]
        largest = outputs.max(1, keepdims=True)
        logs = outputs - largest - np.log(np.exp(outputs - largest).sum(1, keepdims=True))
        return -logs[range(len(y)), y].mean()

    def vs(self):
        return [
            np.linalg.inv(b) @ bar @ np.linalg.inv(a).T
            for b, bar, a in zip(self.b, self.bars, self.a)
        ]

    def refresh(self, x):
        inputs = self.forward(self.vs(), x)[0]
        for layer, bar in enumerate(inputs):
            if layer == 0:
                self.a[0] = np.eye(len(self.a[0]))
                self.a[0][-1, :-1] = -x.mean(0)
            else:
                c = bar.T @ bar / len(bar)
                self.a[layer] = frame_of(c, self.kind, self.optimizer)
            if self.l[layer].any():
                self.b[layer] = frame_of(self.l[layer], self.kind, self.optimizer)

    def gradients(self, x, y):
        vs, found = self.vs(), []
        for v in vs:
            gradient = np.zeros_like(v)
            for place in np.ndindex(v.shape):
                kept, values = v[place], []
                for v[place] in (kept + 1e-6, kept - 1e-6):
                    values.append(self.loss(vs, x, y))
                v[place] = kept
                gradient[place] = (values[0] - values[1]) / 2e-6
            found.append(gradient)
        return found

    def step(self, x, y):
        t = self.steps + 1
        for layer, g in enumerate(self.gradients(x, y)):
            a, b = self.a[layer], self.b[layer]
            framed = np.linalg.inv(b).T @ g  # G' = G_bar A
            if self.steps % EVERY == 0:
                self.l[layer] = KEPT * self.l[layer] + (1 - KEPT) * framed @ framed.T
            self.bars[layer] = self.moved(layer, g, framed @ np.linalg.inv(a), a, b, t)
        self.steps = t

    def moved(self, layer, g, plain, a, b, t):
        """W_bar after the optimizer's step on V."""
        bar, rate = self.bars[layer], RATE
        if self.optimizer == "sgd":
            return (1 - rate * self.decay) * bar - rate * b @ g @ a.T
        if self.optimizer == "momentum":
            self.m[layer] = 0.9 * self.m[layer] + plain
            return bar - rate * b @ (b.T @ self.m[layer] @ a) @ a.T
        if self.optimizer == "dog":
            change = np.linalg.inv(b) @ (bar - self.first[layer]) @ np.linalg.inv(a).T
            self.radii[layer] = max(self.radii[layer], np.linalg.norm(change))
            self.sums[layer] += (g**2).sum()
            return bar - self.radii[layer] / np.sqrt(self.sums[layer]) * b @ g @ a.T
        beta = 0.0 if self.schedule_free else 0.9
        self.m[layer] = beta * self.m[layer] + (1 - beta) * plain
        self.s[layer] = 0.999 * self.s[layer] + 0.001 * g**2
        size = np.sqrt(self.s[layer] / (1 - 0.999**t)) + 1e-8
        step = rate * b @ (b.T @ self.m[layer] @ a / (1 - beta**t) / size) @ a.T
        if not self.schedule_free:
            return bar - step
        self.fast[layer] = self.fast[layer] - step - rate * self.decay * bar
        self.averaged[layer] += (self.fast[layer] - self.averaged[layer]) / t
        return 0.1 * self.fast[layer] + 0.9 * self.averaged[layer]

    def flat(self):
        return np.concatenate([np.append(bar[:, :-1], bar[:, -1]) for bar in self.bars])


def samples():
    generator = np.random.default_rng(3)
    x = generator.normal(1, 1, (40, WIDTHS[0])).astype(np.float32)
    return x, generator.integers(0, 3, 40).astype(np.int32)


def config(kind, **more):
    return teleport.FrameConfig(kind=kind, outputs=True, every=-1, warmup_steps=0, **more)


@pytest.mark.parametrize("optimizer, kind, more", WAYS, ids=NAMES)
def test_steps_are_those_of_the_net_with_both_frames_as_layers(optimizer, kind, more):
    x, y = samples()
    model = teleport.Model(WIDTHS, activation="tanh", seed=1)
    trainer = teleport.Trainer(model, optimizer=optimizer, learning_rate=RATE, **more)
    trainer.set_frames(config(kind))
    explicit = Explicit(model, optimizer, kind, **more)
    # DoG's first steps are tiny: a radius that rounding of floats would not show is given.
    start = explicit.flat()
    for step in range(20):
        if step in (0, 4, 10):
            report = trainer.teleport(x, y, FRAME)
            assert report.accepted and report.output_change == 0
            explicit.refresh(x.astype(float))
        half = slice(0, 20) if step % 2 == 0 else slice(20, 40)
        loss = explicit.loss(explicit.vs(), x[half].astype(float), y[half])
        assert trainer.step(x[half], y[half]) == pytest.approx(loss, rel=1e-5)
        explicit.step(x[half].astype(float), y[half])
        assert model.get_parameters() == pytest.approx(explicit.flat(), abs=2e-5)
    assert np.abs(explicit.flat() - start).max() > (1e-5 if optimizer == "dog" else 0.05)


def learnable():
    generator = np.random.default_rng(1)
    x = generator.normal(1, 1, (400, 8)).astype(np.float32)
    return teleport.Dataset.from_labels(x, x[:, :3].argmax(1))


@pytest.mark.parametrize("optimizer, kind, more", WAYS, ids=NAMES)
def test_runs_in_both_frames_learn_and_go_on_to_the_bit(optimizer, kind, more, tmp_path):
    data = learnable()
    frames = teleport.FrameConfig(kind=kind, outputs=True, every=15, early_every=5, early_steps=20)

    def trainer():
        model = teleport.Model([8, 16, 3])
        return teleport.Trainer(model, optimizer=optimizer, learning_rate=0.02, **more)

    whole = trainer()
    whole.run(data, epochs=12, frames=frames)
    for stop in (9, 31, 100):
        first = trainer()
        run = {"frames": frames, "progress_interval": 1}
        stopped = first.run(data, epochs=12, on_event=lambda event: event.step == stop, **run)
        assert stopped.stopped
        first.save(tmp_path / "stopped")
        second = teleport.Trainer.load(tmp_path / "stopped")
        second.run(data, epochs=12 - second.epoch, **run)
        assert np.array_equal(second.model.get_parameters(), whole.model.get_parameters())
    without = trainer()
    without.run(data, epochs=12, frames=teleport.FrameConfig(kind=kind, every=15, early_every=5, early_steps=20))
    assert not np.array_equal(without.model.get_parameters(), whole.model.get_parameters())
    assert whole.model.evaluate(data).accuracy > 0.6


def test_an_undone_teleport_leaves_no_trace_in_both_frames():
    x, y = samples()

    def weights(teleports):
        model = teleport.Model(WIDTHS, activation="tanh", seed=1)
        trainer = teleport.Trainer(model, optimizer="adam", learning_rate=RATE)
        trainer.set_frames(config("whiten"))
        for step in range(30):
            if teleports and step % 7 == 3:
                trainer.teleport(x, y, FRAME)
                trainer.step(x, y)
                trainer.undo_teleport()
            trainer.step(x, y)
        return model.get_parameters()

    assert np.array_equal(weights(True), weights(False))


def test_a_step_that_is_refused_leaves_no_trace_in_both_frames():
    x, y = samples()

    def weights(refused):
        model = teleport.Model(WIDTHS, activation="leaky_relu", seed=1)
        trainer = teleport.Trainer(model, optimizer="momentum", learning_rate=RATE)
        trainer.set_frames(config("whiten"))
        for step in range(20):
            if step in (0, 9):
                trainer.teleport(x, y, FRAME)
            if refused:
                for rate, size in ((RATE, 3e38), (3e38, 1e5)):  # the second is of a modest gradient
                    trainer.learning_rate = rate
                    with pytest.raises(teleport.NotFiniteError):
                        trainer.apply_gradient(np.full(model.parameter_count, size, np.float32))
                trainer.learning_rate = RATE
            trainer.step(x, y)
        return model.get_parameters()

    assert np.array_equal(weights(True), weights(False))


def test_outputs_of_frames_that_are_of_inputs_alone_are_refused():
    trainer = teleport.Trainer(teleport.Model([8, 16, 3]))
    with pytest.raises(teleport.InvalidArgumentError, match="outputs"):
        trainer.set_frames(teleport.FrameConfig(kind="centre", outputs=True))

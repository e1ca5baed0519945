"""Frames of convolutions: V on patches in the coordinates of A, against that net written out.

A convolution is a dense layer on patches. The net of the patches is written here in double, its gradient by V = W_bar
B^-1 A^-T is taken by finite differences of its loss, and the formulas of the optimizers are applied to V. The library
never has V: it must come to the same W_bar, B V A^T.
"""

import numpy as np
import pytest

import teleport

FRAME = teleport.TeleportConfig(group="frame")
# At most eight places each, so that all patches are looked at and C is known.
TEXT = "input 2x4x4\nconv 3 3x3 stride 2 pad 1\ntanh\nconv 3 2x2 pad 1 stride 2\ntanh\ndense 3\n"
SHAPES = [(3, 2, 3, 3), (3, 3, 2, 2), (3, 12)]
PADS, STRIDE = (1, 1), 2
RATE = 0.05
EVERY, KEPT = 8, 0.9  # of the gradients that frames of outputs are made of

WAYS = [
    ("sgd", "whiten", {}, False),
    ("sgd", "whiten", {"weight_decay": 0.1}, False),
    ("momentum", "whiten", {}, False),
    ("adam", "whiten", {}, False),
    ("adam", "rotate", {}, False),
    ("adamw", "rotate", {"average": "schedule_free"}, False),
    ("dog", "whiten", {}, False),
    ("sgd", "centre", {}, False),
    ("momentum", "centre", {}, False),
    ("sgd", "whiten", {}, True),
    ("momentum", "whiten", {}, True),
    ("adam", "rotate", {}, True),
    ("dog", "whiten", {}, True),
]
NAMES = ["-".join([way[0], way[1], *way[2], "outputs" * way[3]]) for way in WAYS]


def inverse_of_damped(c):
    """P = k (C + l I)^-1 with l the mean eigenvalue and tr(P C) = tr(C)."""
    inverse = np.linalg.inv(c + np.trace(c) / len(c) * np.eye(len(c)))
    return np.trace(c) / np.trace(inverse @ c) * inverse


def frame_of(c, kind, optimizer):
    if kind == "rotate":
        vectors = np.linalg.eigh(c)[1]
        return vectors * np.sign(vectors[np.abs(vectors).argmax(0), range(len(c))])
    p = inverse_of_damped(c)
    if optimizer.startswith("adam"):
        values, vectors = np.linalg.eigh(p)
        return vectors * np.sqrt(values) @ vectors.T
    return np.linalg.cholesky(p)  # any root: nothing below depends on which


def patches(images, kernel, pad):
    """Samples x places x (channels, rows, columns) of the kernel."""
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows = range(0, padded.shape[2] - kernel + 1, STRIDE)
    columns = range(0, padded.shape[3] - kernel + 1, STRIDE)
    cut = [padded[:, :, i : i + kernel, j : j + kernel] for i in rows for j in columns]
    return np.stack([one.reshape(len(images), -1) for one in cut], 1), (len(rows), len(columns))


class Explicit:
    """The net of patches with B and A, and an optimizer of its V."""

    def __init__(self, model, optimizer, kind, outputs, average=None, weight_decay=0.0):
        self.optimizer, self.kind, self.decay = optimizer, kind, weight_decay
        self.schedule_free, self.outputs = average == "schedule_free", outputs
        if optimizer == "adamw":
            self.decay = 0.01
        flat, self.bars, place = model.get_parameters().astype(float), [], 0
        for shape in SHAPES:
            end = place + int(np.prod(shape))
            weights, bias = flat[place:end].reshape(shape[0], -1), flat[end : end + shape[0]]
            self.bars.append(np.column_stack([weights, bias]))
            place = end + shape[0]
        self.a = [np.eye(bar.shape[1]) for bar in self.bars]
        self.b = [np.eye(len(bar)) for bar in self.bars]
        self.l = [np.zeros((len(bar), len(bar))) for bar in self.bars]
        self.m = [0 * bar for bar in self.bars]  # the average of plain gradients
        self.s = [0 * bar for bar in self.bars]
        self.steps, self.first = 0, [bar.copy() for bar in self.bars]
        self.fast, self.averaged = ([bar.copy() for bar in self.bars] for _ in range(2))
        self.radii = [1e-6 * (1 + np.linalg.norm(bar)) for bar in self.bars]
        self.sums = [0.0 for _ in self.bars]

    def forward(self, vs, x):
        inputs, h = [], x
        for shape, b, v, a, pad in zip(SHAPES, self.b, vs, self.a, (*PADS, None)):
            if pad is None:
                rows = h.reshape(len(h), 1, -1)
            else:
                rows, size = patches(h, shape[2], pad)
            bar = np.concatenate([rows, np.ones((*rows.shape[:2], 1))], 2)
            inputs.append(bar.reshape(-1, bar.shape[2]))
            z = (bar @ a) @ v.T @ b.T
            if pad is None:
                return inputs, z[:, 0]
            h = np.tanh(z).transpose(0, 2, 1).reshape(len(x), -1, *size)

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
        for layer, bars in enumerate(self.forward(self.vs(), x)[0]):
            if self.kind == "centre":
                if layer == 0:
                    self.a[0] = np.eye(len(self.a[0]))
                    self.a[0][-1, :-1] = -bars[:, :-1].mean(0)
                continue
            self.a[layer] = frame_of(bars.T @ bars / len(bars), self.kind, self.optimizer)
            if self.outputs and self.l[layer].any():
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
    x = generator.normal(0.5, 1, (40, 2, 4, 4)).astype(np.float32)
    return x, generator.integers(0, 3, 40).astype(np.int32)


@pytest.mark.parametrize("optimizer, kind, more, outputs", WAYS, ids=NAMES)
def test_steps_are_those_of_the_net_of_patches_with_frames_as_layers(
    optimizer, kind, more, outputs
):
    x, y = samples()
    model = teleport.Model(TEXT, seed=1)
    trainer = teleport.Trainer(model, optimizer=optimizer, learning_rate=RATE, **more)
    trainer.set_frames(
        teleport.FrameConfig(kind=kind, outputs=outputs, every=-1, warmup_steps=0)
    )
    explicit = Explicit(model, optimizer, kind, outputs, **more)
    start = explicit.flat()
    wide = x.astype(float)
    for step in range(16):
        if step in (0, 4, 10):
            report = trainer.teleport(x, y, FRAME)
            assert report.accepted and report.output_change == 0
            explicit.refresh(wide)
        half = slice(0, 20) if step % 2 == 0 else slice(20, 40)
        loss = explicit.loss(explicit.vs(), wide[half], y[half])
        assert trainer.step(x[half], y[half]) == pytest.approx(loss, rel=1e-5)
        explicit.step(wide[half], y[half])
        assert model.get_parameters() == pytest.approx(explicit.flat(), abs=3e-5)
    assert np.abs(explicit.flat() - start).max() > (1e-5 if optimizer == "dog" else 0.02)


RESIDUAL = """input 1x8x8
conv 6 3x3 pad 1
batch_norm
leaky_relu 0.01; stem = max_pool 2
conv 6 3x3 pad 1
batch_norm
leaky_relu 0.01
conv 6 3x3 pad 1
add of conv3 stem
leaky_relu 0.01
global_avg_pool
dense 3
"""


def images():
    """Bars, dots and crosses on a grey ground."""
    generator = np.random.default_rng(1)
    labels = np.arange(200, dtype=np.int32) % 3
    x = generator.normal(0.5, 0.1, (200, 1, 8, 8)).astype(np.float32)
    for image, label in zip(x, labels):
        i, j = generator.integers(1, 6, 2)
        if label != 1:
            image[0, i, j - 1 : j + 2] += 1
        if label != 0:
            image[0, i - 1 : i + 2, j] += 1
    return teleport.Dataset.from_labels(x.reshape(200, -1), labels)


@pytest.mark.parametrize("optimizer, kind, more, outputs", WAYS, ids=NAMES)
def test_runs_of_convolutions_learn_and_go_on_to_the_bit(
    optimizer, kind, more, outputs, tmp_path
):
    data = images()
    frames = teleport.FrameConfig(
        kind=kind, outputs=outputs, every=15, early_every=5, early_steps=20, samples=100
    )

    def trainer():
        # With kind CENTRE a bias takes the mean of the image.
        model = teleport.Model(RESIDUAL.replace("conv 6 3x3 pad 1", "conv 6 3x3 pad 1 bias"), seed=1)
        return teleport.Trainer(model, optimizer=optimizer, learning_rate=0.02, **more)

    run = {"frames": frames, "progress_interval": 1, "batch_size": 16}
    whole = trainer()
    before = whole.model.loss(data.get(), data.labels())
    whole.run(data, epochs=8, **run)
    for stop in (3, 26, 71):
        first = trainer()
        stopped = first.run(data, epochs=8, on_event=lambda event: event.step == stop, **run)
        assert stopped.stopped
        first.save(tmp_path / "stopped")
        second = teleport.Trainer.load(tmp_path / "stopped")
        second.run(data, epochs=8 - second.epoch, **run)
        assert np.array_equal(second.model.get_parameters(), whole.model.get_parameters())
    trained = whole.averaged_model() if "average" in more else whole.model
    assert trained.loss(data.get(), data.labels()) < before


def test_an_undone_teleport_of_convolutions_leaves_no_trace():
    data = images()
    x, y = data.get(), data.labels()

    def weights(teleports):
        model = teleport.Model(RESIDUAL, seed=1)
        trainer = teleport.Trainer(model, optimizer="adam", learning_rate=0.01)
        trainer.set_frames(teleport.FrameConfig(every=-1, outputs=True))
        trainer.teleport(x, y, FRAME)
        for step in range(20):
            if teleports and step % 7 == 3:
                trainer.teleport(x, y, FRAME)
                trainer.step(x[:32], y[:32])
                trainer.undo_teleport()
            trainer.step(x[:32], y[:32])
        return model.get_parameters()

    assert np.array_equal(weights(True), weights(False))


def test_layers_of_images_without_a_frame_say_why():
    text = "input 4x8x8\nconv 8 3x3 groups 2\nbatch_norm\nrelu\nconv 4 6x6\nrelu\ndense 3\n"
    trainer = teleport.Trainer(teleport.Model(text), optimizer="adam")
    trainer.set_frames(teleport.FrameConfig(kind="rotate"))
    reports = [trainer.frame_report(layer) for layer in range(4)]
    assert [report.framed for report in reports] == [False, False, False, True]
    assert reports[0].reason == "its channels are in groups"
    assert reports[1].reason == "it has no matrix of weights"
    assert "more than 256" in reports[2].reason and reports[2].size == 289
    trainer.set_frames(teleport.FrameConfig())
    assert trainer.frame_report(2).framed


def test_images_have_the_frame_that_input_says():
    data = images()
    model = teleport.Model("input 1x8x8\nconv 4 3x3\nrelu\nmax_pool 2\ndense 3\n")
    trainer = teleport.Trainer(model)
    trainer.set_frames(teleport.FrameConfig(input="none"))
    assert "input is NONE" in trainer.frame_report(0).reason
    for frames in ({"input": "rank"}, {"input": "centre"}, {"kind": "centre"}):
        trainer.set_frames(teleport.FrameConfig(every=-1, **frames))
        report = trainer.teleport(data.get(), data.labels(), FRAME)
        assert report.accepted and report.output_change == 0
        conditions = trainer.frame_report(0)
        assert conditions.renewed and conditions.size == 10
        assert conditions.condition_after < conditions.condition_before
    plain = teleport.Model("input 1x8x8\nconv 4 3x3 nobias\nbatch_norm\nrelu\ndense 3\n")
    centred = teleport.Trainer(plain)
    centred.set_frames(teleport.FrameConfig(input="rank"))
    assert "bias" in centred.frame_report(0).reason

"""The seeded runs of scripts/compare-builds, driven by the Python package of one checkout, which PYTHONPATH names.

    python3 scripts/seeded_runs.py THREADS FOLDER OTHERS

Prints a line a run: its number, what was drawn, what came of it, and a digest of each part. Writes models and
checkpoints into FOLDER, and goes on from those in OTHERS. RENAMED tells it the names that a package does not have,
or not any more.
"""

import hashlib
import inspect
import itertools
import sys
from pathlib import Path

import numpy as np
import teleport

RUNS = 200
MARGIN = " | "

# Name here -> other names that a package may have for it: methods, keywords and fields of reports.
RENAMED = {"check_teleport": ("can_teleport",)}

ACTIVATIONS = ("identity", "leaky_relu", "relu", "sigmoid", "tanh")
LOSSES = ("cross_entropy", "mean_squared_error", "half_squared_error")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
GROUPS = ("scaling", "linear", "null_space", "level_set")
SEARCHES = ("lookahead", "ascent", "random")
NORMS, SHARPNESS = ("gradient_norm_maximize", "gradient_norm_minimize"), ("sharpness_maximize", "sharpness_minimize")
OBJECTIVES = (*NORMS, *SHARPNESS, "curvature_maximize", "curvature_minimize", "lookahead")
SCHEDULES = ("constant", "step", "cosine", "callback")
STATES = ("keep", "reset", "transform")
REPORT = (  # fields of a report that are compared: all but its seconds
    "accepted outcome group search layer halves_shared steps backtracks candidates refused rank radius loss_before "
    "loss_after held_out_before held_out_after gradient_norm2_before gradient_norm2_after output_change condition "
    "fit_residual score_before score_after objective_before objective_after input_condition"
).split()
PARTS = ("weights", "losses", "reports", "outputs", "products", "resumed", "files")
MOVED, STAYED, REFUSED = "moved", "stayed", "refused"


def allowed(group, search, objective):
    """Whether some model can be teleported so. The others are asked for now and then, to be refused."""
    if search == "random":
        return group in ("scaling", "linear")
    return not objective.startswith("curvature") and objective != "lookahead"


COMBINATIONS = tuple(itertools.product(GROUPS, SEARCHES, OBJECTIVES))
ALLOWED = tuple(kind for kind in COMBINATIONS if allowed(*kind))
MOVABLE = {"scaling": ("identity", "leaky_relu", "relu"), "linear": ("identity", "leaky_relu", "sigmoid", "tanh")}


def known(names, name):
    """`name`, or what it is called among these names."""
    for candidate in (name, *RENAMED.get(name, ())):
        if candidate in names:
            return candidate
    raise SystemExit(f"the package has nothing called {name!r}: tell RENAMED in {__file__}")


def attribute(owner, name):
    return getattr(owner, known(dir(owner), name))


def call(function, *arguments, **keywords):
    """The call, by the keywords that the package has."""
    names = inspect.signature(function).parameters
    return function(*arguments, **{known(names, name): value for name, value in keywords.items()})


class Digest:
    """SHA-256 of numbers to the bit. NaNs are one number."""

    def __init__(self):
        self._hash = hashlib.sha256()

    def add(self, *values):
        for value in values:
            if isinstance(value, str):
                self._hash.update(value.encode() + b"\0")
                continue
            array = np.array(value, np.float32 if getattr(value, "dtype", None) == np.float32 else np.float64)
            array[np.isnan(array)] = np.nan
            self._hash.update(array.tobytes())

    def __str__(self):
        return self._hash.hexdigest()[:16]


class Plan:
    """Everything that is drawn for run `number`: the same for every build."""

    def __init__(self, number):
        draw = self.draw = np.random.default_rng(number)
        chance = self.chance = lambda share: bool(draw.random() < share)
        self.group, self.search, self.objective = ALLOWED[number % len(ALLOWED)]
        self.legal = not chance(0.06)
        if not self.legal:
            self.group, self.search, self.objective = COMBINATIONS[draw.integers(len(COMBINATIONS))]
        self.large = number % 25 == 5  # enough for two threads, in passes and optimizer
        self.activation = str(draw.choice(MOVABLE.get(self.group, ACTIVATIONS) if self.legal else ACTIVATIONS))
        self.loss = LOSSES[number % len(LOSSES)]
        self.optimizer = OPTIMIZERS[number % len(OPTIMIZERS)]
        self.schedule = str(draw.choice(SCHEDULES))
        transforms = self.group == "scaling" and (self.search == "random" or self.objective in NORMS)
        self.state = str(draw.choice(STATES if transforms or not self.legal else STATES[:2]))
        self.exact = self.group == "scaling" and chance(0.25)
        self.bias, self.weighted, self.held_out = chance(0.6), chance(0.35), chance(0.25)
        self.weight_decay = float(draw.choice([-1, 0, 1e-3]))
        self.clip_norm = float(draw.choice([0, 0.5]))
        self.batch = 256 if self.large else int(draw.integers(17, 65))
        wide = {"linear": (66, 120), "null_space": (40, 60)}  # these need layers with more inputs than samples
        inputs = int(draw.integers(*wide.get(self.group, (3, 25))))
        hidden = [int(width) for width in draw.integers(4, 20, draw.integers(1, 4))]
        if self.group == "null_space":
            self.large, self.batch, hidden = False, int(draw.integers(17, 33)), [width + 40 for width in hidden]
        self.widths = [784, 320, 64, 10] if self.large else [inputs, *hidden, int(draw.integers(2, 6))]
        layer = int(draw.integers(len(self.widths) - 2))
        if self.group in ("level_set", "null_space"):
            self.layer = -1
        elif self.group == "linear":
            self.layer = int(draw.choice([-1, 0]))
        else:
            self.layer = int(draw.choice([-1, layer] + [-2] * (self.search == "random")))

    def __str__(self):
        options = [name for name in ("exact", "bias", "weighted", "held_out", "large") if getattr(self, name)]
        words = (self.group, self.search, self.objective, self.activation, self.loss, self.optimizer)
        return " ".join([*words, "schedule=" + self.schedule, "state=" + self.state, *options])

    def samples(self, count):
        """x, y and weights (or None)."""
        x = self.draw.normal(size=(count, self.widths[0])).astype(np.float32)
        outputs = self.widths[-1]
        scores = x @ self.draw.normal(size=(x.shape[1], outputs)).astype(np.float32) / np.sqrt(x.shape[1])
        y = scores.argmax(1).astype(np.int32) if self.loss == "cross_entropy" else scores.astype(np.float32)
        if self.loss == "cross_entropy":
            y[:outputs] = np.arange(outputs)
        weights = self.draw.uniform(0.2, 2, count).astype(np.float32)
        return x, y, weights if self.weighted else None

    def config(self, held_out):
        return call(
            teleport.TeleportConfig, group=self.group, search=self.search, objective=self.objective, state=self.state,
            radius=float(self.draw.choice([0, 0.1, 0.4])), steps=int(self.draw.choice([0, 3])),
            candidates=int(self.draw.integers(8, 20)), layer=self.layer, rollout_steps=5, rollout_batch=16,
            exact=self.exact, learning_rate=0.03, loss_tolerance=float(self.draw.choice([1e-5, 1e-3])),
            held_out_tolerance=0.5 if self.held_out else -1.0, held_out=held_out if self.held_out else None,
            seed=int(self.draw.integers(1 << 40)),
            sampler=str(self.draw.choice(["exponential", "diagonally_dominant"], p=[0.75, 0.25])), perturbations=2,
            perturbation_norms=(0.1, 0.4), curves=3,
        )


class Run:
    """One run, part by part; a part that the library refuses ends there, and its status is what counts."""

    def __init__(self, number, folder, others):
        self.plan = Plan(number)
        self.digests = {part: Digest() for part in PARTS}
        self.trained = self.moved = self.refused = 0
        self.model_file, self.checkpoint = folder / f"{number}.model", folder / f"{number}.checkpoint"
        plan, draw = self.plan, self.plan.draw
        self.x, self.y, self.weights = plan.samples(2 * plan.batch)
        self.valid = plan.samples(40)
        self.config = plan.config(tuple(part for part in self.valid if part is not None))
        self.model = call(
            teleport.Model, plan.widths, activation=plan.activation, negative_slope=float(draw.choice([0.01, 0.3])),
            bias=plan.bias, initialization=str(draw.choice(["glorot_uniform", "he_uniform", "torch_linear"])),
            seed=number,
        )
        self.direction = draw.normal(size=self.model.parameter_count).astype(np.float32)
        self.trainer = call(
            teleport.Trainer, self.model, loss=plan.loss, optimizer=plan.optimizer,
            learning_rate=float(draw.choice([0.003, 0.02])), weight_decay=plan.weight_decay, clip_norm=plan.clip_norm,
        )
        for part in (self.teleport_alone, self.train, self.step):
            self.guarded("reports", part)
        self.guarded("losses", self.measure)
        self.guarded("resumed", lambda: self.resume("resumed", self.model_file, self.checkpoint))
        theirs = others / self.model_file.name, others / self.checkpoint.name
        self.guarded("files", lambda: self.resume("files", *theirs))
        self.digests["weights"].add(self.model.get_parameters())

    def guarded(self, digest, part):
        try:
            part()
        except teleport.TeleportError as error:
            self.refused += digest == "reports"
            self.digests[digest].add("refused", int(error.status))

    def report(self, report, digest="reports"):
        for name in REPORT:
            self.digests[digest].add(attribute(report, name))
        self.moved += report.accepted

    def teleport_alone(self):
        self.guarded("reports", lambda: attribute(self.model, "check_teleport")(self.config))
        model, loss, batch = self.model.clone(), self.plan.loss, self.plan.batch
        x, y, weights = (part if part is None else part[:batch] for part in (self.x, self.y, self.weights))
        self.report(call(model.teleport, x, y, self.config, loss=loss, weights=weights))
        self.digests["weights"].add(model.get_parameters())

    def set_schedule(self, trainer):
        kind = self.plan.schedule
        rate = {"rate": lambda step, base: base / (1 + step)} if kind == "callback" else {}
        schedule = call(teleport.Schedule, schedule=kind, warmup_steps=2, interval=5, factor=0.5, **rate)
        trainer.set_schedule(schedule)

    def run(self, trainer, digest, teleports, checkpoint=None):
        """One or two epochs with teleports."""
        make, plan = teleport.Dataset.from_arrays, self.plan

        def on_event(event):
            self.digests[digest].add(str(event.kind), event.step, event.loss, event.learning_rate)
            self.digests[digest].add(event.valid_loss, event.valid_accuracy)
            self.trained += event.step > 0

        done = call(
            trainer.run, make(self.x, self.y), make(*self.valid[:2]), epochs=2 if teleports else 1,
            batch_size=plan.batch, seed=plan.batch, teleport=self.config, teleport_epochs=(trainer.epoch,),
            teleports_per_epoch=teleports or 1, teleport_samples=plan.batch, progress_interval=1,
            checkpoint_path=checkpoint, on_event=on_event,
        )
        for report in done.teleports:
            self.report(report, "reports" if digest == "losses" else digest)

    def train(self):
        """A run that writes checkpoints, then both files, written in the middle of the training."""
        self.set_schedule(self.trainer)
        try:
            self.run(self.trainer, "losses", 2 if self.plan.chance(0.5) else 1, self.checkpoint)
        finally:
            self.model.save(self.model_file)
            self.trainer.save(self.checkpoint)

    def step(self):
        batch = slice(self.plan.batch)
        weights = None if self.weights is None else self.weights[batch]

        def step():
            self.digests["losses"].add(self.trainer.step(self.x[batch], self.y[batch], weights))

        step()
        self.trained += 1
        report = call(self.trainer.teleport, self.x[batch], self.y[batch], self.config, weights=weights)
        self.report(report)
        step()
        if report.accepted and self.plan.chance(0.3):
            self.trainer.undo_teleport()
        self.trainer.apply_gradient(self.direction)
        step()

    def measure(self):
        model, x, y, weights = self.model, self.x, self.y, self.weights
        options = {"loss": self.plan.loss, "weights": weights}
        outputs, products = self.digests["outputs"], self.digests["products"]
        outputs.add(model.predict(x), model.predict(x, "probabilities"), model.predict_labels(x))
        outputs.add(*model.gradient(x, y, **options))
        products.add(model.hessian_vector_product(x, y, self.direction, **options))

        def scaling_norm():
            scale = self.direction[: sum(self.plan.widths[1:-1])] / 4
            products.add(*model.scaling_gradient_norm(x, y, scale, **options))

        def linear_norm():
            phi, slopes = model.linear_gradient_norm(x, y, **options)
            products.add(phi, *slopes)

        self.guarded("products", scaling_norm)
        if not self.plan.large:
            self.guarded("products", linear_norm)

    def resume(self, digest, model_file, checkpoint):
        """Goes on from files."""
        model = teleport.Model.load(model_file)
        self.digests[digest].add(model.get_parameters(), model.predict(self.x))
        trainer = teleport.Trainer.load(checkpoint)
        if self.plan.schedule == "callback":
            self.set_schedule(trainer)
        self.guarded(digest, lambda: self.run(trainer, digest, 0))
        self.digests[digest].add(trainer.step(self.x, self.y, self.weights), trainer.model.get_parameters())

    def line(self, number):
        state = MOVED if self.moved and self.trained else STAYED if self.trained and not self.refused else REFUSED
        return MARGIN.join([str(number), str(self.plan), state, *(f"{part} {self.digests[part]}" for part in PARTS)])


def drive(threads, folder, others):
    teleport.set_thread_count(threads)
    for number in range(RUNS):
        print(Run(number, folder, others).line(number), flush=True)


if __name__ == "__main__":
    drive(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))

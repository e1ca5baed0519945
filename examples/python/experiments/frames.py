"""Frames: what a teleport of the coordinates gains, every method at its own best rate.

Trains the suite of docs/frames.md from paired first weights and mini-batches. Rates go by factors
of 2 until the best is inside, on three seeds of their own; the gain is the steps at which plain
SGD, tuned, first reaches its own final loss over those of the method, a geometric mean over seeds.
A folder fashion_png beside the data adds f14; --tasks chooses. --rivals adds optimizers from PyPI,
in the environment of the benchmarks, which `make .venv-bench/stamp` sets up.

  frames.py --data mnist_png --seeds 5 --tasks m14,f14,deep14,ae --rivals .venv-bench
  frames.py --data mnist_png --seeds 5 --tasks mnist --rivals .venv-bench
"""

import dataclasses
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from common import draw, figure, parse, points, save, spread
import teleport
from rivals import best_power

STEPS = {"m14": 2000, "f14": 1120, "deep14": 2000, "ae": 2000, "mnist": 9375}
HIDDEN = {"m14": [64, 64], "f14": [64, 64], "deep14": 10 * [32], "ae": [128, 64, 16, 64, 128]}
HIDDEN["mnist"] = [64, 64]  # README's task: all images at their size, five epochs
POINTS = 20  # evaluations of a run
METHODS = {
    "SGD": dict(optimizer="sgd", rate=0.2),
    "Adam": dict(optimizer="adam", rate=2e-3),
    "Schedule-Free SGD": dict(optimizer="sgd", average="schedule_free", rate=0.8),
    "Schedule-Free AdamW": dict(optimizer="adamw", average="schedule_free", rate=8e-3),
    "L-DoG": dict(optimizer="dog"),
}
FRAMES = {
    "raw": None,
    "centred": teleport.FrameConfig(kind="centre"),
    "whitened": teleport.FrameConfig(kind="whiten"),
    "rotated": teleport.FrameConfig(kind="rotate"),
    "whitened, outputs": teleport.FrameConfig(kind="whiten", outputs=True),
    "rotated, outputs": teleport.FrameConfig(kind="rotate", outputs=True),
}
TUNING_SEEDS = (1000, 1001, 1002)  # one seed can choose a rate at the edge of divergence


@dataclasses.dataclass
class Task:
    name: str
    train: teleport.Dataset
    test: teleport.Dataset
    widths: list
    loss: str
    batch: int
    steps: int


def images(folder, limit, large):
    """Grey images from 0 to 1, a row each, and their labels; averaged 2 x 2 but where `large`."""
    part = teleport.Dataset.from_image_folder(folder, channels=1)
    order = np.random.default_rng(0).permutation(len(part))[:limit]
    _, height, width = part.sample_shape
    x = np.asarray(part.get(), np.float32).reshape(-1, height, width)[order]
    if min(height, width) >= 28 and not large:
        x = x.reshape(len(order), height // 2, 2, width // 2, 2).mean((2, 4))
    return x.reshape(len(order), -1), part.labels()[order]


def task(name, folder, quick):
    limit = 500 if quick else None if name == "mnist" else 10000
    train, test = (images(folder / part, limit, name == "mnist") for part in ("train", "test"))
    inputs, steps = train[0].shape[1], 60 if quick else STEPS[name]
    if name == "ae":
        sets = [teleport.Dataset.from_targets(x, x) for x, _ in (train, test)]
        return Task(name, *sets, [inputs, *HIDDEN[name], inputs], "mean_squared_error", 64, steps)
    sets = [teleport.Dataset.from_labels(x, y) for x, y in (train, test)]
    widths = [inputs, *HIDDEN[name], sets[0].class_count]
    return Task(name, *sets, widths, "cross_entropy", 32, steps)


@dataclasses.dataclass
class Result:
    steps: list
    loss: list
    accuracy: float = math.nan
    undone: int = 0
    seconds: list = dataclasses.field(default_factory=list)  # of training alone

    @property
    def final(self):
        return self.loss[-1]


def train(task, method, frames, rate, seed, evaluations=POINTS):
    """One run; its training loss every 5 % of it, or so many times."""
    options = {key: value for key, value in method.items() if key != "rate"}
    model = teleport.Model(task.widths, activation="leaky_relu", seed=seed)
    trainer = teleport.Trainer(
        model, loss=task.loss, learning_rate=0.01 if rate is None else rate, **options
    )
    averages = "average" in options or options["optimizer"] == "dog"
    each = task.steps // evaluations
    result = Result([], [])
    best = model

    def on_event(event):
        nonlocal best
        if event.teleport is not None:
            result.undone += event.teleport.outcome is teleport.TeleportOutcome.UNDONE
        if event.kind is not teleport.EventKind.STEP or event.step % each:
            return False
        measured = [trainer.averaged_model()] if averages else [trainer.model]
        if options["optimizer"] == "dog":
            measured.append(trainer.model)
        losses = [one.evaluate(task.train, loss=task.loss).loss for one in measured]
        best = measured[int(np.argmin(losses))]
        result.steps.append(event.step)
        result.loss.append(min(losses) if np.isfinite(losses).all() else math.inf)
        return event.step >= task.steps

    try:
        trainer.run(
            task.train,
            epochs=1000,
            batch_size=task.batch,
            drop_last=True,
            seed=seed,
            frames=frames,
            centring="default" if frames else "off",
            progress_interval=1,
            on_event=on_event,
            finish="last",
        )
    except teleport.NotFiniteError:
        result.steps.append(task.steps)
        result.loss.append(math.inf)
        return result
    if task.loss == "cross_entropy":
        result.accuracy = best.evaluate(task.test).accuracy
    return result


def tune(task, method, frames, first):
    """The rate with the smallest mean final loss over seeds, by factors of 2 until it is inside."""
    if "rate" not in method:
        return None

    def final(power):
        rate = first * 2.0**power
        runs = [train(task, method, frames, rate, seed, 1).final for seed in TUNING_SEEDS]
        return np.mean(runs) if np.isfinite(runs).all() else math.inf

    return first * 2.0 ** best_power(final)


def steps_to(result, loss):
    """Steps at which `loss` is first reached, between evaluations by the logarithm; None: never."""
    last = (0, None)
    for step, value in zip(result.steps, result.loss):
        if value <= loss:
            if last[1] is None or not math.isfinite(last[1]) or value == last[1]:
                return step
            part = math.log(last[1] / loss) / math.log(last[1] / value)
            return last[0] + part * (step - last[0])
        last = (step, value)
    return None


def gain(plain, results):
    """Steps of plain to its own final loss over those of the results; 0.5 where never reached."""
    gains = []
    for one, other in zip(plain, results):
        own, reached = steps_to(one, one.final), steps_to(other, one.final)
        gains.append(0.5 if reached is None else own / reached)
    return math.exp(np.mean(np.log(gains)))


def step_time(task, method, frames, rate):
    """Microseconds of a step, everything included: the best of three runs without evaluations."""
    options = {key: value for key, value in method.items() if key != "rate"}
    times = []
    for _ in range(3):
        model = teleport.Model(task.widths, seed=0)
        trainer = teleport.Trainer(
            model, loss=task.loss, learning_rate=0.01 if rate is None else rate, **options
        )
        began = time.perf_counter()
        trainer.run(
            task.train, epochs=2, batch_size=task.batch, frames=frames,
            centring="default" if frames else "off", progress_interval=-1, finish="last",
        )
        times.append((time.perf_counter() - began) / trainer.step_count)
    return 1e6 * min(times)


def cells():
    for name, method in METHODS.items():
        for frame, config in FRAMES.items():
            # Without second moments a rotation changes no step.
            if not frame.startswith("rotated") or method["optimizer"] not in ("sgd", "dog"):
                yield name, method, frame, config


HEADER = ["method", "frames", "rate", "gain", "loss", "loss to SGD's", "accuracy"]
HEADER += ["µs a step", "undone"]


def row(plain, found, name, frame, rate, micros):
    losses = [one.final for one in found]
    ratios = [math.log(a / b.final) for a, b in zip(losses, plain)]
    accuracies = [one.accuracy for one in found]
    return [
        name, frame, "none" if rate is None else f"{rate:g}", f"{gain(plain, found):.2f}",
        spread(losses), f"{math.exp(np.mean(ratios)):.2f}",
        points(accuracies) if np.isfinite(accuracies).all() else "-", f"{micros:.0f}",
        sum(one.undone for one in found),
    ]


def arrays(task, seeds):
    """A task for rivals.py: its samples, and the first weights of seeds and of those that tune."""
    starts = [teleport.Model(task.widths, activation="leaky_relu", seed=seed) for seed in seeds]
    labelled = task.loss == "cross_entropy"
    sets = {"": task.train, "test_": task.test}
    values = {f"{name}x": np.asarray(part.get(), np.float32) for name, part in sets.items()}
    for name, part in sets.items():
        values[f"{name}y"] = part.labels() if labelled else values[f"{name}x"]
    return values | {
        "widths": task.widths, "batch": task.batch, "steps": task.steps, "points": POINTS,
        "starts": [model.get_parameters() for model in starts],
        "start_losses": [model.evaluate(task.train, loss=task.loss).loss for model in starts],
        "tuning": [
            teleport.Model(task.widths, seed=seed).get_parameters() for seed in TUNING_SEEDS
        ],
    }


def rivals(task, options):
    """Every rival: its name, what enters the net, its rate, its results, and the µs of a step."""
    if options.rivals is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "task.npz", **arrays(task, range(options.seeds)))
        script = Path(__file__).resolve().parent / "rivals.py"
        command = [options.rivals / "bin" / "python", script, Path(folder) / "task.npz"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in map(json.loads, process.stdout):
                name = f"{line['method']} ({line['package']})"
                if "missing" in line:
                    print(f"without {name}, {line['inputs']}: {line['missing']}", flush=True)
                    continue
                found = [Result(**run) for run in line["runs"]]
                micros = 1e6 * min(one.seconds[-1] / one.steps[-1] for one in found)
                yield name, line["inputs"], line["rate"], found, micros
    if process.returncode != 0:
        sys.exit(f"frames.py: rivals.py ended with status {process.returncode}")


def compare(task, options):
    """Every method in every frame; their results and rates."""
    rows, results, rates = [], {}, {}
    for name, method, frame, config in cells():
        rate = tune(task, method, config, method.get("rate"))
        found = [train(task, method, config, rate, seed) for seed in range(options.seeds)]
        results[name, frame], rates[name, frame] = found, rate
        micros = step_time(task, method, config, rate)
        for one in found:
            one.seconds = [1e-6 * micros * step for step in one.steps]
        rows.append(row(results["SGD", "raw"], found, name, frame, rate, micros))
        print(task.name, *rows[-1], flush=True)
    for name, inputs, rate, found, micros in rivals(task, options):
        results[name, inputs] = found
        rows.append(row(results["SGD", "raw"], found, name, inputs, rate, micros))
        print(task.name, *rows[-1], flush=True)
    print()
    title = f"{task.name}: {task.steps} steps of {task.batch}, {len(task.train)} samples"
    options.page.table(title, HEADER, rows)
    return results, rates


def drop_in(task, results, rates, options):
    """Whitened frames switched on at the rate that is best without them."""
    rows = []
    for name in ("SGD", "Adam"):
        found = [
            train(task, METHODS[name], FRAMES["whitened"], rates[name, "raw"], seed)
            for seed in range(options.seeds)
        ]
        ratios = [one.final / raw.final for one, raw in zip(found, results[name, "raw"])]
        rows.append(
            [
                task.name, name, f"{rates[name, 'raw']:g}", spread(ratios),
                f"{sum(not ratio <= 1 for ratio in ratios)} of {len(ratios)}",
                sum(one.undone for one in found),
            ]
        )
    return rows


def main():
    options = parse(__doc__, data=True, seeds=5, tasks=list(STEPS), environment="--rivals")
    fashion = options.data.parent / "fashion_png"
    tasks = [
        (name, fashion if name == "f14" else options.data)
        for name in options.tasks
        if name != "f14" or fashion.is_dir()
    ]
    if options.quick:
        tasks = tasks[:1]
    chart, axes = figure(len(tasks), 2)
    rows = []
    for pair, (name, folder) in zip(axes.T, tasks):
        made = task(name, folder, options.quick)
        results, rates = compare(made, options)
        rows += drop_in(made, results, rates, options)
        sketch(pair, name, results)
    title = "Drop-in: whitened frames at the best rate without"
    header = ["task", "method", "rate", "loss to the same without", "worse", "undone"]
    options.page.table(title, header, rows)
    part = "" if options.tasks == list(STEPS) else "_" + "_".join(options.tasks)
    save(chart, options, f"frames_{options.data.name}{part}.png")
    options.page.publish()


DRAWN = {
    "SGD": ("SGD", "raw"),
    "SGD, centred": ("SGD", "centred"),
    "SGD, whitened": ("SGD", "whitened"),
    "L-DoG, whitened": ("L-DoG", "whitened"),
    "Schedule-Free AdamW, rotated": ("Schedule-Free AdamW", "rotated"),
}
DRAWN_RIVALS = ("SOAP", "Muon", "K-FAC", "Prodigy")


def sketch(pair, name, results):
    """Training loss against steps and against seconds of training."""
    drawn = dict(DRAWN)
    for rival in DRAWN_RIVALS:
        cells = [cell for cell in results if cell[0].startswith(f"{rival} (")]
        finite = [cell for cell in cells if all(len(one.loss) == POINTS for one in results[cell])]
        if finite:  # the better of its inputs
            best = min(finite, key=lambda cell: np.mean([one.final for one in results[cell]]))
            drawn[f"{best[0]}, {best[1]}"] = best
    for index, (label, cell) in enumerate(drawn.items()):
        losses = [one.loss for one in results[cell]]
        if len({len(loss) for loss in losses}) > 1:
            continue  # a run diverged
        for axis, values in zip(pair, ("steps", "seconds")):
            draw(axis, [getattr(one, values) for one in results[cell]], losses, label, f"C{index}")
    for axis, label in zip(pair, ("steps", "seconds of training")):
        axis.set(title=name, xlabel=label, ylabel="training loss", yscale="log")
    pair[1].set_xscale("log")
    pair[0].legend(fontsize="x-small")


if __name__ == "__main__":
    main()

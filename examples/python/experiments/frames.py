"""Frames: what a teleport of the coordinates gains, each method at its own best learning rate.

Trains the suite of docs/frames.md from paired first weights and mini-batches. Rates go by factors of 2 until the best is
inside; the gain is the steps at which tuned plain SGD first reaches its own final training loss over those of the method.

  frames.py --data mnist_png [--fashion fashion_png] --seeds 5
"""

import dataclasses
import math
import sys
import time
from pathlib import Path

import numpy as np

from common import parse, spread
import teleport

WIDTHS = {
    "m14": [196, 64, 64, 10],
    "f14": [196, 64, 64, 10],
    "deep14": [196] + 10 * [32] + [10],
    "ae": [196, 128, 64, 16, 64, 128, 196],
}
STEPS = {"m14": 2000, "f14": 1120, "deep14": 2000, "ae": 2000}
POINTS = 20  # evaluations of a run
METHODS = {
    "SGD": dict(optimizer="sgd", rate=0.1),
    "Adam": dict(optimizer="adam", rate=2e-3),
    "Schedule-Free SGD": dict(optimizer="sgd", average="schedule_free", rate=0.4),
    "Schedule-Free AdamW": dict(optimizer="adamw", average="schedule_free", rate=4e-3),
    "L-DoG": dict(optimizer="dog"),
}
FRAMES = {
    "raw": None,
    "centred": teleport.FrameConfig(kind="centre"),
    "whitened": teleport.FrameConfig(kind="whiten"),
    "rotated": teleport.FrameConfig(kind="rotate"),
}
TUNING_SEED = 1000


@dataclasses.dataclass
class Task:
    name: str
    train: teleport.Dataset
    test: teleport.Dataset
    loss: str
    batch: int
    steps: int


def small_images(folder, limit):
    """Images averaged 2 x 2, from 0 to 1, a row each, and their labels."""
    part = teleport.Dataset.from_image_folder(folder)
    order = np.random.default_rng(0).permutation(len(part))[:limit]
    x = part.get()[0] if isinstance(part.get(), tuple) else part.get()
    x = np.asarray(x, np.float32).reshape(-1, 14, 2, 14, 2)[order].mean((2, 4))
    return x.reshape(len(order), 196), part.labels()[order]


def task(name, folder, quick):
    sets = [
        small_images(folder / "train", 1000 if quick else 10000),
        small_images(folder / "test", 500 if quick else 10000),
    ]
    if name == "ae":
        train, test = (teleport.Dataset.from_targets(x, x) for x, _ in sets)
        return Task(name, train, test, "mean_squared_error", 64, 60 if quick else STEPS[name])
    train, test = (teleport.Dataset.from_labels(x, y) for x, y in sets)
    return Task(name, train, test, "cross_entropy", 32, 60 if quick else STEPS[name])


@dataclasses.dataclass
class Result:
    steps: list
    loss: list
    accuracy: float
    seconds: float
    undone: int

    @property
    def final(self):
        return self.loss[-1]


def train(task, method, frames, rate, seed):
    """One run; its training loss every 5 % of it."""
    options = {key: value for key, value in method.items() if key != "rate"}
    model = teleport.Model(WIDTHS[task.name], activation="leaky_relu", seed=seed)
    trainer = teleport.Trainer(
        model, loss=task.loss, learning_rate=0.01 if rate is None else rate, **options
    )
    averages = "average" in options or options["optimizer"] == "dog"
    each = task.steps // POINTS
    result = Result([], [], math.nan, 0.0, 0)
    paused = 0.0
    best = model

    def on_event(event):
        nonlocal paused, best
        if event.teleport is not None:
            result.undone += event.teleport.outcome is teleport.TeleportOutcome.UNDONE
        if event.kind is not teleport.EventKind.STEP or event.step % each:
            return False
        began = time.perf_counter()
        measured = [trainer.averaged_model()] if averages else [trainer.model]
        if options["optimizer"] == "dog":
            measured.append(trainer.model)
        losses = [one.evaluate(task.train, loss=task.loss).loss for one in measured]
        best = measured[int(np.argmin(losses))]
        result.steps.append(event.step)
        result.loss.append(min(losses) if np.isfinite(losses).all() else math.inf)
        paused += time.perf_counter() - began
        return event.step >= task.steps

    began = time.perf_counter()
    try:
        trainer.run(
            task.train, epochs=1000, batch_size=task.batch, drop_last=True, seed=seed,
            frames=frames, progress_interval=1, on_event=on_event, finish="last",
        )
    except teleport.NotFiniteError:
        result.steps.append(task.steps)
        result.loss.append(math.inf)
        return result
    result.seconds = time.perf_counter() - began - paused
    if task.loss == "cross_entropy":
        result.accuracy = best.evaluate(task.test).accuracy
    return result


def tune(task, method, frames, first):
    """The rate with the smallest final loss, by factors of 2 until it is inside."""
    if "rate" not in method:
        return None
    found = {}

    def final(power):
        if power not in found:
            loss = train(task, method, frames, first * 2.0**power, TUNING_SEED).final
            found[power] = loss if math.isfinite(loss) else math.inf
        return found[power]

    place = 0
    while True:
        for step in (1, -1):
            if final(place + step) < final(place):
                place += step
                break
        else:
            return first * 2.0**place


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
    """Steps of plain to its own final loss over those of the results: geometric mean; 0.5 where never reached."""
    gains = []
    for one, other in zip(plain, results):
        own, reached = steps_to(one, one.final), steps_to(other, one.final)
        gains.append(0.5 if reached is None else own / reached)
    return math.exp(np.mean(np.log(gains)))


def show(task, seeds, chosen, write):
    plain = None
    for name in METHODS:
        for frame, config in FRAMES.items():
            method = METHODS[name]
            if chosen and (name, frame) not in chosen and (name, frame) != ("SGD", "raw"):
                continue
            if frame == "rotated" and method["optimizer"] in ("sgd", "dog"):
                continue  # changes no step
            rate = tune(task, method, config, method.get("rate"))
            results = [train(task, method, config, rate, seed) for seed in range(1, seeds + 1)]
            plain = plain or results
            finals = [one.final for one in results]
            ratio = math.exp(np.mean([math.log(a.final / b.final) for a, b in zip(results, plain)]))
            row = [
                task.name, name, frame, "none" if rate is None else f"{rate:g}",
                f"{gain(plain, results):.2f}", f"{np.mean(finals):.4g}", f"{ratio:.2f}",
                f"{100 * np.mean([one.accuracy for one in results]):.2f}",
                f"{1e6 * np.mean([one.seconds for one in results]) / task.steps:.0f}",
                f"{sum(one.undone for one in results)}",
            ]
            print("  ".join(f"{cell:>8}" for cell in row), flush=True)
            write.append(row)


HEADER = ["task", "method", "frames", "rate", "gain", "loss", "to plain", "accuracy %", "us a step", "undone"]


def main():
    options = parse(__doc__, data=True, seeds=5)
    rows = []
    tasks = [("m14", options.data), ("deep14", options.data), ("ae", options.data)]
    fashion = options.data.parent / "fashion_png"
    if fashion.is_dir():
        tasks.insert(1, ("f14", fashion))
    print("  ".join(f"{cell:>8}" for cell in HEADER))
    for name, folder in tasks[:1] if options.quick else tasks:
        show(task(name, folder, options.quick), options.seeds, None, rows)
    options.page.table("Gain over tuned plain SGD", HEADER, rows)
    options.page.publish()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The README's tables: 784-64-64-10 on a folder of MNIST PNGs with and without one default teleport before epoch 0.

    python bench/mnist_table.py FOLDER [--epochs 5] [--seeds 3] [--rates 0.001,0.01,0.1] [--exact] [--means]
                                       [--write README.md]

FOLDER has train/ and test/ with one sub-folder a digit. LeakyReLU 0.01, Glorot-uniform weights, zero biases, SGD,
batch 32. For each pair: the training loss of full evaluations after the last epoch, and what the teleport changed: the
loss on its own batch, relative, and the outputs on all test images, relative to their range there. --means leaves out
the single seeds. --write puts the table into the place that the document keeps for this command.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples" / "python" / "experiments"))

import published  # noqa: E402  (finds the package as well)
import teleport  # noqa: E402


def train(train_set, test_images, rate, seed, epochs, config):
    """Training loss at the end, the teleport's report and the change of the outputs on unseen images."""
    model = teleport.Model([train_set.width, 64, 64, train_set.class_count], seed=seed)
    trainer = teleport.Trainer(model, learning_rate=rate)
    before = model.predict(test_images)
    change = 0.0

    def on_event(event):
        nonlocal change
        if event.kind == teleport.EventKind.TELEPORT:
            moved = np.abs(model.predict(test_images) - before).max()
            change = moved / (before.max() - before.min())

    result = trainer.run(train_set, epochs=epochs, seed=seed, teleport=config, on_event=on_event)
    report = result.teleports[0] if result.teleports else None
    return model.evaluate(train_set).loss, report, change


def spread(values):
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values) if len(values) > 1 else 0:.4f}"


def pairs(sets, rate, arguments, config):
    """Losses without and with a teleport, seed by seed, and a row for each seed."""
    train_set, test_images = sets
    plain, moved, rows = [], [], []
    for seed in range(arguments.seeds):
        loss, _, _ = train(train_set, test_images, rate, seed, arguments.epochs, None)
        plain.append(loss)
        loss, report, change = train(train_set, test_images, rate, seed, arguments.epochs, config)
        moved.append(loss)
        drift = abs(report.loss_after - report.loss_before) / report.loss_before
        radius = f"{report.radius:.3g}" if report.accepted else report.outcome.value
        cells = [f"{plain[-1]:.4f}", f"{moved[-1]:.4f}", f"{moved[-1] / plain[-1]:.2f}", radius]
        rows.append([f"{rate:g}", str(seed), *cells, f"{drift:.1e}", f"{change:.1e}"])
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    return plain, moved, rows


def best(losses):
    """The least mean and its rate, of {rate: losses}."""
    rate = min(losses, key=lambda rate: statistics.mean(losses[rate]))
    return f"{spread(losses[rate])} at {rate:g}"


def load(folder):
    """The training set, and the test images as one array."""
    try:
        train_set = teleport.Dataset.from_image_folder(folder / "train")
        test_set = teleport.Dataset.from_image_folder(folder / "test", class_names=train_set.class_names)
    except teleport.TeleportError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    return train_set, test_set.get()


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", default="0.001,0.01,0.1")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--means", action="store_true", help="no rows of single seeds")
    published.add_option(parser)
    arguments = parser.parse_args()

    page = published.Page(arguments.write, arguments.seeds)
    sets = load(arguments.folder)
    epochs = f"{arguments.epochs} epoch{'s' if arguments.epochs > 1 else ''}"
    config = teleport.TeleportConfig(exact=arguments.exact)
    plain, moved, rows = {}, {}, []
    for rate in map(float, arguments.rates.split(",")):
        plain[rate], moved[rate], seeds = pairs(sets, rate, arguments, config)
        ratio = statistics.mean(moved[rate]) / statistics.mean(plain[rate])
        means = [spread(plain[rate]), spread(moved[rate]), f"{ratio:.2f}"]
        if arguments.means:
            rows.append([f"{rate:g}", *means])
        else:
            rows += [*seeds, [f"{rate:g}", "mean ± s.d.", *means, "", "", ""]]
    header = ["rate", "without", "with", "ratio"]
    if not arguments.means:
        header = ["rate", "seed", *header[1:], "radius", "loss on its batch", "unseen outputs"]
    page.text(f"{len(sets[0])} training images, {len(sets[1])} unseen; training loss after {epochs}.")
    page.table("", header, rows)
    if len(plain) > 1:
        page.text(f"Best without teleports: {best(plain)}; with: {best(moved)}.")
    page.publish()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The README's table: 784-64-64-10 on a folder of MNIST PNGs with and without one default teleport before epoch 0.

    python bench/mnist_table.py FOLDER [--epochs 5] [--seeds 3] [--rates 0.001,0.01,0.1] [--exact]

FOLDER has train/ and test/ with one sub-folder a digit. LeakyReLU 0.01, Glorot-uniform weights, zero biases, SGD,
batch 32. For each pair: the training loss of full evaluations after the last epoch, and what the teleport changed: the
loss on its own batch, relative, and the outputs on all test images, relative to their range there.
"""

import argparse
import platform
import statistics
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

import teleport  # noqa: E402


def train(train_set, test_images, rate, seed, epochs, config):
    """Training loss at the end, the teleport's report and the change of the outputs on unseen images."""
    model = teleport.Model([train_set.width, 64, 64, train_set.class_count], seed=seed)
    trainer = teleport.Trainer(model, learning_rate=rate)
    before = model.predict(test_images)
    change = None

    def on_event(event):
        nonlocal change
        if event.kind == teleport.EventKind.TELEPORT:
            moved = np.abs(model.predict(test_images) - before).max()
            change = moved / (before.max() - before.min())

    result = trainer.run(train_set, epochs=epochs, seed=seed, teleport=config, on_event=on_event)
    report = result.teleports[0] if result.teleports else None
    return model.evaluate(train_set).loss, report, change


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", default="0.001,0.01,0.1")
    parser.add_argument("--exact", action="store_true")
    arguments = parser.parse_args()

    train_set = teleport.Dataset.from_image_folder(arguments.folder / "train")
    test_set = teleport.Dataset.from_image_folder(
        arguments.folder / "test", class_names=train_set.class_names
    )
    test_images = test_set.get()
    config = teleport.TeleportConfig(exact=arguments.exact)

    print(f"{teleport.build_info()}; {platform.machine()}, {teleport.thread_count()} threads")
    print(f"{len(train_set)} training images, {len(test_set)} unseen, {arguments.epochs} epochs\n")
    print("| rate | seed | train loss without | with | ratio | radius | loss on the batch | unseen outputs |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for rate in map(float, arguments.rates.split(",")):
        plain, moved = [], []
        for seed in range(arguments.seeds):
            loss, _, _ = train(train_set, test_images, rate, seed, arguments.epochs, None)
            plain.append(loss)
            loss, report, change = train(
                train_set, test_images, rate, seed, arguments.epochs, config
            )
            moved.append(loss)
            drift = abs(report.loss_after - report.loss_before) / report.loss_before
            print(
                f"| {rate:g} | {seed} | {plain[-1]:.4f} | {moved[-1]:.4f} | {moved[-1] / plain[-1]:.2f} "
                f"| {report.radius:.2f} | {drift:.1e} | {change:.1e} |"
            )
        means = statistics.mean(plain), statistics.mean(moved)
        spreads = [statistics.stdev(values) if len(values) > 1 else 0 for values in (plain, moved)]
        print(
            f"| {rate:g} | mean ± s.d. | {means[0]:.4f} ± {spreads[0]:.4f} "
            f"| {means[1]:.4f} ± {spreads[1]:.4f} | {means[1] / means[0]:.2f} | | | |"
        )


if __name__ == "__main__":
    main()

"""Trains on a folder of PNG images, one sub-directory a class, with and without frames or teleports.

    python examples/python/image_folder.py FOLDER [--widths 64,64] [--rate 0.01] [--epochs 10] ...

FOLDER holds `train/` and `test/`, or the classes themselves: then a fifth of every class is the test set.
Without a rate it trains by layerwise distance over gradients, which has none to choose, without and in
frames; at a rate by SGD, with and without teleports, or, with `--frames`, in frames and without.
Both runs begin with the same weights and see the same mini-batches. A table compares them after each epoch,
and a picture (`--picture`) shows the training loss. From a checkout, `make lib` comes first; nothing needs
to be installed but numpy and, for the picture, matplotlib.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

import teleport  # noqa: E402


def numbers(text):
    return [int(part) for part in text.split(",") if part]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--widths", type=numbers, default="64,64", help="hidden layers")
    parser.add_argument("--rate", type=float, help="learning rate; by default none is needed")
    optimizers = [str(one) for one in teleport.OptimizerKind]
    parser.add_argument("--optimizer", choices=optimizers, help="sgd at a rate, dog without")
    kinds = ["none", *(str(one) for one in teleport.FrameKind)]
    parser.add_argument("--frames", choices=kinds, help="whiten for dog, else none")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32, help="samples a mini-batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=numbers, help="height,width; by default as the first image")
    parser.add_argument("--channels", type=int, default=0, help="1, 3 or 4; 0: as the first image")
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out files that cannot be read"
    )
    parser.add_argument(
        "--nested-classes", action="store_true", help="a class may hold folders alone"
    )
    parser.add_argument("--teleport-epochs", type=numbers, default="0", help="they begin with one")
    parser.add_argument("--search", default="lookahead", help="lookahead, ascent or random")
    parser.add_argument(
        "--radius", type=float, default=1.0, help="bound on the logarithm of a factor"
    )
    parser.add_argument("--exact", action="store_true", help="factors that are powers of two")
    parser.add_argument("--picture", type=Path, default="image_folder.png", help="'' for none")
    arguments = parser.parse_args()
    if arguments.optimizer is None:
        arguments.optimizer = "dog" if arguments.rate is None else "sgd"
    if (arguments.optimizer == "dog") != (arguments.rate is None):
        parser.error("--optimizer dog has no --rate, and the others need one")
    if arguments.frames is None:
        arguments.frames = "whiten" if arguments.optimizer == "dog" else "none"
    return arguments


def read(arguments):
    """The training and the test set."""
    options = {"channels": arguments.channels, "nested_classes": arguments.nested_classes}
    if arguments.size:
        options["size"] = tuple(arguments.size)
    if arguments.skip_bad:
        options["bad_image"] = "skip"
    train_folder, test_folder = arguments.folder / "train", arguments.folder / "test"
    if train_folder.is_dir() and test_folder.is_dir():
        train = teleport.Dataset.from_image_folder(train_folder, **options)
        # The shape and the classes of the training images, whatever the first test image has.
        channels, height, width = train.sample_shape
        options.update(channels=channels, class_names=train.class_names)
        if arguments.size:
            options["size"] = (height, width)
        test = teleport.Dataset.from_image_folder(test_folder, **options)
        sources = parts = (train, test)
    else:
        whole = teleport.Dataset.from_image_folder(arguments.folder, **options)
        sources, parts = [whole], whole.split(0.2, stratified=True, seed=arguments.seed)
    for source in sources:
        for path, reason in source.skipped:
            print(f"left out {path}: {reason}")
    return parts


# Without frames is without any, also for dog, whose runs subtract the mean by themselves.
PLAIN = {"centring": "off"}


def runs(arguments):
    """What is compared: the second run's name, and the options of both beside the common ones."""
    if arguments.frames != "none":
        return "in frames", [PLAIN, {"frames": teleport.FrameConfig(kind=arguments.frames)}]
    if arguments.optimizer == "dog":  # weights that are averaged have no teleports but frames
        return None, [PLAIN]
    config = teleport.TeleportConfig(
        search=arguments.search,
        radius=arguments.radius,
        exact=arguments.exact,
        seed=arguments.seed,
    )
    epochs = arguments.teleport_epochs
    return "with teleports", [PLAIN, {"teleport": config, "teleport_epochs": epochs}]


def train(start, train_set, test_set, arguments, options):
    """Trains a copy of `start`: the epochs' measurements and the teleports."""
    model = start.clone()
    if arguments.optimizer == "dog":
        trainer = teleport.Trainer(model, optimizer="dog")
    else:
        rate = arguments.rate
        trainer = teleport.Trainer(model, optimizer=arguments.optimizer, learning_rate=rate)
    averages = arguments.optimizer == "dog"

    def measure(model):
        return model.evaluate(train_set), model.evaluate(test_set)

    def on_event(event):
        if event.kind == "epoch":
            measured.append(measure(trainer.averaged_model() if averages else model))

    measured = [measure(model)]
    result = trainer.run(
        train_set,
        epochs=arguments.epochs,
        batch_size=arguments.batch,
        seed=arguments.seed,
        on_event=on_event,
        **options,
    )
    measured[-1] = measure(model)  # the run ends with the better of last and averaged weights
    return measured, result.teleports


def print_table(names, columns):
    print(f"{'':>5}" + "".join(f"  {name:>23}" for name in names))
    print(f"{'epoch':>5}" + len(names) * f"  {'train loss':>10}  {'test acc':>11}")
    for epoch, rows in enumerate(zip(*columns)):
        cells = [f"  {on_train.loss:10.5f}  {on_test.accuracy:11.2%}" for on_train, on_test in rows]
        print(f"{epoch:>5}" + "".join(cells))


def print_teleports(reports):
    for number, report in enumerate(reports):
        print(f"teleport {number}: {report.explain()}")
        print(
            f"  radius {report.radius:.3g}"
            f", loss {report.loss_before:.7f} -> {report.loss_after:.7f}"
            f", |gradient|^2 {report.gradient_norm2_before:.4g} -> {report.gradient_norm2_after:.4g}"
            f", {report.candidates} candidates, {1000 * report.seconds:.1f} ms"
        )


def save_picture(path, names, columns, arguments):
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for label, measured in zip(names, columns):
        axes.plot([on_train.loss for on_train, _ in measured], marker=".", label=label)
    axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("training loss")
    rate = "" if arguments.rate is None else f", rate {arguments.rate:g}"
    axes.set_title(f"{arguments.optimizer}{rate}, batch {arguments.batch}")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    print(f"saved {path}")


def main():
    arguments = parse_arguments()
    try:
        train_set, test_set = read(arguments)
    except teleport.TeleportError as error:
        sys.exit(f"image_folder.py: {error}")
    widths = [train_set.width, *arguments.widths, train_set.class_count]
    start = teleport.Model(widths, seed=arguments.seed)
    print(f"{len(train_set)} training images, {len(test_set)} test images, {start}")
    print("classes:", *train_set.class_names)

    other, options = runs(arguments)
    names = ["without teleports" if other == "with teleports" else "without frames", other]
    names = names[: len(options)]
    if arguments.rate is None:
        frames = "" if arguments.frames == "none" else " in frames"
        print(f"no --rate given: layerwise distance over gradients{frames}")
    try:
        done = [train(start, train_set, test_set, arguments, one) for one in options]
    except teleport.TeleportError as error:
        sys.exit(f"image_folder.py: {error}")
    columns = [measured for measured, _ in done]
    print_table(names, columns)
    if other == "with teleports":
        print_teleports(done[-1][1])
    if str(arguments.picture) not in ("", "."):
        save_picture(arguments.picture, names, columns, arguments)


if __name__ == "__main__":
    main()

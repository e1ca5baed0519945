"""What the experiments share: options, data, training curves, tables and figures."""

import argparse
import dataclasses
import math
import sys
import time
from pathlib import Path

import numpy as np

import published  # finds the package as well
import teleport

COLOURS = ["tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown"]
COLOURS += ["tab:pink", "tab:gray"]


def names_of(known):
    """A list of names, each among the known ones."""

    def names(text):
        words = text.split(",")
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return words

    return names


def parse(document, data=False, seeds=3, epochs=None, tasks=None, environment=None, **choices):
    """The options of every experiment; `data` adds an image folder, `tasks` a choice of tasks,
    `environment` an option for a virtual environment of other packages."""
    parser = argparse.ArgumentParser(
        description=document.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    published.add_option(parser)
    parser.add_argument("--quick", action="store_true", help="a small run that shows it works")
    parser.add_argument("--out", type=Path, default=Path("experiments-out"), help="for figures")
    parser.add_argument("--seeds", type=int, default=seeds, help="repetitions")
    parser.add_argument("--threads", type=int, default=1, help="of the library; 0: all")
    if data:
        parser.add_argument("--data", type=Path, required=True, help="has train/ and test/ of PNG")
    if epochs is not None:
        parser.add_argument("--epochs", type=int, default=epochs)
    if tasks is not None:
        parser.add_argument(
            "--tasks", type=names_of(tasks), default=",".join(tasks), help="some of these"
        )
    if environment is not None:
        parser.add_argument(
            environment, type=Path, metavar="FOLDER", help="a virtual environment of rivals"
        )
    options = parser.parse_args()
    if options.quick:
        options.seeds = min(options.seeds, 2)
        if epochs is not None:
            options.epochs = min(options.epochs, choices.get("quick_epochs", 3))
    options.out.mkdir(parents=True, exist_ok=True)
    teleport.set_thread_count(options.threads)
    print(document.splitlines()[0])
    options.page = published.Page(options.write, options.seeds)
    return options


def load(folder):
    """The training and the test set of a folder with train/ and test/."""
    try:
        train = teleport.Dataset.from_image_folder(folder / "train")
        shape, names = train.sample_shape, train.class_names
        test = teleport.Dataset.from_image_folder(
            folder / "test", channels=shape[0], class_names=names
        )
    except teleport.TeleportError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
    print(f"{folder.name}: {len(train)} training and {len(test)} test images of {shape}\n")
    return train, test


@dataclasses.dataclass
class Curve:
    """One run; index k is after k epochs. A run that diverged ends in infinite loss."""

    loss: list = dataclasses.field(default_factory=list)  # on the training set
    test_loss: list = dataclasses.field(default_factory=list)
    accuracy: list = dataclasses.field(default_factory=list)  # on the test set
    seconds: list = dataclasses.field(default_factory=list)  # training and teleports alone
    moves: list = dataclasses.field(default_factory=list)  # reports
    measured: list = dataclasses.field(default_factory=list)  # what `measure` gave

    def add(self, model, sets, seconds):
        on_train, on_test = (model.evaluate(part) for part in sets)
        self.loss.append(on_train.loss)
        self.test_loss.append(on_test.loss)
        self.accuracy.append(on_test.accuracy)
        self.seconds.append(seconds)

    @property
    def accepted(self):
        """Moves that stayed; one that is undone is told twice, as accepted and as undone."""
        return sum(report.accepted for report in self.moves) - self.undone

    @property
    def undone(self):
        return sum(report.outcome == "undone" for report in self.moves)


def train(start, sets, epochs, *, optimizer="sgd", rate=0.01, config=None, measure=None, **run):
    """Trains a copy of `start`. The clock stands still while it is evaluated.

    `measure(event, model)` may measure more after epochs and teleports. Equal seeds in `run` give
    equal mini-batches with and without teleports.
    """
    trainer = teleport.Trainer(start.clone(), optimizer=optimizer, learning_rate=rate)
    curve, model = Curve(), trainer.model
    curve.add(model, sets, 0.0)
    spent, since = 0.0, time.perf_counter()

    def on_event(event):
        nonlocal spent, since
        if event.kind == "step":
            return
        spent += time.perf_counter() - since
        if event.kind == "epoch":
            curve.add(model, sets, spent)
        else:
            curve.moves.append(event.teleport)
        more = measure(event, model) if measure else None
        if more is not None:
            curve.measured.append(more)
        since = time.perf_counter()

    try:
        trainer.run(
            sets[0], epochs=epochs, teleport=config, progress_interval=-1, on_event=on_event, **run
        )
    except teleport.NotFiniteError:
        pass
    missing = epochs + 1 - len(curve.loss)
    curve.loss += missing * [math.inf]
    curve.test_loss += missing * [math.inf]
    curve.accuracy += missing * [math.nan]
    curve.seconds += missing * [math.nan]
    return curve


def spread(values):
    """Mean and standard deviation over seeds, to the two digits that the deviation has."""
    values = np.asarray(values, float)
    if not np.all(np.isfinite(values)):
        return f"diverged in {np.sum(~np.isfinite(values))} of {values.size}"
    mean, deviation = values.mean(), values.std(ddof=1) if values.size > 1 else 0.0
    if deviation < 1e-6 * abs(mean):
        return f"{mean:.3g}"
    decimals = max(0, 1 - math.floor(math.log10(deviation)))
    return f"{mean:.{decimals}f} ± {deviation:.{decimals}f}"


def points(values):
    """Accuracies in percent, with one decimal."""
    values = 100 * np.asarray(values, float)
    deviation = values.std(ddof=1) if values.size > 1 else 0.0
    return f"{values.mean():.1f} ± {deviation:.1f} %"


def best_rate(results):
    """The rate whose mean final loss is least, of {rate: final losses}."""
    means = {rate: np.mean(values) for rate, values in results.items()}
    finite = {rate: mean for rate, mean in means.items() if np.isfinite(mean)}
    return min(finite or means, key=lambda rate: means[rate])


def tells_best(rates):
    """Whether there is a best rate to speak of: one alone is not chosen."""
    return len(rates) > 1


EDGE = "* at an end of the grid."


def at_edge(rate, rates):
    """A mark for a best rate at an end of its grid, beyond which there may be a better one."""
    return "*" if rate in (min(rates), max(rates)) else ""


def figure(columns, rows=1):
    """A figure and its axes, drawn without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(
        rows, columns, figsize=(4.6 * columns, 3.6 * rows), squeeze=False, layout="constrained"
    )


def draw(axis, xs, ys, label, colour):
    """The mean over seeds and, around it, the range."""
    xs, ys = np.asarray(xs, float), np.asarray(ys, float)
    ys = np.where(np.isfinite(ys), ys, np.nan)
    x = np.median(xs, axis=0)
    axis.plot(x, ys.mean(axis=0), label=label, color=colour)
    axis.fill_between(x, ys.min(axis=0), ys.max(axis=0), color=colour, alpha=0.15)


def draw_curves(axes, curves, label, colour):
    """Training loss by epoch and by time, and test accuracy, of one arm."""
    epochs = [range(len(curve.loss)) for curve in curves]
    loss = [curve.loss for curve in curves]
    draw(axes[0], epochs, loss, label, colour)
    draw(axes[1], [curve.seconds for curve in curves], loss, label, colour)
    draw(axes[2], epochs, [curve.accuracy for curve in curves], label, colour)


def label_curves(axes, title):
    axes[0].set(title=title, xlabel="epoch", ylabel="training loss", yscale="log")
    axes[1].set(xlabel="seconds, teleports included", ylabel="training loss", yscale="log")
    axes[2].set(xlabel="epoch", ylabel="test accuracy")
    axes[0].legend()


def save(chart, options, name):
    import matplotlib.pyplot as plt

    path = options.out / name
    chart.savefig(path, dpi=110)
    plt.close(chart)
    print(f"saved {path}\n")

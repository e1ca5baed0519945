"""Teleports to sharper, flatter, more and less curved points, then training (arXiv 2305.13404).

    python examples/python/experiments/sharpness_curvature.py --data FOLDER [--quick] [--out DIR]

784-16-10-10, LeakyReLU 0.1, SGD with mini-batches of 20; one teleport at half the epochs. Sharpness
(mean loss over random perturbations of the weights) goes up or down by ascent over the scaling
group, curvature (of a group's curves through the weights) by random search, over the scaling group
on 1,000 samples and over the linear group on the first layer on 200; the gradient norm stands
beside them. The loss on the teleport's samples stays, so what differs afterwards is what the new
place does to training and to the validation loss (on test/, which takes no part in training).
"""

import dataclasses

import numpy as np

import common
import teleport

RATE, RATES = 1e-2, (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
ASCENT = teleport.TeleportConfig(search="ascent", radius=0.2, steps=10, perturbations=16)
RANDOM = teleport.TeleportConfig(search="random", radius=0.5, candidates=1000)
LINEAR = teleport.TeleportConfig(group="linear", search="random", layer=0, candidates=100)


def aim(config, objective):
    return dataclasses.replace(config, objective=objective)


ARMS = {  # and the samples of the teleport
    "none": (None, 1000),
    "gradient norm up": (teleport.TeleportConfig(search="ascent", radius=0.5), 1000),
    "sharpness up": (aim(ASCENT, "sharpness_maximize"), 1000),
    "sharpness down": (aim(ASCENT, "sharpness_minimize"), 1000),
    "curvature up, scaling": (aim(RANDOM, "curvature_maximize"), 1000),
    "curvature down, scaling": (aim(RANDOM, "curvature_minimize"), 1000),
    "curvature up, linear": (aim(LINEAR, "curvature_maximize"), 200),
    "curvature down, linear": (aim(LINEAR, "curvature_minimize"), 200),
}


class Place:
    """Gradient norm and sharpness on 1,000 samples; the perturbations are not the search's."""

    PROBE = teleport.TeleportConfig(
        search="random",
        candidates=1,
        radius=1e-3,
        objective="sharpness_minimize",
        perturbations=32,
        seed=1,
    )

    def __init__(self, train):
        count = min(len(train), 1000)
        self.x, self.labels = train.get(0, count), train.labels(0, count)

    def __call__(self, model):
        gradient, _ = model.gradient(self.x, self.labels)
        report = model.clone().teleport(self.x, self.labels, self.PROBE)
        return float(np.linalg.norm(gradient.astype(float))), report.objective_before


def run(sets, options, place, config, samples, rate):
    half = options.epochs // 2
    widths = [sets[0].width, 16, 10, sets[0].class_count]

    def measure(event, model):
        """Where the second half begins."""
        kind = "epoch" if config is None else "teleport"
        here = event.kind == kind and event.epoch == (half - 1 if config is None else half)
        return place(model) if here else None

    return [
        common.train(
            teleport.Model(widths, negative_slope=0.1, initialization="torch_linear", seed=seed),
            sets,
            options.epochs,
            rate=rate,
            config=config,
            measure=measure,
            batch_size=20,
            seed=seed,
            teleport_epochs=[half],
            teleport_samples=samples,
        )
        for seed in range(options.seeds)
    ]


def ends(curves):
    return [
        common.spread([curve.loss[-1] for curve in curves]),
        common.spread([curve.test_loss[-1] for curve in curves]),
        common.spread([min(curve.test_loss) for curve in curves]),
        common.points([curve.accuracy[-1] for curve in curves]),
    ]


def main():
    options = common.parse(__doc__, data=True, seeds=5, epochs=20, quick_epochs=4)
    sets = common.load(options.data)
    place, half = Place(sets[0]), options.epochs // 2
    chart, axes = common.figure(3)
    rows, best_rows = [], []
    for index, (label, (config, samples)) in enumerate(ARMS.items()):
        rates = (RATE,) if options.quick else RATES
        if options.quick and config is not None:
            config = dataclasses.replace(config, candidates=20, perturbations=4)
        tried = {rate: run(sets, options, place, config, samples, rate) for rate in rates}
        final = {rate: [curve.test_loss[-1] for curve in curves] for rate, curves in tried.items()}
        curves, best = tried[RATE], common.best_rate(final)
        places = np.array([curve.measured[0] for curve in curves])
        if config is None:
            plain = places
        # Seed by seed to where the plain run is then: the teleport's own share, not the seeds'
        # spread.
        shares = (places / plain).T
        accepted = f"{sum(curve.accepted for curve in curves)}/{options.seeds}" if config else ""
        aims = [
            r.objective_after / r.objective_before for c in curves for r in c.moves if r.accepted
        ]
        own = common.spread(aims) if aims else ""
        rows.append([label, accepted, own, *map(common.spread, shares), *ends(curves)])
        best_rows.append([label, f"{best:g}{common.at_edge(best, rates)}", *ends(tried[best])])
        colour = common.COLOURS[index]
        epochs = [range(options.epochs + 1)] * len(curves)
        for axis, name in zip(axes[0], ("loss", "test_loss", "accuracy")):
            common.draw(axis, epochs, [getattr(c, name) for c in curves], label, colour)
    axes[0, 0].set(xlabel="epoch", ylabel="training loss", yscale="log")
    axes[0, 1].set(xlabel="epoch", ylabel="validation loss")
    axes[0, 2].set(xlabel="epoch", ylabel="validation accuracy")
    axes[0, 0].legend()
    after = f"after {options.epochs}"
    losses = [f"training loss {after}", f"validation loss {after}", "least", "accuracy"]
    options.page.table(
        f"SGD at {RATE:g}, teleport at epoch {half}; its objective, the gradient norm and the "
        "sharpness right after it, as shares of those before",
        ["teleport", "accepted", "its objective", "gradient norm", "sharpness", *losses],
        rows,
    )
    if common.tells_best(rates):
        options.page.table(
            "Each at its own best rate of the grid, by validation loss",
            ["teleport", "rate", *losses],
            best_rows,
        )
        options.page.text(common.EDGE)
    options.page.publish()
    common.save(chart, options, f"sharpness_curvature_{options.data.name}.png")


if __name__ == "__main__":
    main()

"""Image classification with five optimizers, with and without teleports, as in arXiv 2205.10637.

    python examples/python/experiments/classification.py --data FOLDER [--quick] [--epochs 10]

784-16-10-10, no biases, LeakyReLU 0.1, weights uniform in +-1/sqrt(inputs), mini-batches of 20;
SGD, momentum, AdaGrad, RMSProp and Adam at the rates of the paper. Teleports before the first 8
mini-batches of epoch 0, on 200 samples each: the scaling group with the library's default config,
and the linear group on the first layer (the one with more inputs than samples), by lookahead and by
ascent on the gradient norm as in the paper. Every arm is shown at its own best rate as well; the
clock includes the teleports.
"""

import common
import teleport

METHODS = {  # the paper's rate, and those to try
    "sgd": (1e-2, (1e-2, 3e-2, 1e-1, 2e-1, 4e-1)),
    "momentum": (1e-3, (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)),
    "adagrad": (1e-2, (1e-2, 3e-2, 1e-1, 3e-1)),
    "rmsprop": (1e-4, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)),
    "adam": (1e-4, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)),
}
ARMS = {
    "plain": None,
    "scaling group": teleport.TeleportConfig(),
    "linear group, lookahead": teleport.TeleportConfig(group="linear", layer=0),
    "linear group, ascent": teleport.TeleportConfig(group="linear", layer=0, search="ascent"),
}


def run(sets, options, optimizer, rate, config):
    widths = [sets[0].width, 16, 10, sets[0].class_count]
    return [
        common.train(
            teleport.Model(
                widths, negative_slope=0.1, bias=False, initialization="torch_linear", seed=seed
            ),
            sets,
            options.epochs,
            optimizer=optimizer,
            rate=rate,
            config=config,
            batch_size=20,
            seed=seed,
            teleport_epochs=[0],
            teleports_per_epoch=8,
            teleport_samples=200,
        )
        for seed in range(options.seeds)
    ]


def row(optimizer, label, rate, curves):
    return [
        optimizer,
        label,
        rate,
        common.spread([curve.loss[1] for curve in curves]),
        common.spread([curve.loss[-1] for curve in curves]),
        common.points([curve.accuracy[-1] for curve in curves]),
        f"{sum(c.accepted for c in curves)}/{sum(len(c.moves) - c.undone for c in curves)}",
        common.spread([curve.seconds[-1] for curve in curves]),
    ]


def main():
    options = common.parse(__doc__, data=True, seeds=3, epochs=10, quick_epochs=2)
    sets = common.load(options.data)
    methods = dict(list(METHODS.items())[::4]) if options.quick else METHODS
    chart, axes = common.figure(3, len(methods))
    rows, best_rows = [], []
    for index, (optimizer, (published, rates)) in enumerate(methods.items()):
        for arm, (label, config) in enumerate(ARMS.items()):
            grid = (published,) if options.quick else rates
            tried = {rate: run(sets, options, optimizer, rate, config) for rate in grid}
            final = {rate: [curve.loss[-1] for curve in curves] for rate, curves in tried.items()}
            best = common.best_rate(final)
            rows.append(row(optimizer, label, f"{published:g}", tried[published]))
            shown = f"{best:g}{common.at_edge(best, grid)}"
            if common.tells_best(grid):
                best_rows.append(row(optimizer, label, shown, tried[best]))
            common.draw_curves(axes[index], tried[published], label, common.COLOURS[arm])
        common.label_curves(axes[index], f"{optimizer} {published:g}")
    header = ["optimizer", "run", "rate", "training loss after 1", f"after {options.epochs}"]
    header += ["test accuracy", "accepted", "seconds"]
    options.page.table("At the paper's rates", header, rows)
    if best_rows:
        options.page.table("Each at its own best rate of the grid", header, best_rows)
        options.page.text(common.EDGE)
    options.page.publish()
    common.save(chart, options, f"classification_{options.data.name}.png")


if __name__ == "__main__":
    main()

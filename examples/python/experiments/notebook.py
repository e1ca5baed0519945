"""The run of the notebook baubels/gradient_teleportation, with and without its teleport.

    python examples/python/experiments/notebook.py --data FOLDER [--quick] [--out DIR] [--epochs 15]

Fashion-MNIST, 784-64-64-10 with biases, LeakyReLU 0.01, Glorot's initialization, SGD at 1e-3 with
mini-batches of 32, one teleport before epoch 5: by the scaling group (the library's default config), and by the
notebook's own candidates of the linear group, 1,000 diagonally dominant matrices each on a random
layer, scored on 32 samples. The notebook looks at its batch alone; the library's guard also looks
at samples held out, which these candidates often fail, so both are shown. Every arm is shown at its
own best rate as well.
"""

import numpy as np

import common
import teleport

RATE, RATES, EPOCH = 1e-3, (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 2e-1, 4e-1), 5
CANDIDATES = dict(
    group="linear",
    search="random",
    sampler="diagonally_dominant",
    layer=teleport.LAYER_RANDOM,
)


def arms(options):
    count = 50 if options.quick else 1000
    notebook = teleport.TeleportConfig(candidates=count, **CANDIDATES)
    bare = teleport.TeleportConfig(candidates=count, held_out_tolerance=-1.0, **CANDIDATES)
    return {
        "plain": (None, 32),
        "scaling group": (teleport.TeleportConfig(), 2048),
        "notebook's candidates, guarded": (notebook, 32),
        "notebook's candidates, unguarded": (bare, 32),
    }


def run(sets, options, config, samples, rate):
    widths = [sets[0].width, 64, 64, sets[0].class_count]
    return [
        common.train(
            teleport.Model(widths, seed=seed),
            sets,
            options.epochs,
            rate=rate,
            config=config,
            measure=lambda event, model: (
                model.evaluate(sets[0]).loss if event.kind == "teleport" else None
            ),
            batch_size=32,
            seed=seed,
            teleport_epochs=[EPOCH],
            teleport_samples=samples,
        )
        for seed in range(options.seeds)
    ]


def print_moves(page, label, curves):
    rows = []
    for seed, curve in enumerate(curves):
        for report, after in zip(curve.moves, curve.measured):
            moved_to = report.loss_after / report.loss_before - 1
            rows.append(
                [
                    seed,
                    report.outcome,
                    f"{report.loss_before:.5f}",
                    f"{moved_to:.1e}",
                    f"{curve.loss[EPOCH]:.4f}",
                    f"{after:.4f}",
                    f"{report.gradient_norm2_after / report.gradient_norm2_before:.3g}",
                    f"{report.seconds:.2f}",
                ]
            )
    header = ["seed", "outcome", "loss on its batch", "its change", "loss on all, before", "after"]
    header += ["squared gradient norm, times", "s"]
    page.table(f"Teleports before epoch {EPOCH}: {label}", header, rows)


def costs(plain_seconds, moves):
    """What a teleport of each arm costs, beside a whole run without one."""
    spent = [
        f"{label} {common.spread([report.seconds for c in curves for report in c.moves])} s"
        for label, curves in moves
    ]
    return f"A teleport takes: {'; '.join(spent)}. The plain run takes {common.spread(plain_seconds)} s."


def main():
    options = common.parse(__doc__, data=True, seeds=5, epochs=15, quick_epochs=7)
    sets = common.load(options.data)
    rates = (RATE, 1e-2) if options.quick else RATES
    chart, axes = common.figure(3)
    rows, best_rows, moves = [], [], []
    for index, (label, (config, samples)) in enumerate(arms(options).items()):
        tried = {rate: run(sets, options, config, samples, rate) for rate in rates}
        final = {rate: [curve.loss[-1] for curve in curves] for rate, curves in tried.items()}
        curves, best = tried[RATE], common.best_rate(final)
        rows.append(
            [
                label,
                common.points([curve.accuracy[EPOCH] for curve in curves]),
                common.points([curve.accuracy[EPOCH + 1] for curve in curves]),
                common.points([curve.accuracy[-1] for curve in curves]),
                common.spread(final[RATE]),
                common.spread([curve.seconds[-1] for curve in curves]),
            ]
        )
        best_rows.append(
            [
                label,
                f"{best:g}{common.at_edge(best, rates)}",
                common.spread(final[best]),
                common.points([curve.accuracy[-1] for curve in tried[best]]),
                common.points([max(curve.accuracy) for curve in tried[best]]),
                f"{sum(curve.accepted for curve in tried[best])}/{options.seeds}" if config else "",
            ]
        )
        if config is None:
            plain = np.array([curve.accuracy[EPOCH + 1] for curve in curves])
            plain_seconds = [curve.seconds[-1] for curve in curves]
        gain = 100 * (np.array([curve.accuracy[EPOCH + 1] for curve in curves]) - plain)
        rows[-1].insert(3, f"{gain.mean():+.1f}")
        if config is not None:
            moves.append((label, curves))
        common.draw_curves(axes[0], curves, label, common.COLOURS[index])
    common.label_curves(axes[0], f"SGD {RATE:g}, teleport at epoch {EPOCH}")
    options.page.table(
        f"SGD at {RATE:g}: test accuracy",
        ["run", f"after {EPOCH} epochs", f"after {EPOCH + 1}", "gain"]
        + [f"after {options.epochs}", "training loss then", "seconds"],
        rows,
    )
    for label, curves in moves:
        print_moves(options.page, label, curves)
    options.page.text(costs(plain_seconds, moves))
    options.page.table(
        f"Each at its own best rate of {', '.join(f'{rate:g}' for rate in rates)}",
        [
            "run",
            "rate",
            f"training loss after {options.epochs}",
            "test accuracy",
            "best",
            "accepted",
        ],
        best_rows,
    )
    options.page.text(common.EDGE)
    options.page.publish()
    common.save(chart, options, "notebook.png")


if __name__ == "__main__":
    main()

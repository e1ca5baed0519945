"""Multi-layer regression with and without one teleport, as in arXiv 2205.10637, section 6.2.

    python examples/python/experiments/regression.py [--quick] [--out DIR]

X 5x4, W 6x5, 7x6, 8x7, Y 8x4, LeakyReLU 0.1, half the squared error, no biases, everything uniform
in [0, 1); 300 epochs of one step on all samples; gradient descent at 1e-4 and AdaGrad at 1e-1. The
five starts stand in regression_starts.json. One teleport before epoch 5, with the library's default
config but for one thing that four samples force: there are none to hold out, so the held-out guard
is off (held_out_tolerance = -1). The scaling group needs no such guard; for the linear group beside
it, the four samples are all there is to keep.
"""

import json
import time
from pathlib import Path

import numpy as np

import common
import teleport

EPOCHS, TELEPORT_EPOCH = 300, 5
METHODS = {
    # optimizer: the paper's rate, and those to try
    "sgd": (1e-4, (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3)),
    "adagrad": (1e-1, (2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1.0)),
}
ARMS = {
    "plain": None,
    "scaling group": teleport.TeleportConfig(held_out_tolerance=-1.0),
    "linear group": teleport.TeleportConfig(group="linear", held_out_tolerance=-1.0),
}


def starts():
    """Models and their data, float32."""
    path = Path(__file__).with_name("regression_starts.json")
    for start in json.loads(path.read_text())["starts"]:
        model = teleport.Model([5, 6, 7, 8], negative_slope=0.1, bias=False)
        for layer, weights in enumerate(start["W"]):
            model.set_layer(layer, weights)
        yield model, np.transpose(start["X_columns"]), np.transpose(start["Y_columns"])


def run(start, x, y, optimizer, rate, config):
    """Losses before each epoch and at the end, the time until then, and the teleport's report."""
    trainer = teleport.Trainer(
        start.clone(), loss="half_squared_error", optimizer=optimizer, learning_rate=rate
    )
    x, y = x.astype(np.float32), y.astype(np.float32)
    losses, times, report = [], [], None
    begin = time.perf_counter()
    try:
        for epoch in range(EPOCHS):
            if epoch == TELEPORT_EPOCH and config is not None:
                report = trainer.teleport(x, y, config)
            losses.append(trainer.step(x, y))
            times.append(time.perf_counter() - begin)
        losses.append(trainer.model.loss(x, y, loss="half_squared_error"))
        times.append(times[-1])
    except teleport.NotFiniteError:
        missing = EPOCHS + 1 - len(losses)
        losses, times = losses + missing * [np.inf], times + missing * [np.nan]
    return losses, times, report


def main():
    options = common.parse(__doc__, seeds=5)
    problems = list(starts())[: options.seeds]
    chart, axes = common.figure(2, 2)
    rows, moves = [], []
    for row, (optimizer, (published, grid)) in enumerate(METHODS.items()):
        plain = {}
        for arm, (label, config) in enumerate(ARMS.items()):
            rates = (published,) if options.quick else grid
            tried = {
                rate: [run(*problem, optimizer, rate, config) for problem in problems]
                for rate in rates
            }
            final = {rate: [losses[-1] for losses, _, _ in runs] for rate, runs in tried.items()}
            best = common.best_rate(final)
            kinds = {"published": published}
            if common.tells_best(rates):
                kinds["own best"] = best
            for kind, rate in kinds.items():
                if config is None:
                    plain[kind] = np.mean(final[rate])
                reports = [report for _, _, report in tried[rate] if report is not None]
                taken = 1000 * np.median([times[-1] for _, times, _ in tried[rate]])
                rows.append(
                    [
                        optimizer,
                        label,
                        kind,
                        f"{rate:g}{common.at_edge(rate, rates) if kind == 'own best' else ''}",
                        common.spread(final[rate]),
                        f"{np.mean(final[rate]) / plain[kind]:.3f}",
                        f"{sum(r.accepted for r in reports)}/{len(reports)}" if reports else "",
                        f"{taken:.1f}",
                    ]
                )
            for seed, (_, _, report) in enumerate(tried[published]):
                if report is not None:
                    change = report.loss_after / report.loss_before - 1
                    norms = report.gradient_norm2_after / report.gradient_norm2_before
                    moves.append(
                        [optimizer, label, seed, report.outcome, f"{report.radius:.3g}"]
                        + [f"{report.loss_before:.5g}", f"{change:.1e}", f"{norms:.3g}"]
                    )
            losses = [losses for losses, _, _ in tried[published]]
            times = [times for _, times, _ in tried[published]]
            colour = common.COLOURS[arm]
            common.draw(axes[row, 0], [range(EPOCHS + 1)] * len(losses), losses, label, colour)
            common.draw(axes[row, 1], times, losses, label, colour)
        axes[row, 0].set(title=optimizer, xlabel="epoch", ylabel="loss", yscale="log")
        axes[row, 1].set(xlabel="seconds, teleport included", ylabel="loss", yscale="log")
        axes[row, 0].legend()
    options.page.table(
        f"Loss after {EPOCHS} epochs, mean ± deviation over the starts; the held-out guard is off",
        ["optimizer", "run", "rate", "", "final loss", "to plain", "accepted", "ms"],
        rows,
    )
    edge = f" {common.EDGE}" if common.tells_best(rates) else ""
    options.page.text(f"To plain: the mean over that of the plain run of the same kind.{edge}")
    options.page.table(
        "The teleports at the published rates",
        [
            "optimizer",
            "group",
            "start",
            "outcome",
            "radius",
            "loss",
            "its change",
            "gradient norm, squared: times",
        ],
        moves,
    )
    options.page.publish()
    common.save(chart, options, "regression.png")


if __name__ == "__main__":
    main()

"""Teleports on the Rosenbrock and Booth functions, as in arXiv 2205.10637, section 6.1.

    python examples/python/experiments/plane.py [--quick] [--out DIR] [--seeds 100]

Gradient descent with and without teleports along the level set: SO(2) turns (u, v), theta ascends
|grad|^2 from a random angle. On Rosenbrock theta's ascent is chaotic, hence many seeds. A figure
for each function shows trajectories over level sets, the value, the gradient's norm, and one
against the other.
"""

import dataclasses
import time

import numpy as np

import common
from teleport import plane

FUNCTIONS = {
    # start, descent of the paper, rates to try, the part of the plane to draw, the minimum
    "Rosenbrock": dict(
        function=plane.rosenbrock,
        start=(-1.0, -1.0),
        config=plane.PlaneConfig(teleport_steps=range(99, 1000, 100)),
        rates=(2.5e-4, 5e-4, 7.5e-4, 1e-3, 1.2e-3, 1.5e-3, 2e-3, 3e-3),
        window=(-2.2, 2.2, -1.5, 3.2),
        formula=lambda x, y: 100 * (x**2 - y) ** 2 + (x - 1) ** 2,
        minimum=(1, 1),
    ),
    "Booth": dict(
        function=plane.booth,
        start=(5.0, -5.0),
        config=plane.PlaneConfig(
            steps=10, learning_rate=0.08, theta_learning_rate=1e-3, teleport_steps=[4]
        ),
        rates=(0.02, 0.04, 0.06, 0.08, 0.1, 0.11),
        window=(-2, 8, -6, 6),
        formula=lambda x, y: (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2,
        minimum=(1, 3),
    ),
}


def descend(case, rate, moved, seed):
    """A descent and its wall-clock time."""
    config = dataclasses.replace(case["config"], learning_rate=rate, seed=seed)
    if not moved:
        config = dataclasses.replace(config, teleport_steps=())
    start = time.perf_counter()
    descent = plane.descend(case["function"](), case["start"], config)
    return descent, time.perf_counter() - start


def ends(case, rate, moved, seeds):
    """Final values (infinite where it diverged) and milliseconds."""
    values, times = [], []
    for seed in range(seeds if moved else 1):
        descent, seconds = descend(case, rate, moved, seed)
        values.append(descent.values[-1] if np.isfinite(descent.values[-1]) else np.inf)
        times.append(1000 * seconds)
    return np.array(values), np.array(times)


def summary(values):
    if not np.all(np.isfinite(values)):
        return f"diverged in {np.sum(~np.isfinite(values))} of {values.size}", "", ""
    logs = np.log10(np.maximum(values, 1e-32))
    quartiles = np.percentile(values, [25, 75])
    return (
        f"{np.median(values):.2g}",
        f"{quartiles[0]:.2g} to {quartiles[1]:.2g}",
        f"{logs.mean():.2f} ± {logs.std(ddof=1) if logs.size > 1 else 0:.2f}",
    )


def table(name, case, options):
    published = case["config"].learning_rate
    rows = []
    for moved in (False, True):
        tried = {rate: ends(case, rate, moved, options.seeds) for rate in case["rates"]}
        logs = {rate: np.log10(np.maximum(values, 1e-32)) for rate, (values, _) in tried.items()}
        best = common.best_rate(logs)
        for kind, rate in (("published", published), ("own best", best)):
            values, times = tried[rate]
            edge = common.at_edge(rate, case["rates"]) if kind == "own best" else ""
            label = "with teleports" if moved else "plain"
            row = [label, kind, f"{rate:g}{edge}", *summary(values), f"{np.median(times):.2f}"]
            rows.append(row)
    options.page.table(
        f"{name}: value after {case['config'].steps} steps",
        ["run", "rate", "", "median", "quartiles", "log10: mean ± deviation", "ms"],
        rows,
    )


def draw(name, case, options):
    chart, axes = common.figure(2, 2)
    left, right, bottom, top = case["window"]
    x, y = np.meshgrid(np.linspace(left, right, 300), np.linspace(bottom, top, 300))
    axes[0, 0].contour(x, y, np.log10(case["formula"](x, y) + 1e-3), 20, linewidths=0.4)
    axes[0, 0].plot(*case["minimum"], "k*")
    function = case["function"]()
    for moved in (True, False):
        colour = common.COLOURS[1 if moved else 0]
        for seed in range(min(options.seeds, 5) if moved else 1):
            (points, values), _ = descend(case, case["config"].learning_rate, moved, seed)
            norms = [np.linalg.norm(function.gradient(point)) for point in points]
            label = ("with teleports" if moved else "plain") if seed == 0 else None
            style = dict(color=colour, label=label, linewidth=0.9, alpha=0.8)
            axes[0, 0].plot(points[:, 0], points[:, 1], ".-", markersize=2, **style)
            axes[0, 1].semilogy(np.maximum(values, 1e-32), **style)
            axes[1, 0].semilogy(np.maximum(norms, 1e-16), **style)
            axes[1, 1].loglog(np.maximum(values, 1e-32), np.maximum(norms, 1e-16), **style)
    axes[0, 0].set(title=name, xlabel="x", ylabel="y", xlim=(left, right), ylim=(bottom, top))
    axes[0, 1].set(xlabel="step", ylabel="value")
    axes[1, 0].set(xlabel="step", ylabel="|gradient|")
    axes[1, 1].set(xlabel="value", ylabel="|gradient|")
    axes[0, 1].legend()
    common.save(chart, options, f"plane_{name.lower()}.png")


def main():
    options = common.parse(__doc__, seeds=100)
    for name, case in FUNCTIONS.items():
        table(name, case, options)
        draw(name, case, options)
    options.page.text(
        "Own best: least mean logarithm among the rates of the grid at which no seed diverges."
    )
    options.page.publish()


if __name__ == "__main__":
    main()

"""What becomes of the optimizer's averages across a teleport: keep, reset or transform them.

    python examples/python/experiments/optimizer_state.py --data FOLDER [--quick] [--out DIR]

784-64-64-10 with biases, LeakyReLU 0.01, mini-batches of 32; one teleport of the scaling group at
half the epochs, for momentum, AdaGrad, RMSProp and Adam at several rates. The policies are compared
after the very same move (ascent on the gradient norm, |s| at most 0.5), and as the library's
default search would have it, which looks ahead with the policy's own averages and may stay.
"""

import dataclasses

import numpy as np

import common
import teleport

METHODS = {
    "momentum": (1e-3, 1e-2, 3e-2),
    "adagrad": (3e-3, 1e-2, 3e-2),
    "rmsprop": (1e-4, 1e-3, 3e-3),
    "adam": (1e-4, 1e-3, 3e-3),
}
POLICIES = ("keep", "reset", "transform")
SEARCHES = {
    "the same move": teleport.TeleportConfig(search="ascent", radius=0.5),
    "lookahead": teleport.TeleportConfig(),
}


def run(sets, options, optimizer, rate, config):
    widths = [sets[0].width, 64, 64, sets[0].class_count]
    return [
        common.train(
            teleport.Model(widths, seed=seed),
            sets,
            options.epochs,
            optimizer=optimizer,
            rate=rate,
            config=config,
            batch_size=32,
            seed=seed,
            teleport_epochs=[options.epochs // 2],
        )
        for seed in range(options.seeds)
    ]


def main():
    options = common.parse(__doc__, data=True, seeds=5, epochs=6, quick_epochs=2)
    sets = common.load(options.data)
    half = options.epochs // 2
    chart, axes = common.figure(len(METHODS), len(SEARCHES))
    for line, (search, config) in enumerate(SEARCHES.items()):
        rows, ratios, wins = [], {policy: [] for policy in POLICIES}, dict.fromkeys(POLICIES, 0)
        for column, (optimizer, rates) in enumerate(METHODS.items()):
            rates = rates[1:2] if options.quick else rates
            for rate in rates:
                plain = run(sets, options, optimizer, rate, None)
                arms = {"plain": plain}
                for policy in POLICIES:
                    moved = dataclasses.replace(config, state=policy)
                    arms[policy] = run(sets, options, optimizer, rate, moved)
                ends = {name: [c.loss[-1] for c in curves] for name, curves in arms.items()}
                means = {name: np.mean(values) for name, values in ends.items()}
                winner = min(POLICIES, key=means.get)
                wins[winner] += 1
                for policy in POLICIES:
                    ratios[policy].append(np.log(means[policy] / means["keep"]))
                cells = [common.spread(ends[name]) for name in arms]
                next_losses = [
                    f"{np.mean([c.loss[half + 1] for c in arms[p]]):.3g}" for p in POLICIES
                ]
                rows.append([optimizer, f"{rate:g}", *cells, winner, " / ".join(next_losses)])
                if rate == rates[len(rates) // 2]:
                    for index, (name, curves) in enumerate(arms.items()):
                        epochs = [range(options.epochs + 1)] * len(curves)
                        losses = [curve.loss for curve in curves]
                        common.draw(axes[line, column], epochs, losses, name, common.COLOURS[index])
                    axes[line, column].set(
                        title=f"{optimizer} {rate:g}, {search}", xlabel="epoch", yscale="log"
                    )
        rows.append(
            ["least mean", "", "", *(f"{wins[policy]} times" for policy in POLICIES), "", ""]
        )
        geometric = [f"{np.exp(np.mean(ratios[policy])):.3f}" for policy in POLICIES]
        rows.append(["geometric mean, to keep", "", "", *geometric, "", ""])
        header = ["optimizer", "rate", "plain", *POLICIES, "least", "one epoch after the teleport"]
        options.page.table(
            f"{search[0].upper()}{search[1:]}: training loss after {options.epochs} epochs, teleport at epoch {half}",
            header,
            rows,
        )
    axes[0, 0].legend()
    options.page.publish()
    common.save(chart, options, f"optimizer_state_{options.data.name}.png")


if __name__ == "__main__":
    main()

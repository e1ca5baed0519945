"""Steps of nets that nobody tuned for: other activations, losses, optimizers and sizes."""

from __future__ import annotations

from typing import Any

from report import Table, Worker, interleave, median, minimum
from sections import US, Net, Run

PEERS = ("torch", "jax")
# The goal is times B; 0: at most the fastest peer's time.
CASES = [
    Net((784, 64, 64, 10), 256, "sgd:tanh:mse", 0),
    Net((13, 50, 50, 1), 32, "sgd:tanh:mse", 0),
    Net((100, 200, 200, 1), 128, "adam:tanh:mse", 0),
    Net((3072, 2000, 10), 128, "momentum", 0),
    Net((784, 128, 128, 10), 64, "momentum:sigmoid", 0),
    Net((12288, 256, 64, 3), 64, "adam", 1.15),
    Net((12288, 256, 64, 3), 64, "adamw", 1.15),
    Net((784, 16, 10, 10), 20, "sgd", 1.1),
]
# On two threads: at most the time on one.
SHARED = [
    Net((2352, 100, 100, 100, 5), 17, "adamw", 0),
    Net((784, 64, 64, 10), 256, "sgd:tanh:mse", 0),
    Net((784, 512, 512, 10), 256, "sgd", 0),
]
# Microseconds a sample.
LARGE = [Net((784, 64, 64, 10), batch, "sgd", 0) for batch in (64, 4096)]
LARGE_GOAL = 2.35


def shapes(run: Run) -> list[Table]:
    return [_beside_peers(run), *([_shared(run)] if len(run.two) == 2 else []), _large(run)]


def _own(run: Run, net: Net, threads: int) -> Worker:
    return Worker([run.programs / "steps", "--serve", *net.words(threads)], run.processors(threads))


def _beside_peers(run: Run) -> Table:
    table = Table("shapes", "Training steps of other shapes (microseconds, minimum; median in brackets; one thread)")
    silent: list[str] = []
    for net in CASES:
        workers = {"ours": _own(run, net, 1)}
        for peer in PEERS if run.python else ():
            try:
                workers[peer] = run.peer(f"{peer}_steps.py", *net.words(1))
            except RuntimeError:
                silent.append(peer)
        samples = interleave(workers, run.effort())
        own, bare = minimum(samples["ours"]), minimum(samples["ours"], "bare")
        row: dict[str, Any] = {"step": net.name, "B": bare * US}
        for name in ("ours", *PEERS):
            times = samples.get(name)
            row[name] = f"{minimum(times) * US:,.1f} ({median(times) * US:,.1f})" if times else None
        fastest = min((minimum(samples[peer]) for peer in PEERS if peer in samples), default=None)
        row |= {"ours/B": own / bare, "ours/fastest peer": own / fastest if fastest else None}
        row["goal"] = f"{net.goal} B" if net.goal else "the fastest peer"
        row["met"] = own <= net.goal * bare if net.goal else own <= fastest if fastest else None
        table.add_row(row)
    table.notes = [f"{peer}: its worker did not start." for peer in dict.fromkeys(silent)]
    table.notes.append("B: the step's matrix products bare on OpenBLAS, one thread.")
    return table


def _shared(run: Run) -> Table:
    table = Table("shapes-threads", "The same on two threads (microseconds, minimum; median in brackets)")
    for net in SHARED:
        samples = interleave({str(n): _own(run, net, n) for n in (1, 2)}, run.effort(0.5))
        row: dict[str, Any] = {"step": net.name}
        for n in (1, 2):
            times = samples[str(n)]
            row[f"{n} threads"] = f"{minimum(times) * US:,.1f} ({median(times) * US:,.1f})"
        row["times 1 thread"] = minimum(samples["1"]) / minimum(samples["2"])
        table.add_row(row | {"goal": 1, "met": row["times 1 thread"] >= 1})
    return table


def _large(run: Run) -> Table:
    table = Table("shapes-batch", "A large batch (microseconds a sample, one thread, minimum)")
    for net in LARGE:
        samples = interleave({"ours": _own(run, net, 1)}, run.effort(0.5))["ours"]
        table.add_row({"step": net.name, "a sample": minimum(samples) * US / net.batch})
    table.notes = [f"Goal for batch 4096: {LARGE_GOAL} where 64 takes 2.17."]
    return table

"""What a step in frames costs beside the same optimizer's plain step."""

from __future__ import annotations

from typing import Any

from report import Table, Worker, interleave, median, minimum
from sections import US, Net, Run, count_allocations

SMALL, LARGE = (784, 64, 64, 10), (784, 512, 512, 10)
# Widths, batch, the plain method, the one in frames, the goal: times the plain step.
CASES = [
    (SMALL, 32, "sgd", "sgd:whiten", 1.25),
    (SMALL, 32, "sgd", "dog:whiten", 1.5),
    (SMALL, 32, "adam", "adam:whiten", 1.4),
    (SMALL, 32, "adamw", "adamw:schedule_free:rotate", 1.3),
    (LARGE, 256, "sgd", "sgd:whiten", 1.25),
]

SETTLED = 402  # steps after which one refresh comes within 200 and none within 190


def frames(run: Run) -> list[Table]:
    table = Table("frames", "Training steps in frames (microseconds, minimum; median in brackets)")
    for widths, batch, plain, framed, goal in CASES:
        large = widths == LARGE
        for threads in [1, 2] if len(run.two) == 2 else [1]:
            nets = {name: Net(widths, batch, name, goal, large) for name in (plain, framed)}
            workers = {
                name: Worker([run.programs / "steps", "--serve", *net.words(threads)], run.processors(threads))
                for name, net in nets.items()
            }
            samples = interleave(workers, run.effort(0.5))
            row: dict[str, Any] = {"step": nets[framed].name, "threads": threads, "beside": plain}
            for column, name in (("plain", plain), ("in frames", framed)):
                own = samples[name]
                row[column] = f"{minimum(own) * US:,.1f} ({median(own) * US:,.1f})"
            times = minimum(samples[framed]) / minimum(samples[plain])
            between, around = (count_allocations(run, nets[framed], threads, n, SETTLED) for n in (190, 200))
            row |= {"times": times, "goal": goal, "allocations": between, "in a refresh": around - between}
            row["met"] = times <= goal and between == around == 0
            table.add_row(row)
    table.notes = [
        "In frames a repetition is 200 steps, with the refresh that comes every 200 steps. Layers inside that read more "
        "than 256 values, as the second net's, have frames of rank 64.",
        "Allocations: in 190 steps between two refreshes, and in a refresh with its step, goal 0 both.",
    ]
    return [table]

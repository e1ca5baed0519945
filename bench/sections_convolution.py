"""Training steps of convolutional nets."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import Any

from report import Sample, Table, Worker, interleave, median, minimum
from sections import MS, Run


@dataclass(frozen=True)
class TextNet:
    name: str
    known: str  # to tp_architecture; empty: the net is the text
    shape: str
    text: str
    batch: int
    steps: int  # a repetition
    goals: tuple[float, float]  # times the best peer's, by threads
    megabytes: int  # at most


BLOCKS = (
    "conv 32 3x3 pad same;{0}conv 32 3x3 pad same;{0}max_pool 2;"
    "conv 64 3x3 pad same;{0}conv 64 3x3 pad same;{0}max_pool 2"
)
ENDS = ";dense 128;relu;dense 10"
SMALL = "conv 8 5x5;relu;max_pool 2;conv 16 5x5;relu;max_pool 2;dense 64;relu;dense 10"
NETS = [
    TextNet("C1: lenet, 1x28x28, batch 64", "lenet", "1x28x28", "", 64, 20, (0.65, 0.45), 20),
    TextNet("C2: 4 convolutions of 32 and 64, 3x32x32, batch 64", "", "3x32x32",
            BLOCKS.format("relu;") + ENDS, 64, 1, (1.00, 0.98), 40),
    TextNet("C2 with batch norms", "", "3x32x32", BLOCKS.format("batch_norm;relu;") + ENDS, 64, 1, (0.90, 0.95), 180),
    TextNet("C3: resnet-8, 3x32x32, batch 64", "resnet-8", "3x32x32", "", 64, 2, (0.82, 0.80), 120),
    TextNet("C4: 2 convolutions of 8 and 16, 1x28x28, batch 32", "", "1x28x28", SMALL, 32, 40, (0.26, 0.14), 20),
]  # fmt: skip
PEERS = {
    "torch": ("torch_text_steps.py",),
    "torch, channels_last": ("torch_text_steps.py", "channels_last"),
    "tf": ("tf_text_steps.py",),
    "jax": ("jax_text_steps.py",),
}
FASTER = 1.85


def convolution(run: Run) -> list[Table]:
    table = Table("convolution", "Training steps of convolutional nets (milliseconds, minimum; median in brackets)")
    table.notes = ["Plain SGD, 1 thread pinned to one processor; the texts of C2 and C4 are in sections_convolution.py."]
    silent: list[str] = []
    for net in NETS:
        text = _text(run, net)
        counts = [1, 2] if len(run.two) == 2 else [1]
        workers: dict[str, Worker] = {}
        for threads in counts:
            words = [text, str(net.batch), str(threads), str(net.steps)]
            own = [run.programs / "networks", "--serve", *words]
            workers[f"ours {threads}"] = Worker(own, run.processors(threads))
            for peer, (script, *rest) in PEERS.items() if run.python else []:
                try:
                    workers[f"{peer} {threads}"] = run.peer(script, *words, *rest, threads=threads)
                except RuntimeError:
                    silent.append(peer)
        samples = interleave(workers, run.effort(2))
        for threads in counts:
            table.add_row(_row(run, net, threads, samples, _allocations(run, net, text, threads)))
    for peer in dict.fromkeys(silent):
        table.notes.append(f"{peer}: its worker did not start, so it is left out of the rows without its figure.")
    table.notes.append(
        "MB: the largest resident set of the process that measured, in brackets what is asked of ours. "
        "Allocations: in the steps of a repetition after the first."
    )
    return [table]


def _text(run: Run, net: TextNet) -> str:
    if not net.known:
        return f"input {net.shape};{net.text}"
    command = [str(run.programs / "networks"), "text", net.known, net.shape]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _allocations(run: Run, net: TextNet, text: str, threads: int) -> int:
    environment = os.environ | {"LD_PRELOAD": str(run.programs / "malloc_count.so")}
    command = [str(run.programs / "networks"), "allocations", text, str(net.batch), str(threads), str(net.steps)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def _row(
    run: Run, net: TextNet, threads: int, samples: dict[str, list[Sample]], allocations: int
) -> dict[str, Any]:
    own = samples[f"ours {threads}"]
    ours, goal = minimum(own), net.goals[threads - 1]
    row: dict[str, Any] = {"step": net.name, "threads": threads, "repetitions": len(own)}
    row["ours"] = _figure(own)
    best = None
    for peer in PEERS:
        theirs = samples.get(f"{peer} {threads}", [])
        if not theirs:
            continue
        run.note_version(peer.split(",")[0], theirs)
        row[peer] = _figure(theirs)
        best = min(best or minimum(theirs), minimum(theirs))
    met = own[-1]["peak"] <= net.megabytes * 1e6
    if best:
        row |= {"ours/best peer": ours / best, "goal": goal}
        met = met and ours <= goal * best
    if threads == 2:
        row["times 1 thread"] = minimum(samples["ours 1"]) / ours
        met = met and row["times 1 thread"] >= FASTER
    row["allocations"] = allocations
    met = met and allocations == 0
    row["MB"] = f"{own[-1]['peak'] / 1e6:.0f} ({net.megabytes})"
    for peer in PEERS:
        if theirs := samples.get(f"{peer} {threads}", []):
            row[f"MB, {peer}"] = theirs[-1]["peak"] / 1e6
    row["met"] = met if best else None
    return row


def _figure(samples: list[Sample]) -> str:
    return f"{minimum(samples) * MS:.3g} ({median(samples) * MS:.3g})"

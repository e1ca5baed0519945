"""Training steps, threads, growth, calls, allocations and teleports. Each section makes tables."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import Effort, Sample, Table, Worker, interleave, median, minimum, run_once

US, MS = 1e6, 1e3
STEP_PEERS = ("torch", "jax", "tf")  # of peers/NAME_steps.py


@dataclass
class Run:
    programs: Path
    peers: Path
    python: Path | None  # of the peers; None: without them
    any_python: Path | None
    data: Path | None
    quick: bool
    repetitions: int
    facts: dict[str, Any]

    @property
    def one(self) -> set[int]:
        return {max(os.sched_getaffinity(0))}

    @property
    def two(self) -> set[int]:
        return set(sorted(os.sched_getaffinity(0))[-2:])

    @property
    def samples(self) -> Path:
        return self.programs / "samples.bin"

    def processors(self, threads: int) -> set[int]:
        return self.one if threads == 1 else set(sorted(os.sched_getaffinity(0))[-threads:])

    def effort(self, share: float = 1) -> Effort:
        """Of one row; `share` 2 takes twice the time."""
        if self.quick:
            return Effort(self.repetitions, 0.3 * share, 0.9)
        return Effort(self.repetitions, 4 * share)

    def prepare(self) -> None:
        """Samples for the teleports: MNIST's test images, or made-up ones of its kind."""
        folder = [str(self.data / "test")] if self.data and (self.data / "test").is_dir() else []
        subprocess.run([self.programs / "folder", "samples", self.samples, "2048", *folder], check=True)

    def peer(self, script: str, *arguments: object, threads: int = 1) -> Worker:
        assert self.python is not None
        words = [str(argument) for argument in arguments]
        return Worker([self.python, self.peers / script, *words], self.processors(threads))

    def note_version(self, name: str, samples: list[Sample]) -> None:
        if samples and "version" in samples[0]:
            self.facts["peers"][name] = samples[0]["version"]


@dataclass(frozen=True)
class Net:
    widths: tuple[int, ...]
    batch: int
    optimizer: str
    goal: float  # times B
    large: bool = False

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.widths))}, batch {self.batch}, {self.optimizer}"

    def words(self, threads: int) -> list[str]:
        return [",".join(map(str, self.widths)), str(self.batch), self.optimizer, str(threads)]


NETS = [
    Net((784, 64, 64, 10), 32, "sgd", 1.03),
    Net((784, 16, 10, 10), 20, "sgd", 1.1),
    Net((784, 64, 64, 10), 32, "adam", 1.2),
    Net((784, 512, 512, 10), 256, "sgd", 1.03, large=True),
    Net((3072, 1024, 1024, 10), 256, "sgd", 1.03, large=True),
]
RANGES = [0.0, 4.0, 6.0, 12.0, 25.0, float("inf")]  # nanoseconds a line
FASTER = {(784, 512, 512, 10): 1.75, (3072, 1024, 1024, 10): 1.8}


def steps(run: Run) -> list[Table]:
    table = Table("steps", "Training steps (microseconds, minimum; median in brackets)")
    table.notes = [
        "F: the step's floating-point work at the best sgemm rate of one core in the row's run (n = 512), divided by the "
        "threads. B: the same matrix products bare on OpenBLAS on one core, divided by the threads.",
        "1 thread: pinned to one processor. Every column of a net comes from one run, asked in turn.",
    ]
    silent: list[str] = []
    for net in NETS:
        counts = [1, 2] if net.large and len(run.two) == 2 else [1]
        workers: dict[str, Worker] = {}
        for threads in counts:
            own = [run.programs / "steps", "--serve", *net.words(threads)]
            workers[f"ours {threads}"] = Worker(own, run.processors(threads))
            if run.python:
                for peer in STEP_PEERS:
                    words = net.words(threads)
                    try:
                        workers[f"{peer} {threads}"] = run.peer(f"{peer}_steps.py", *words, threads=threads)
                    except RuntimeError:
                        silent.append(peer)
        samples = interleave(workers, run.effort(2))
        for threads in counts:
            table.add_row(_step_row(run, net, threads, samples))
    for peer in dict.fromkeys(silent):
        table.notes.append(f"{peer}: its worker did not start, so it is left out of the rows without its figure.")
    return [table]


def _step_row(run: Run, net: Net, threads: int, samples: dict[str, list[Sample]]) -> dict[str, Any]:
    own = samples[f"ours {threads}"]
    rate = max(sample["rate"] for name in samples if name.startswith("ours") for sample in samples[name])
    floor = own[0]["flop"] / rate / threads
    bare = min(minimum(samples[name], "bare") * int(name.split()[1]) for name in samples if name.startswith("ours"))
    bare /= threads
    ours = minimum(own)
    row: dict[str, Any] = {"step": net.name, "threads": threads, "sgemm GFLOP/s": rate / 1e9}
    row["repetitions"] = len(own)
    row |= {"F": floor * US, "B": bare * US, "B/F": bare / floor}
    row["ours"] = f"{ours * US:,.1f} ({median(own) * US:,.1f})"
    row |= {"ours/B": ours / bare, "goal": net.goal, "ours/F": ours / floor}
    met = ours <= net.goal * bare
    best = None
    for peer in STEP_PEERS:
        theirs = samples.get(f"{peer} {threads}", [])
        if not theirs:
            continue
        run.note_version(peer, theirs)
        row[peer] = f"{minimum(theirs) * US:,.1f} ({median(theirs) * US:,.1f})"
        best = min(best or minimum(theirs), minimum(theirs))
    if best:
        row["ours/best peer"] = ours / best
        met = met and ours <= best
    if threads == 2:
        row["times 1 thread"] = minimum(samples["ours 1"]) / ours
        met = met and row["times 1 thread"] >= FASTER[net.widths]
    row["met"] = met
    return row


def _alone(run: Run, net: Net, counts: list[int]) -> dict[int, list[Sample]]:
    program = run.programs / "steps"
    workers = {str(n): Worker([program, "--serve", *net.words(n)], run.processors(n)) for n in counts}
    return {int(name): samples for name, samples in interleave(workers, run.effort(0.5)).items()}


def threads(run: Run) -> list[Table]:
    table = Table("threads", "Training steps by threads (microseconds, minimum)")
    available = len(os.sched_getaffinity(0))
    counts = sorted({1, 2, available} & set(range(1, available + 1)))
    widths = [16, 64, 128, 256, 512] if not run.quick else [64, 256]
    for width in widths:
        for batch in (32, 256):
            net = Net((784, width, width, 10), batch, "sgd", 0)
            samples = _alone(run, net, counts)
            row: dict[str, Any] = {"step": net.name}
            for count in counts:
                row[f"{count} threads"] = minimum(samples[count]) * US
            for count in counts[1:]:
                row[f"times, {count} to 1"] = minimum(samples[1]) / minimum(samples[count])
            table.add_row(row)
    table.notes = ["1 thread is pinned to one processor. Below 1 in a `times` column: slower with more threads."]
    return [table]


def sharing(run: Run) -> list[Table]:
    """Two threads of one step write what the other reads."""
    table = Table("sharing", "Writing a cache line that the other core has read (nanoseconds)")
    if len(run.two) < 2:
        table.notes = ["Left out: one processor."]
        return [table]
    seconds = 1 if run.quick else 30
    times = sorted(run_once([run.programs / "sharing", str(seconds)], run.two)["nanoseconds"])
    for low, high in zip(RANGES, RANGES[1:]):
        inside = [value for value in times if low <= value < high]
        if inside:
            table.add(nanoseconds=f"{inside[0]:.1f} to {inside[-1]:.1f}", share_of_the_time=len(inside) / len(times))
    table.notes = [f"256 kB, for {seconds} seconds, a hundred times a second; the minimum of 12 rounds each time."]
    return [table]


def growth(run: Run) -> list[Table]:
    table = Table("growth", "Cost as width, batch and data grow (one thread, minimum)")
    small = run.quick
    for width in (64, 256, 300, 1024) if small else (16, 32, 64, 128, 256, 300, 512, 1024, 2048):
        _grow(run, table, "width", Net((784, width, width, 10), 32, "sgd", 0))
    for batch in (32, 256) if small else (1, 4, 16, 64, 256, 1024, 4096):
        _grow(run, table, "batch", Net((784, 64, 64, 10), batch, "sgd", 0))
    for depth in (2, 8) if small else (1, 2, 4, 8, 16):
        _grow(run, table, "depth", Net((784, *[64] * depth, 10), 32, "sgd", 0))
    sizes = (1000, 4000) if small else (1000, 4000, 16000, 64000, 256000)
    workers = {str(n): Worker([run.programs / "calls", "--serve", "epoch", str(n)], run.one) for n in sizes}
    for name, samples in interleave(workers, run.effort()).items():
        row = {"grows": "data", "net": f"784-64-64-10, batch 32, epoch of {name} samples from memory"}
        seconds = minimum(samples)
        table.add_row(row | {"microseconds": seconds * US, "a sample": seconds / int(name) * US})
    return [table]


def _grow(run: Run, table: Table, what: str, net: Net) -> None:
    samples = _alone(run, net, [1])[1]
    rate = max(sample["rate"] for sample in samples)
    seconds = minimum(samples)
    row = {"grows": what, "net": net.name, "microseconds": seconds * US, "a sample": seconds / net.batch * US}
    table.add_row(row | {"times F": seconds * rate / samples[0]["flop"], "times B": seconds / minimum(samples, "bare")})


def calls(run: Run) -> list[Table]:
    table = Table("calls", "Host overhead of one call (microseconds)")
    workers = {"C": Worker([run.programs / "calls", "--serve", "overhead"], run.one)}
    limits = {"C": 1.0, "Python": 10.0}
    if run.any_python:
        try:
            workers["Python"] = Worker([run.any_python, run.peers / "python_calls.py"], run.one)
        except RuntimeError as error:
            table.notes.append(f"Python left out: {error}")
    for host, samples in interleave(workers, run.effort(0.5)).items():
        for call in samples[0]:
            least, usual = minimum(samples, call) * US, median(samples, call) * US
            table.add(host=host, call=call, minimum=least, median=usual, goal=limits[host], met=least < limits[host])
    table.notes.append(
        "The step is a whole training step of a 1-1 net with one sample: what remains when there is next to no arithmetic."
    )
    return [table]


def count_allocations(run: Run, net: Net, threads: int, number_of_steps: int, before: int = 1) -> int:
    environment = os.environ | {"LD_PRELOAD": str(run.programs / "malloc_count.so")}
    command = [str(run.programs / "calls"), "allocations", *net.words(threads)]
    command += [str(number_of_steps), str(before)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr.strip())
    return int(result.stdout)


def allocations(run: Run) -> list[Table]:
    table = Table("allocations", "Calls of malloc and its kin in the training steps after the first")
    for net in NETS:
        for count in (1, 2):
            number_of_steps = 20 if run.quick and net.large else 1000
            number = count_allocations(run, net, count, number_of_steps)
            table.add(step=net.name, threads=count, steps=number_of_steps, allocations=number, met=number == 0)
    table.notes = ["Counted in all threads of the process by malloc_count.c, preloaded."]
    return [table]


def teleports(run: Run) -> list[Table]:
    program = run.programs / "teleports"
    listing = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    table = Table("teleports", "Teleports (milliseconds, one thread)")
    silent = False
    for line in listing.splitlines():
        key, peer, goal_kind, goal, title = line.split("|")
        workers = {"ours": Worker([program, "--serve", key, run.samples], run.one)}
        if run.python and peer:
            workers["torch"] = run.peer("torch_teleports.py", *peer.split(), run.samples)
            if goal_kind == "notebook":
                try:
                    workers["tf"] = run.peer("tf_random.py", *peer.split()[1:], run.samples)
                except RuntimeError:
                    silent = True
        samples = interleave(workers, Effort(7) if workers.keys() > {"ours"} else run.effort(0.5))
        own, theirs, notebook = samples["ours"], samples.get("torch", []), samples.get("tf", [])
        seconds, first = minimum(own), own[0]
        row: dict[str, Any] = {"teleport": title, "ours": f"{seconds * MS:.3g} ({median(own) * MS:.3g})"}
        row["repetitions"] = len(own)
        row["training steps"] = seconds / minimum(own, "step")
        row["PyTorch"] = f"{minimum(theirs) * MS:.4g} ({median(theirs) * MS:.4g})" if theirs else None
        row["times faster"] = minimum(theirs) / seconds if theirs else None
        row["notebook"] = f"{minimum(notebook) * MS:.4g} ({median(notebook) * MS:.4g})" if notebook else None
        row["times faster than it"] = minimum(notebook) / seconds if notebook else None
        limit = float(goal) if goal else 0.0
        measured = {
            "steps": row["training steps"],
            "ms": seconds * MS,
            "faster": row["times faster"],
            "notebook": row["times faster than it"],
        }.get(goal_kind)
        words = {
            "steps": f"< {goal} steps",
            "ms": f"< {goal} ms",
            "faster": f"{goal} times faster",
            "notebook": f"{goal} times faster than the notebook",
        }
        row["goal"] = words.get(goal_kind)
        is_ratio = goal_kind in ("faster", "notebook")
        row["met"] = None if measured is None else measured >= limit if is_ratio else measured < limit
        row |= {"outcome": first["outcome"], "loss, relative change": first["loss change"]}
        row |= {"gradient norm, times": first["growth"]}
        row["PyTorch's loss change"] = theirs[0]["loss change"] if theirs else None
        row["PyTorch's gradient, times"] = theirs[0]["growth"] if theirs else None
        row["notebook's"] = f"loss {notebook[0]['loss change']:.2g}, gradient {notebook[0]['growth']:.3g}" if notebook else None
        table.add_row(row)
    source = "MNIST's test images" if run.data else "made-up samples of MNIST's kind"
    table.notes = [
        f"Samples: {source}. Glorot weights, seed 0. Median in brackets.",
        "Training steps: of the batch that is teleported, measured in the same worker.",
        "PyTorch: peers/torch_teleports.py, the published algorithm written in the plainest way.",
        "Notebook: peers/tf_random.py, the search of baubels/gradient_teleportation in TensorFlow, which scores one layer's "
        "gradient without moving." + (" Its worker did not start." if silent else ""),
    ]
    return [table]


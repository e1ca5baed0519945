"""Reading folders of PNG images, and a whole epoch from one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from report import Sample, Table, median, minimum, run_once
from sections import Run

EPOCH_GOAL = "torchvision ImageFolder + PyTorch, 2 workers"  # what the goal compares with
EPOCH_KERAS = "Keras image_dataset_from_directory + TensorFlow, 2 threads"


def _libpng(program: Path, folder: Path, processes: int, read_only: bool, processors: set[int]) -> Sample:
    command = ["taskset", "-c", ",".join(map(str, processors)), str(program)]
    command += ["--read"] * read_only + [str(folder), str(processes)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.match(r"(\d+) images, (\d+) bad, ([0-9.]+) s", text)
    if not match:
        raise RuntimeError(f"libpng-loop: {text}")
    return {"images": int(match[1]), "seconds": float(match[3])}


def decode(run: Run) -> list[Table]:
    table = Table("decode", "Decoding a folder of PNG images (images a second, at the minimum of the times)")
    if not run.data:
        table.notes = ["left out: needs `make bench DATA=FOLDER`, a folder with train/ and one sub-folder a class"]
        return [table]
    folder = run.data / ("test" if run.quick and (run.data / "test").is_dir() else "train")
    repetitions = 7
    peers = ["pil", "opencv", "torchvision"] if run.python else []
    ours: dict[int, float] = {}
    for threads in (1, 2):
        processors = run.processors(threads)
        samples: dict[str, list[Sample]] = {}
        for _ in range(repetitions):
            turns = {
                "ours": lambda: run_once([run.programs / "folder", "decode", folder, threads], processors),
                "bare libpng": lambda: _libpng(run.programs / "libpng-loop", folder, threads, False, processors),
                "reading alone": lambda: _libpng(run.programs / "libpng-loop", folder, threads, True, processors),
            }
            for peer in peers if threads == 1 else []:
                script = [run.python, run.peers / "decode_folder.py", peer, folder]
                turns[peer] = lambda script=script: run_once(script, processors)
            for name, turn in turns.items():
                if name in peers and len(samples.get(name, [])) >= 3:
                    continue  # seconds each: three are enough to see that they are far away
                samples.setdefault(name, []).append(turn())
        for name, measured in samples.items():
            images, seconds = measured[0]["images"], minimum(measured)
            row: dict[str, Any] = {"reader": name, "threads": threads, "images": images}
            row |= {"images/s": images / seconds, "median": images / median(measured), "repetitions": len(measured)}
            if name == "ours":
                ours[threads] = seconds
                against = minimum(samples["bare libpng"]) / seconds
                scale = ours[1] / seconds
                row["times bare libpng"], row["times 1 thread"] = against, scale
                row["met"] = against >= 1 if threads == 1 else scale >= 1.7
            table.add_row(row)
            if name in peers:
                run.note_version(name, measured)
    table.notes = [
        "Warm page cache. Ours: one call of tp_dataset_from_image_folder, listing included. bare libpng: libpng-loop.c, "
        "one process a thread. Python readers list first and are timed while they decode, without start-up.",
        "Goals: not under bare libpng with 1 thread; 1.7 times that with 2.",
    ]
    return [table]


def epoch(run: Run) -> list[Table]:
    table = Table("epoch", "From a folder of PNGs to one trained epoch of 784-64-64-10, batch 32, SGD, cold process")
    if not run.data:
        table.notes = ["left out: needs `make bench DATA=FOLDER`"]
        return [table]
    folder = run.data / "train"
    both = run.two
    commands: dict[str, list[str | Path]] = {"ours": [run.programs / "folder", "epoch", folder, str(len(both))]}
    if run.python:
        commands[EPOCH_GOAL] = [run.python, run.peers / "torch_epoch.py", folder, "2"]
        commands[EPOCH_KERAS] = [run.python, run.peers / "keras_epoch.py", folder, "2"]
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    silent: list[str] = []
    for repetition in range(3 if run.quick else 7):
        for name, command in commands.items():
            if name in silent or (name != "ours" and repetition >= 3):
                continue
            try:
                samples[name].append(run_once(command, both))
            except RuntimeError:
                if name != EPOCH_KERAS:
                    raise
                silent.append(name)
                samples.pop(name)
    ours = minimum(samples["ours"], "wall")
    for name, measured in samples.items():
        seconds, peak = minimum(measured, "wall"), max(sample["peak"] for sample in measured) / 1e6
        row: dict[str, Any] = {"program": name, "seconds": seconds, "median": median(measured, "wall")}
        row |= {"processor seconds": minimum(measured, "cpu"), "peak MB": peak}
        row |= {"loss": measured[0]["loss"], "repetitions": len(measured)}
        if name == "ours":
            best = min(measured, key=lambda sample: sample["wall"])
            row |= {"of it decoding": best["decode"], "training": best["train"], "evaluating": best["evaluate"]}
            row["met"] = peak < 250
        else:
            row["times ours"] = seconds / ours
            row["times ours, processor"] = minimum(measured, "cpu") / minimum(samples["ours"], "cpu")
            row["met"] = seconds >= 15 * ours if name == EPOCH_GOAL else None
        table.add_row(row)
    table.notes = [
        "Wall clock of the whole process. Peak: the largest resident set of any process of the program, as /usr/bin/time -v "
        "reports it. Ours also evaluates the loss over all images at the end; the others report the epoch's mean loss.",
        "Processor seconds: user and system time of all its processes; on a busy machine the fairer comparison.",
        "Goals: 15 times faster than torchvision and PyTorch, under 250 MB. Keras: no goal, here for comparison.",
    ]
    table.notes += [f"{name}: left out, it did not run." for name in silent]
    return [table]

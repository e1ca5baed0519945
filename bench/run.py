#!/usr/bin/env python3
"""Runs the benchmarks and writes their tables; `make bench` calls it. See README.md.

    python bench/run.py [--quick] [--data FOLDER] [--only steps,decode,...] [--repetitions N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import sections
import sections_convolution
import sections_data
import sections_frames
import sections_shapes
from report import Table, machine, warn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

SECTIONS = {
    "steps": sections.steps,
    "frames": sections_frames.frames,
    "shapes": sections_shapes.shapes,
    "convolution": sections_convolution.convolution,
    "threads": sections.threads,
    "sharing": sections.sharing,
    "growth": sections.growth,
    "calls": sections.calls,
    "allocations": sections.allocations,
    "teleports": sections.teleports,
    "decode": sections_data.decode,
    "epoch": sections_data.epoch,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without Python peers, fewer repetitions, smaller sets")
    parser.add_argument("--data", type=Path, help="folder with train/ and test/, one sub-folder of PNGs a class")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, by comma")
    parser.add_argument("--repetitions", type=int, help="at least so many a row; default 15, quick 7")
    parser.add_argument("--python", type=Path, help="interpreter of the peers' environment")
    parser.add_argument("--flags", default="", help="compiler flags, for the record")
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name]
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if arguments.data and not (arguments.data / "train").is_dir():
        parser.error(f"{arguments.data} has no folder train/")

    programs = ROOT / "build" / "bench"
    build = subprocess.run([programs / "calls", "build"], capture_output=True, text=True, check=True).stdout.strip()
    facts = machine(arguments.flags, build)
    run = sections.Run(
        programs=programs,
        peers=HERE / "peers",
        python=None if arguments.quick else arguments.python,
        any_python=arguments.python,
        data=arguments.data,
        quick=arguments.quick,
        repetitions=arguments.repetitions or (7 if arguments.quick else 15),
        facts=facts,
    )
    run.prepare()
    tables: list[Table] = []
    failed = 0
    for name in names:
        warn(f"... {name}")
        load = os.getloadavg()[0]
        try:
            made = SECTIONS[name](run)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            made = [Table(name, name, notes=[f"not measured: {error}"])]
            failed = 1
        for table in made:
            note = f"Load average before and after: {load:.1f}, {os.getloadavg()[0]:.1f} on {facts['processors']} processors"
            busy = "; others used the machine, so 2 threads and medians say little" if load > 2 else ""
            table.notes.append(note + busy + ".")
            table.write(programs, facts)
            print(table.markdown(), flush=True)
        tables += made
    facts["load at end"] = [round(value, 2) for value in os.getloadavg()]
    head = ["# Benchmarks", ""] + [f"- {key}: {value}" for key, value in facts.items() if value] + [""]
    (programs / "all.md").write_text("\n".join(head + [table.markdown() for table in tables]))
    content = {"machine": facts, "tables": {t.name: {"rows": t.rows, "notes": t.notes} for t in tables}}
    (programs / "all.json").write_text(json.dumps(content, indent=1) + "\n")
    print("\n".join(head[2:]))
    print(f"written: {(programs / 'all.md').relative_to(ROOT)} and one .md and .json a table beside it")
    return failed


if __name__ == "__main__":
    sys.exit(main())

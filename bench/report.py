"""The machine, tables as Markdown and JSON, and workers that are asked in turn."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Sample = dict[str, Any]


def _field(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def _first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return ""


def machine(flags: str, build: str) -> dict[str, Any]:
    wide = [name for name in ("avx2", "avx512f") if f" {name} " in _field("/proc/cpuinfo", "flags") + " "]
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "features": wide,
        "processors": len(os.sched_getaffinity(0)),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "load": [round(value, 2) for value in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": _first_line("cc", "--version"),
        "flags": flags,
        "library": build,
        "peers": {},
    }


def minimum(samples: Sequence[Sample], key: str = "seconds") -> float:
    return min(sample[key] for sample in samples)


def median(samples: Sequence[Sample], key: str = "seconds") -> float:
    return statistics.median(sample[key] for sample in samples)


def spell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


@dataclass
class Table:
    """Rows are written as they are to JSON and rounded to Markdown; columns come from the first rows that have them."""

    name: str
    title: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, **cells: Any) -> None:
        self.rows.append({key.replace("_", " "): value for key, value in cells.items()})

    def add_row(self, cells: Mapping[str, Any]) -> None:
        self.rows.append(dict(cells))

    def markdown(self) -> str:
        lines = [f"## {self.title}", ""]
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        if columns:
            lines += ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
        for row in self.rows:
            lines.append("| " + " | ".join(spell(row.get(key)) for key in columns) + " |")
        return "\n".join(lines + [""] + [f"- {note}" for note in self.notes] + [""] * bool(self.notes))

    def write(self, folder: Path, facts: Mapping[str, Any]) -> None:
        finite = [{key: None if value != value else value for key, value in row.items()} for row in self.rows]
        content = {"name": self.name, "title": self.title, "machine": facts, "rows": finite, "notes": self.notes}
        (folder / f"{self.name}.json").write_text(json.dumps(content, indent=1) + "\n")
        (folder / f"{self.name}.md").write_text(self.markdown())


class Worker:
    """A process that measures one repetition for every line it is sent (bench.h, peers/worker.py)."""

    def __init__(self, command: Sequence[str | Path], processors: set[int]) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": str(len(processors)), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )
        self.name = " ".join(str(part) for part in command)
        self._answer("ready")

    def _answer(self, expected: str = "") -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line or (expected and line != expected):
            self.close()
            raise RuntimeError(f"{self.name}: {line or 'no answer'}")
        return line

    def sample(self) -> Sample:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: Sample = json.loads(self._answer())
        return answer | {"peak": self.peak()}

    def peak(self) -> int:
        """The process's largest resident set so far, in bytes."""
        return 1024 * int(_field(f"/proc/{self.process.pid}/status", "VmHWM").split()[0])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Effort:
    """At least `repetitions`, then more until `seconds` have gone by; past `limit` seconds two are enough."""

    repetitions: int
    seconds: float = 0
    limit: float = float("inf")

    def go_on(self, done: int, elapsed: float) -> bool:
        if elapsed > self.limit:
            return done < 2
        return done < self.repetitions or elapsed < self.seconds


def interleave(workers: Mapping[str, Worker], effort: Effort) -> dict[str, list[Sample]]:
    """Asks every worker once, then again, as often as `effort` says; ends them."""
    samples: dict[str, list[Sample]] = {name: [] for name in workers}
    start = time.perf_counter()
    done = 0
    try:
        while effort.go_on(done, time.perf_counter() - start):
            for name, worker in workers.items():
                samples[name].append(worker.sample())
            done += 1
    finally:
        for worker in workers.values():
            worker.close()
    return samples


def run_once(command: Sequence[str | Path], processors: set[int]) -> Sample:
    """A whole process: what it printed as JSON, with its wall clock, the processor time of it and its children,
    and the peak memory of the largest of them."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    )
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(str(part) for part in command)} ended with {process.returncode}")
    lines = text.strip().splitlines()
    result: Sample = json.loads(lines[-1]) if lines else {}
    cpu = usage.ru_utime + usage.ru_stime
    return result | {"wall": seconds, "cpu": cpu, "peak": usage.ru_maxrss * 1024}


def warn(message: str) -> None:
    print(message, file=sys.stderr, flush=True)

"""A net's text as the peers read it: its layers in order, each with what it reads."""

from __future__ import annotations

from dataclasses import dataclass

PREFIXES = {"conv": "conv", "batch_norm": "bn", "dense": "fc", "max_pool": "pool", "avg_pool": "pool",
            "global_avg_pool": "pool"}  # fmt: skip


@dataclass(frozen=True)
class Line:
    name: str
    kind: str
    words: list[str]
    sources: list[str]

    def option(self, name: str, default: str) -> str:
        return self.words[self.words.index(name) + 1] if name in self.words else default

    @property
    def sizes(self) -> tuple[int, int]:
        """Of a kernel or a window."""
        sizes = [int(size) for size in self.words[1 if self.kind == "conv" else 0].split("x")]
        return sizes[0], sizes[-1]

    @property
    def stride(self) -> tuple[int, int]:
        """1 of a convolution, the window's size of a pooling, unless the line says it."""
        if "stride" in self.words:
            return (int(self.option("stride", "1")),) * 2
        return (1, 1) if self.kind == "conv" else self.sizes

    @property
    def padding(self) -> tuple[int, int]:
        pad = self.option("pad", "0")
        return (self.sizes[0] // 2, self.sizes[1] // 2) if pad == "same" else (int(pad),) * 2


def lines_of(text: str) -> list[Line]:
    lines: list[Line] = []
    counts: dict[str, int] = {}
    for line in text.replace(";", "\n").splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, _, rest = line.rpartition("=")
        words, _, of = rest.strip().partition(" of ")
        kind, *arguments = words.split()
        prefix = PREFIXES.get(kind, kind)
        if not name:
            counts[prefix] = counts.get(prefix, 0) + 1
            name = f"{prefix}{counts[prefix]}" if kind != "input" else kind
        sources = of.split() or ([lines[-1].name] if lines else [])
        lines.append(Line(name.strip(), kind, arguments, sources))
    return lines


def input_shape(lines: list[Line]) -> tuple[int, ...]:
    return tuple(int(size) for size in lines[0].words[0].split("x"))


def has_bias(lines: list[Line], line: Line) -> bool:
    """A convolution that a norm alone reads has none unless its text says so."""
    readers = [other.kind for other in lines if line.name in other.sources]
    leaves = line.kind == "conv" and readers == ["batch_norm"]
    return "bias" in line.words or ("nobias" not in line.words and not leaves)

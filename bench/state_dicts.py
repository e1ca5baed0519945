#!/usr/bin/env python3
"""Files of nets between the library and PyTorch: state_dicts.py, in the environment of the peers, after `make`.

Each known net is trained a few steps by the library, saved, and loaded with strict=True into a module of PyTorch that
is made of the same text; then PyTorch trains it, saves its state_dict, and the library takes that over. Logits must
agree to 1e-4 of their range both ways.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
import teleport  # noqa: E402

PREFIXES = {"conv": "conv", "batch_norm": "bn", "dense": "fc", "max_pool": "pool", "avg_pool": "pool",
            "global_avg_pool": "pool"}  # fmt: skip


def option(words: list[str], name: str, default: str) -> str:
    return words[words.index(name) + 1] if name in words else default


class TextNet(nn.Module):
    """A text's net: modules by the names of its layers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, list[str], list[str]]] = []
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
            name = name.strip()
            sources = of.split() or ([self.lines[-1][0]] if self.lines else [])
            self.lines.append((name, kind, arguments, sources))
        shape = tuple(int(size) for size in self.lines[0][2][0].split("x"))
        values = {"input": torch.zeros(1, *shape)}
        for index, (name, kind, arguments, sources) in enumerate(self.lines[1:], 1):
            module = self.module(kind, arguments, values[sources[0]], self.norm_follows(index))
            if module is not None:
                self.add_module(name, module)
            values[name] = self.value(name, kind, arguments, [values[source] for source in sources])

    def norm_follows(self, index: int) -> bool:
        name = self.lines[index][0]
        readers = [kind for _, kind, _, sources in self.lines if name in sources]
        return readers == ["batch_norm"]

    @staticmethod
    def module(kind: str, words: list[str], x: torch.Tensor, has_norm: bool) -> nn.Module | None:
        if kind == "conv":
            height, width = map(int, words[1].split("x"))
            same = (height // 2, width // 2)
            pad = option(words, "pad", "0")
            bias = "bias" in words or ("nobias" not in words and not has_norm)
            return nn.Conv2d(
                x.shape[1], int(words[0]), (height, width), stride=int(option(words, "stride", "1")),
                padding=same if pad == "same" else int(pad), groups=int(option(words, "groups", "1")), bias=bias,
            )  # fmt: skip
        if kind == "dense":
            return nn.Linear(x.flatten(1).shape[1], int(words[0]), bias="nobias" not in words)
        if kind == "batch_norm":
            norm = nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d
            return norm(
                x.shape[1], eps=float(option(words, "eps", "1e-5")), momentum=float(option(words, "momentum", "0.1"))
            ).eval()
        return None

    def value(self, name: str, kind: str, words: list[str], inputs: list[torch.Tensor]) -> torch.Tensor:
        x = inputs[0]
        if kind in ("conv", "batch_norm"):
            return getattr(self, name)(x)
        if kind == "dense":
            return getattr(self, name)(x.flatten(1))
        if kind in ("max_pool", "avg_pool"):
            size = tuple(map(int, words[0].split("x")))
            size = size * 2 if len(size) == 1 else size
            stride = int(option(words, "stride", "0")) or size
            pool = nn.functional.max_pool2d if kind == "max_pool" else nn.functional.avg_pool2d
            return pool(x, size, stride, int(option(words, "pad", "0")))
        if kind == "leaky_relu":
            return nn.functional.leaky_relu(x, float(words[0]) if words else 0.01)
        return {
            "global_avg_pool": lambda: x.mean((2, 3)), "flatten": lambda: x.flatten(1), "relu": x.relu,
            "tanh": x.tanh, "sigmoid": x.sigmoid, "add": lambda: x + inputs[-1],
        }[kind]()  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {self.lines[0][0]: x}
        for name, kind, words, sources in self.lines[1:]:
            values[name] = self.value(name, kind, words, [values[source] for source in sources])
        return values[self.lines[-1][0]]


def check(name: str, folder: Path, rng: np.random.Generator) -> float:
    shape = (3, 20, 20)
    x = rng.normal(size=(32, *shape)).astype(np.float32)
    labels = rng.integers(0, 10, 32).astype(np.int32)
    text = teleport.architecture(name, shape, 10)
    model = teleport.Model(text, seed=1)
    trainer = teleport.Trainer(model, learning_rate=0.01)
    for _ in range(5):
        trainer.step(x, labels)

    net = TextNet(text)
    model.save(folder / "ours")
    net.load_state_dict(load_file(folder / "ours"), strict=True)
    errors = [difference(model, net, x)]

    net.train()
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(labels).long()).backward()
        optimizer.step()
    save_file(net.state_dict(), folder / "theirs")
    again = teleport.Model(text, seed=2)
    again.load_weights(folder / "theirs")
    errors.append(difference(again, net, x))
    print(f"{name}: {len(net.state_dict())} arrays, logits differ by {errors[0]:.1e} and {errors[1]:.1e} of their range")
    return max(errors)


def difference(model: teleport.Model, net: nn.Module, x: np.ndarray) -> float:
    net.eval()
    with torch.no_grad():
        theirs = net(torch.from_numpy(x)).numpy()
    return float(np.abs(model.predict(x) - theirs).max() / np.ptp(theirs))


def main() -> int:
    torch.set_num_threads(1)
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        worst = max(check(name, Path(folder), rng) for name in ("lenet", "vgg-small", "resnet-8", "resnet-20"))
    return worst > 1e-4


if __name__ == "__main__":
    sys.exit(main())

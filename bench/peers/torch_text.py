"""Modules of PyTorch that a net's text makes."""

from __future__ import annotations

import torch
from texts import Line, has_bias, input_shape, lines_of
from torch import nn


class TextNet(nn.Module):
    """A text's net: modules by the names of its layers, in training mode."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines = lines_of(text)
        values = {self.lines[0].name: torch.zeros(2, *input_shape(self.lines))}
        for line in self.lines[1:]:
            inputs = [values[source] for source in line.sources]
            module = self.module(line, inputs[0])
            if module is not None:
                self.add_module(line.name, module)
            values[line.name] = self.value(line, inputs)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()

    def module(self, line: Line, x: torch.Tensor) -> nn.Module | None:
        if line.kind == "conv":
            return nn.Conv2d(
                x.shape[1], int(line.words[0]), line.sizes, stride=line.stride, padding=line.padding,
                groups=int(line.option("groups", "1")), bias=has_bias(self.lines, line),
            )  # fmt: skip
        if line.kind == "dense":
            return nn.Linear(x.flatten(1).shape[1], int(line.words[0]), bias=has_bias(self.lines, line))
        if line.kind == "batch_norm":
            norm = nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d
            epsilon, momentum = float(line.option("eps", "1e-5")), float(line.option("momentum", "0.1"))
            return norm(x.shape[1], eps=epsilon, momentum=momentum)
        return None

    def value(self, line: Line, inputs: list[torch.Tensor]) -> torch.Tensor:
        x = inputs[0]
        if line.kind in ("conv", "batch_norm"):
            return getattr(self, line.name)(x)
        if line.kind == "dense":
            return getattr(self, line.name)(x.flatten(1))
        if line.kind in ("max_pool", "avg_pool"):
            pool = nn.functional.max_pool2d if line.kind == "max_pool" else nn.functional.avg_pool2d
            return pool(x, line.sizes, line.stride, line.padding)
        if line.kind == "leaky_relu":
            return nn.functional.leaky_relu(x, float(line.words[0]) if line.words else 0.01)
        return {
            "global_avg_pool": lambda: x.mean((2, 3)), "flatten": lambda: x.flatten(1), "relu": x.relu,
            "tanh": x.tanh, "sigmoid": x.sigmoid, "add": lambda: x + inputs[-1],
        }[line.kind]()  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {self.lines[0].name: x}
        for line in self.lines[1:]:
            values[line.name] = self.value(line, [values[source] for source in line.sources])
        return values[self.lines[-1].name]

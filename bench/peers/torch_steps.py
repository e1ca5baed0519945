"""Training steps of PyTorch, eager mode: torch_steps.py WIDTHS BATCH OPTIMIZER THREADS"""

from __future__ import annotations

import sys

import torch
from torch import nn
from worker import rounds, serve, timed

widths = [int(width) for width in sys.argv[1].split(",")]
batch, optimizer_name, threads = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(0)

layers: list[nn.Module] = []
for inputs, outputs in zip(widths, widths[1:]):
    layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(0.01)]
model = nn.Sequential(*layers[:-1])
kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer_name]
optimizer = kind(model.parameters(), lr=1e-4, fused=True)  # the fastest of PyTorch's own variants
x = torch.rand(batch, widths[0]) - 0.5
labels = torch.arange(batch) % widths[-1]


def step() -> None:
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(model(x), labels).backward()
    optimizer.step()


inner = rounds(widths, batch)
serve(lambda: timed(step, inner), version=torch.__version__)

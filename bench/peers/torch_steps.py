"""Training steps of PyTorch, eager mode: torch_steps.py WIDTHS BATCH METHOD THREADS"""

from __future__ import annotations

import sys

import torch
from torch import nn
from worker import rounds, serve, timed

widths = [int(width) for width in sys.argv[1].split(",")]
batch, threads = int(sys.argv[2]), int(sys.argv[4])
optimizer_name, *words = sys.argv[3].split(":")
torch.set_num_threads(threads)
torch.manual_seed(0)

activation = nn.Tanh if "tanh" in words else nn.Sigmoid if "sigmoid" in words else nn.LeakyReLU
layers: list[nn.Module] = []
for inputs, outputs in zip(widths, widths[1:]):
    layers += [nn.Linear(inputs, outputs), activation()]
model = nn.Sequential(*layers[:-1])
optim = torch.optim
kind = {"sgd": optim.SGD, "momentum": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}[optimizer_name]
options = {"momentum": 0.9} if optimizer_name == "momentum" else {}
optimizer = kind(model.parameters(), lr=1e-4, fused=True, **options)  # the fastest of PyTorch's own variants
x = torch.rand(batch, widths[0]) - 0.5
targets = torch.rand(batch, widths[-1]) - 0.5
labels = torch.arange(batch) % widths[-1]


def step() -> None:
    optimizer.zero_grad(set_to_none=True)
    outputs = model(x)
    loss = nn.functional.mse_loss(outputs, targets) if "mse" in words else nn.functional.cross_entropy(outputs, labels)
    loss.backward()
    optimizer.step()


inner = rounds(widths, batch)
serve(lambda: timed(step, inner), version=torch.__version__)

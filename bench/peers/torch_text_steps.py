"""Steps of SGD of a text's net in PyTorch, eager mode: torch_text_steps.py TEXT BATCH THREADS STEPS [channels_last]"""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch_text import TextNet
from worker import serve, timed

text, batch, threads, inner = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
order = torch.channels_last if sys.argv[5:] else torch.contiguous_format
torch.set_num_threads(threads)
torch.manual_seed(0)

model = TextNet(text).to(memory_format=order)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, fused=True)
shape = tuple(int(size) for size in model.lines[0].words[0].split("x"))
x = (torch.rand(batch, *shape) - 0.5).contiguous(memory_format=order)
labels = torch.arange(batch) % 10


def step() -> None:
    optimizer.zero_grad(set_to_none=True)
    nn.functional.cross_entropy(model(x), labels).backward()
    optimizer.step()


serve(lambda: timed(step, inner), version=torch.__version__)

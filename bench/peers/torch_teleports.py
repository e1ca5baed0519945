"""The published teleports in plain PyTorch, one thread: torch_teleports.py ascent|random WIDTHS BATCH SAMPLES

    ascent   arXiv 2205.10637, equation 8 and section 4: ten steps on T of g = I + T for every hidden layer, by autograd
             of |grad L|^2; g^-1 is taken as I - T and h^+ by pinv, as the paper's code does. Without biases.
    random   the best of 1,000 elements g of one hidden layer by |grad L|^2 at the moved weights, one after the other;
             g has entries U[0, 1), row sums on its diagonal, Frobenius norm 1. True inverses.

Written for this comparison from the formulas; the pseudo-inverse of the data is taken once, outside of both loops.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, leaky_relu
from worker import serve, timed

SLOPE, RATE, STEPS, CANDIDATES = 0.01, 1e-5, 10, 1000

kind = sys.argv[1]
widths = [int(width) for width in sys.argv[2].split(",")]
batch = int(sys.argv[3])
torch.set_num_threads(1)
torch.manual_seed(0)

content = Path(sys.argv[4]).read_bytes()
count, width = np.frombuffer(content, np.int32, 2)
pixels = np.frombuffer(content, np.float32, count * width, 8).reshape(count, width)
x = torch.from_numpy(pixels[:batch].copy()).T.contiguous()  # width x batch, a sample a column
labels = torch.from_numpy(np.frombuffer(content, np.int32, count, 8 + 4 * count * width)[:batch].astype(np.int64))
start = [(torch.rand(b, a) * 2 - 1) * (6 / (a + b)) ** 0.5 for a, b in zip(widths, widths[1:])]


def f(z: Tensor) -> Tensor:
    return leaky_relu(z, SLOPE)


def inverse_f(h: Tensor) -> Tensor:
    return leaky_relu(h, 1 / SLOPE)


def loss_of(weights: list[Tensor]) -> Tensor:
    h = x
    for w in weights[:-1]:
        h = f(w @ h)
    return cross_entropy((weights[-1] @ h).T, labels)


def gradient_norm2(weights: list[Tensor], graph: bool = False) -> Tensor:
    gradients = torch.autograd.grad(loss_of(weights), weights, create_graph=graph)
    return torch.stack([gradient.square().sum() for gradient in gradients]).sum()


def act(weights: list[Tensor], elements: list[Tensor], inverse_x: Tensor) -> list[Tensor]:
    """I + T on every hidden layer, from the first to the last."""
    moved, h, inverse_h = list(weights), x, inverse_x
    for m, t in enumerate(elements):
        identity = torch.eye(len(t))
        moved[m + 1] = moved[m + 1] @ (identity - t)
        moved[m] = inverse_f((identity + t) @ f(moved[m] @ h)) @ inverse_h
        if m + 1 < len(elements):
            h = f(moved[m] @ h)
            inverse_h = torch.linalg.pinv(h)
    return moved


def ascent() -> list[Tensor]:
    weights, inverse_x = start, torch.linalg.pinv(x)
    for _ in range(STEPS):
        elements = [torch.zeros(width, width, requires_grad=True) for width in widths[1:-1]]
        phi = gradient_norm2(act(weights, elements, inverse_x), graph=True)
        ascents = torch.autograd.grad(phi, elements)
        with torch.no_grad():
            weights = act(weights, [RATE * step for step in ascents], inverse_x)
    return weights


def random_search() -> list[Tensor]:
    best, best_value = start, float("-inf")
    inverse_x = torch.linalg.pinv(x)
    generator = np.random.default_rng(0)
    for _ in range(CANDIDATES):
        m = int(generator.integers(len(start) - 1))
        size = widths[m + 1]
        g = torch.rand(size, size)
        g.diagonal().copy_(g.sum(1))
        g /= g.norm()
        h, inverse_h = x, inverse_x
        for w in start[:m]:
            h = f(w @ h)
            inverse_h = torch.linalg.pinv(h)
        moved = list(start)
        moved[m] = inverse_f(g @ f(start[m] @ h)) @ inverse_h
        moved[m + 1] = start[m + 1] @ torch.linalg.inv(g)
        moved = [w.detach().requires_grad_() for w in moved]
        value = float(gradient_norm2(moved))
        if value > best_value:
            best, best_value = [w.detach() for w in moved], value
    return best


def repetition() -> dict[str, float]:
    moved = start

    def work() -> None:
        nonlocal moved
        moved = ascent() if kind == "ascent" else random_search()

    result = timed(work)
    before, after = float(loss_of(start)), float(loss_of(moved))
    norms = [float(gradient_norm2([w.detach().requires_grad_() for w in weights])) for weights in (start, moved)]
    return result | {"loss change": abs(after - before) / before, "growth": (norms[1] / norms[0]) ** 0.5}


serve(repetition, version=torch.__version__)

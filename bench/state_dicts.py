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

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "python"), str(Path(__file__).resolve().parent / "peers")]
import teleport  # noqa: E402
from torch_text import TextNet  # noqa: E402


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

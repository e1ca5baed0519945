"""A folder of PNGs to one trained epoch with torchvision and PyTorch: torch_epoch.py FOLDER WORKERS"""

from __future__ import annotations

import json
import sys

import vision  # noqa: F401
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, Grayscale, ToTensor

images = ImageFolder(sys.argv[1], transform=Compose([Grayscale(), ToTensor()]))
loader = DataLoader(images, batch_size=32, shuffle=True, num_workers=int(sys.argv[2]))
model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(784, 64),
    nn.LeakyReLU(0.01),
    nn.Linear(64, 64),
    nn.LeakyReLU(0.01),
    nn.Linear(64, len(images.classes)),
)
optimizer = optim.SGD(model.parameters(), lr=0.01)
total = 0.0
for x, labels in loader:
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    optimizer.step()
    total += float(loss.detach()) * len(labels)
print(json.dumps({"images": len(images), "loss": total / len(images)}))

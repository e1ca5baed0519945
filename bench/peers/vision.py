"""torchvision beside a PyTorch for the CPU.

torchvision's wheel on PyPI is the CUDA build. Beside a CPU build of PyTorch its operators do not load, and the import
fails because two of them are not declared: they are declared here, and nothing here calls them. Its own PNG decoder is
then missing as well; `decode_file` is what ImageFolder and ToTensor do, unless that decoder is there.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch

warnings.filterwarnings("ignore", message="Failed to load image Python extension")
_declared = torch.library.Library("torchvision", "FRAGMENT")
try:
    import torchvision
except RuntimeError:
    for operator in ("nms", "qnms"):
        _declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

from torchvision.datasets.folder import default_loader  # noqa: E402
from torchvision.io import decode_image, read_file  # noqa: E402
from torchvision.transforms.functional import pil_to_tensor  # noqa: E402

try:
    torch.ops.image.decode_png  # noqa: B018
    own_decoder = True
except (AttributeError, RuntimeError):
    own_decoder = False
version = torchvision.__version__ + (", its own decoder" if own_decoder else ", decoding by PIL")


def decode_file(path: str) -> Any:
    if own_decoder:
        return decode_image(read_file(path))
    return pil_to_tensor(default_loader(path))

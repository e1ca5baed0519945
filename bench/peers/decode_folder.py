"""Decodes every PNG of a folder to an array on one thread: decode_folder.py pil|opencv|torchvision FOLDER"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def reader(name: str) -> tuple[str, Callable[[str], Any]]:
    """Version and a function from path to pixels."""
    if name == "opencv":
        import cv2

        cv2.setNumThreads(1)
        return cv2.__version__, lambda path: cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    from PIL import Image, __version__

    if name == "pil":

        def read(path: str) -> Any:
            with Image.open(path) as image:
                return np.asarray(image)

        return __version__, read
    from vision import decode_file, version

    return version, decode_file


name, folder = sys.argv[1], Path(sys.argv[2])
version, read = reader(name)
paths = [str(path) for path in sorted(folder.rglob("*.png"))]
for path in paths[:100]:
    read(path)
start = time.perf_counter()
total = sum(int(read(path).shape[-1]) for path in paths)
seconds = time.perf_counter() - start
assert total
print(json.dumps({"images": len(paths), "seconds": seconds, "version": version}))

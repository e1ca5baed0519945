import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
sys.path.insert(0, str(ROOT / "scripts"))  # header.py

import teleport  # noqa: E402


@pytest.fixture
def rng():
    return np.random.default_rng(20240601)


@pytest.fixture
def blobs(rng):
    """600 samples of 12 numbers in 4 classes that a small net learns: x, labels."""
    centres = rng.normal(size=(4, 12))
    labels = rng.integers(0, 4, 600).astype(np.int32)
    x = centres[labels] + 0.7 * rng.normal(size=(600, 12))
    return x.astype(np.float32), labels


@pytest.fixture
def blob_set(blobs):
    return teleport.Dataset.from_labels(*blobs)


def png_bytes(pixels):
    """A PNG of uint8 pixels, height x width (grey) or height x width x 3 (RGB)."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    height, width = pixels.shape[:2]
    colour = 0 if pixels.ndim == 2 else 2
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def image_folder(tmp_path, rng):
    """Classes `bird` and `cat` with 3 and 2 RGB images of 4 x 5 pixels, and their pixels by path."""
    pixels = {}
    for name, count in (("cat", 2), ("bird", 3)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in range(count):
            path = tmp_path / "images" / name / f"{index}.png"
            pixels[str(path)] = rng.integers(0, 256, (4, 5, 3), np.uint8)
            path.write_bytes(png_bytes(pixels[str(path)]))
    return tmp_path / "images", pixels


@pytest.fixture
def add(tmp_path):
    """Adds files to a folder by their names: small images, or others of one byte; gives the folder."""

    def add(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png_bytes(np.zeros((2, 2), np.uint8)) if name.endswith(".png") else b"x")
        return tmp_path

    return add

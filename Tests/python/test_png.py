"""PNG decoding against an independent reader: pypng's raw samples through the formulas of the header."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import png
import pytest
import teleport

FOLDER = Path(__file__).resolve().parents[1] / "data" / "png"
FILES = sorted(FOLDER.glob("*.png"))
BACKGROUND = (10, 200, 90)


def rgba(path: Path) -> tuple[np.ndarray, int]:
    """Red, green, blue and alpha of every pixel in 8 bits (height x width x 4), and the channels of the file itself."""
    width, height, rows, info = png.Reader(str(path)).read()
    depth, planes = info["bitdepth"], info["planes"]
    raw = np.array([list(row) for row in rows], np.int64).reshape(height, width, planes)
    if "palette" in info:
        colours = np.array([colour + (255,) * (4 - len(colour)) for colour in info["palette"]], np.int64)
        has_alpha = any(len(colour) == 4 for colour in info["palette"])
        return colours[raw[..., 0]], 4 if has_alpha else 3

    eight = (raw * 255 + 32895) >> 16 if depth == 16 else raw * 255 // (2**depth - 1)
    alpha = np.full((height, width, 1), 255, np.int64)
    if info["alpha"]:
        eight, alpha = eight[..., :-1], eight[..., -1:]
    elif info.get("transparent") is not None:
        alpha = 255 * (raw != np.atleast_1d(info["transparent"])).any(-1, keepdims=True)
    has_alpha = info["alpha"] or info.get("transparent") is not None
    if info["greyscale"]:
        eight = np.repeat(eight, 3, -1)
    return np.concatenate([eight, alpha], -1), 4 if has_alpha else 1 if info["greyscale"] else 3


def expected(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Planes of 1, 3 or 4 channels over the background, in the integers of the header."""
    if channels == 4:
        return pixels.transpose(2, 0, 1)
    alpha = pixels[..., 3:]
    over = (alpha * pixels[..., :3] + (255 - alpha) * np.array(BACKGROUND) + 127) // 255
    if channels == 1:
        over = (over @ np.array([19595, 38470, 7471]) + 32768 >> 16)[..., None]
    return over.transpose(2, 0, 1)


def test_the_set_has_every_colour_type_depth_and_interlacing() -> None:
    assert len(FILES) >= 150
    kinds = set()
    for path in FILES:
        head = path.read_bytes()[:29]
        kinds.add((head[25], head[24], head[28]))  # colour type, depth, interlacing
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    assert kinds == {(colour, depth, lace) for colour in depths for depth in depths[colour] for lace in (0, 1)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_png_decodes_to_the_formulas_of_an_independent_reader_s_samples(path: Path) -> None:
    pixels, own = rgba(path)
    for channels in (None, 1, 3, 4):
        options = {} if channels is None else {"channels": channels}
        image = teleport.load_image(path, background=BACKGROUND, **options)
        np.testing.assert_array_equal(image, expected(pixels, channels or own), f"{channels} channels")

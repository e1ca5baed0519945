"""Makes png/: small images of every colour type, depth and interlacing, with and without a transparent colour,
and png/samples.json, which holds their stored samples. Run it where it lies: python3 make_png.py
"""

import json
import os
import random
import struct

from png_writer import CHANNELS, GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, png

NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "grey_alpha", RGBA: "rgba"}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
SIZES = ((1, 1), (5, 3), (13, 9))
# Wrong on purpose, and without effect: the library reads stored values.
COLOUR_SPACE = chunk(b"gAMA", struct.pack(">I", 10000)) + chunk(b"sRGB", b"\0")


def make(folder):
    os.makedirs(folder, exist_ok=True)
    draw = random.Random(2)
    index = {}
    for colour, depths in DEPTHS.items():
        for depth in depths:
            for transparent in (False, True) if colour in (GREY, RGB, PALETTE) else (False,):
                for interlaced in (False, True):
                    for width, height in SIZES:
                        name = (f"{NAMES[colour]}_{depth}{'_trns' if transparent else ''}"
                                f"{'_interlaced' if interlaced else ''}_{width}x{height}.png")
                        index[name] = one(folder, name, draw, colour, depth, transparent, interlaced,
                                          width, height)
    with open(os.path.join(folder, "samples.json"), "w") as file:
        json.dump(index, file, indent=0, sort_keys=True)
        file.write("\n")


def one(folder, name, draw, colour, depth, transparent, interlaced, width, height):
    most = (1 << depth) - 1
    colours = 0
    palette, alpha, key = [], [], []
    before = COLOUR_SPACE
    if colour == PALETTE:
        colours = min(1 << depth, 200)
        most = colours - 1
        palette = [draw.randrange(256) for _ in range(3 * colours)]
        before += chunk(b"PLTE", bytes(palette))
        if transparent:
            # Fewer entries than colours: the others are opaque.
            alpha = [draw.randrange(256) for _ in range(max(1, colours - 1))]
            before += chunk(b"tRNS", bytes(alpha))
    pixels = [[[draw.randint(0, most) for _ in range(CHANNELS[colour])] for _ in range(width)]
              for _ in range(height)]
    if transparent and colour != PALETTE:
        key = pixels[height // 2][width // 2]
        # A neighbour that differs in one low bit only: 16 bits must be compared before they are reduced.
        if width > 1:
            pixels[height // 2][0] = [key[0] ^ 1] + key[1:]
        before += chunk(b"tRNS", b"".join(struct.pack(">H", v) for v in key))
    with open(os.path.join(folder, name), "wb") as file:
        file.write(png(pixels, depth, colour, interlaced, before))
    digits = 4
    samples = "".join(f"{v:0{digits}x}" for row in pixels for pixel in row for v in pixel)
    return {"width": width, "height": height, "depth": depth, "colour": colour, "palette": palette,
            "alpha": alpha, "key": key, "samples": samples}


if __name__ == "__main__":
    make(os.path.join(os.path.dirname(os.path.abspath(__file__)), "png"))

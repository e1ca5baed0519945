"""Writes PNG files of every kind from stored samples, with nothing but the standard library.

Independent of libpng on purpose: its output is what the decoder is checked against.
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# First column and row, and the steps between them, of the seven passes.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data=b"", crc=None):
    if crc is None:
        crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def header(width, height, depth=8, colour=GREY, compression=0, filtering=0, interlaced=0):
    fields = (width, height, depth, colour, compression, filtering, interlaced)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def pack(samples, depth):
    """One row of samples as bytes; unused low bits of the last byte are set, since a reader must not care."""
    if depth == 16:
        return b"".join(struct.pack(">H", v) for v in samples)
    if depth == 8:
        return bytes(samples)
    per_byte = 8 // depth
    row = bytearray()
    for start in range(0, len(samples), per_byte):
        part = samples[start:start + per_byte]
        part = part + [(1 << depth) - 1] * (per_byte - len(part))
        value = 0
        for v in part:
            value = value << depth | v
        row.append(value)
    return bytes(row)


def paeth(a, b, c):
    p = a + b - c
    distances = (abs(p - a), abs(p - b), abs(p - c))
    return (a, b, c)[distances.index(min(distances))]


def filtered(rows, pixel_bytes):
    """The rows of one (reduced) image, with the five filter types in turn."""
    out = bytearray()
    for y, row in enumerate(rows):
        kind = y % 5
        above = rows[y - 1] if y else bytes(len(row))
        out.append(kind)
        for i, v in enumerate(row):
            a = row[i - pixel_bytes] if i >= pixel_bytes else 0
            c = above[i - pixel_bytes] if i >= pixel_bytes else 0
            b = above[i]
            out.append((v - (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) & 255)
    return bytes(out)


def image_data(pixels, depth, interlaced=False):
    """pixels: rows of pixels, each a list of samples."""
    width, height = len(pixels[0]), len(pixels)
    pixel_bytes = max(1, depth * len(pixels[0][0]) // 8)
    out = b""
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        if x0 >= width or y0 >= height:
            continue
        rows = [pack([v for x in range(x0, width, dx) for v in pixels[y][x]], depth)
                for y in range(y0, height, dy)]
        out += filtered(rows, pixel_bytes)
    return out


def png(pixels, depth, colour, interlaced=False, before=b"", after=b""):
    """A whole file; `before` are the chunks ahead of the image data, `after` those behind it."""
    data = zlib.compress(image_data(pixels, depth, interlaced), 9)
    return (SIGNATURE + header(len(pixels[0]), len(pixels), depth, colour, interlaced=int(interlaced))
            + before + chunk(b"IDAT", data) + after + chunk(b"IEND"))

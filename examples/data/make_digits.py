"""Writes digits-png.tar.gz: the 8x8 digits that scikit-learn ships, as a class folder of PNG images.

    pip install scikit-learn && python make_digits.py [OUTPUT]

Sample i of `sklearn.datasets.load_digits()` becomes `digits-png/<part>/<class>/<i>.png`, 8-bit grey, with
pixel = round(value * 255 / 16). Every fifth sample (i % 5 == 4) is in `test`, the others in `train`.

The archive is a function of the data alone: sorted names, no times, no owners, and image data stored
without compression. Only gzip's own compression depends on the version of zlib that Python uses.
"""

import gzip
import io
import struct
import sys
import tarfile
import zlib
from pathlib import Path


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def grey_png(rows: list[bytes]) -> bytes:
    """An 8-bit grey PNG whose image data is one stored deflate block (at most 65,535 bytes)."""
    raw = b"".join(b"\0" + row for row in rows)  # filter 0, none, before every row
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw
    stored += struct.pack(">I", zlib.adler32(raw))
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", stored)
        + png_chunk(b"IEND", b"")
    )


def digit_files() -> dict[str, bytes]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    files = {}
    for index, (image, label) in enumerate(zip(digits.images, digits.target)):
        part = "test" if index % 5 == 4 else "train"
        rows = [bytes(int(value * 255 / 16 + 0.5) for value in row) for row in image]
        files[f"digits-png/{part}/{label}/{index:04}.png"] = grey_png(rows)
    return files


def tar_gz(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as stream:
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name in sorted(files):
                entry = tarfile.TarInfo(name)
                entry.size = len(files[name])
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(files[name]))
    return packed.getvalue()


def main() -> None:
    default = Path(__file__).resolve().parent / "digits-png.tar.gz"
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    files = digit_files()
    output.write_bytes(tar_gz(files))
    print(f"{output}: {len(files)} images, {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()

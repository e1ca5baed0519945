"""Makes bad/: one small file for each way in which a PNG can be bad, named by its defect.
Run it where it lies: python3 make_bad_png.py
"""

import os
import struct
import zlib

from png_writer import GREY, PALETTE, RGB, SIGNATURE, chunk, header, image_data, png

PIXELS = [[[(16 * y + x) % 256] for x in range(8)] for y in range(8)]
GOOD = png(PIXELS, 8, GREY)
ROWS = image_data(PIXELS, 8)
DATA = zlib.compress(ROWS, 9)
END = chunk(b"IEND")


def file_with(head=header(8, 8), before=b"", data=DATA, end=END):
    return SIGNATURE + head + before + chunk(b"IDAT", data) + end


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1:]


def palette(count):
    return chunk(b"PLTE", bytes(range(3 * count)))


def indices(values, depth):
    return png([[[v] for v in row] for row in values], depth, PALETTE, before=palette(3))


BAD = {
    "empty": b"",
    "one_byte": b"\x89",
    "signature_only": SIGNATURE,
    "not_a_png": b"This is text that someone gave the name of an image.\n",
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9",
    "text_transfer": GOOD.replace(b"\r\n", b"\n"),
    "truncated": GOOD[:len(GOOD) * 2 // 3],
    "truncated_header": GOOD[:20],
    "end_missing": GOOD[:-12],
    "end_truncated": GOOD[:-3],
    "bad_crc": flipped(GOOD, GOOD.index(b"IDAT") + 4 + len(DATA)),
    "bad_header_crc": flipped(GOOD, 29),
    "bad_palette_crc": SIGNATURE + header(8, 8, 8, PALETTE)
    + chunk(b"PLTE", bytes(9), crc=1) + chunk(b"IDAT", zlib.compress(bytes(72))) + END,
    "header_missing": SIGNATURE + chunk(b"IDAT", DATA) + END,
    "chunk_before_header": SIGNATURE + chunk(b"tEXt", b"Title\0x") + GOOD[8:],
    "header_too_short": SIGNATURE + chunk(b"IHDR", struct.pack(">II", 8, 8)) + chunk(b"IDAT", DATA) + END,
    "header_twice": file_with(before=header(8, 8)),
    "zero_width": file_with(header(0, 8)),
    "zero_height": file_with(header(8, 0)),
    "negative_width": file_with(header(0xFFFFFFFF, 8)),
    "huge_dimensions": file_with(header(0x7FFFFFFF, 0x7FFFFFFF)),
    "huge_width": file_with(header(65536, 1)),
    "too_many_pixels": file_with(header(65535, 65535)),
    "bomb": file_with(header(8000, 8000)),
    "bad_depth": file_with(header(8, 8, 3)),
    "bad_colour_type": file_with(header(8, 8, 8, 5)),
    "bad_depth_for_colour": file_with(header(8, 8, 4, RGB)),
    "bad_compression_method": file_with(header(8, 8, compression=1)),
    "bad_filter_method": file_with(header(8, 8, filtering=1)),
    "bad_interlace_method": file_with(header(8, 8, interlaced=2)),
    "bad_row_filter": file_with(data=zlib.compress(b"\x07" + ROWS[1:])),
    "bad_zlib_header": file_with(data=b"\x00\x00" + DATA[2:]),
    "bad_deflate": file_with(data=DATA[:2] + b"\x07" + DATA[3:]),
    "bad_adler": file_with(data=flipped(DATA, len(DATA) - 1)),
    "idat_missing": SIGNATURE + header(8, 8) + END,
    "idat_empty": file_with(data=b""),
    "idat_short": file_with(data=zlib.compress(ROWS[:30])),
    "idat_truncated": file_with(data=DATA[:len(DATA) // 2]),
    "idat_after_last_row": file_with(data=zlib.compress(ROWS + bytes(20 << 20), 9)),
    "chunk_length_huge": SIGNATURE + header(8, 8) + struct.pack(">I", 0xFFFFFFF0) + b"IDAT" + DATA,
    "chunk_length_past_end": SIGNATURE + header(8, 8) + struct.pack(">I", 100000) + b"IDAT" + DATA,
    "chunk_name_bad": file_with(before=chunk(b"\x01\x02\x03\x04")),
    "critical_chunk_unknown": file_with(before=chunk(b"ABCD")),
    "palette_missing": file_with(header(8, 8, 8, PALETTE)),
    "palette_empty": file_with(header(8, 8, 8, PALETTE), before=chunk(b"PLTE")),
    "palette_length_odd": file_with(header(8, 8, 8, PALETTE), before=chunk(b"PLTE", bytes(10))),
    "palette_after_data": SIGNATURE + header(8, 8, 8, PALETTE) + chunk(b"IDAT", DATA) + palette(3) + END,
    "palette_index_out_of_range": indices([[0, 1, 2], [2, 3, 0]], 8),
    "palette_index_out_of_range_2_bit": indices([[0, 1, 2], [2, 3, 0]], 2),
    "palette_index_out_of_range_4_bit": indices([[0, 1, 2], [2, 1, 15]], 4),
}


def make(folder):
    os.makedirs(folder, exist_ok=True)
    for name, data in BAD.items():
        with open(os.path.join(folder, name + ".png"), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    make(os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad"))

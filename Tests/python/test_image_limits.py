"""What reading images may cost, and what it refuses: sizes, data after the last row, stopping, empty classes."""

import struct
import time
import zlib

import pytest

import teleport
from teleport import Dataset

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def grey(width, height, extra=b"", level=9):
    """An image whose data go on with `extra` after the last row."""
    data = zlib.compress((b"\0" + bytes(width)) * height + extra, level)
    return SIGNATURE + header(width, height) + chunk(b"IDAT", data) + chunk(b"IEND")


@pytest.fixture
def write(tmp_path):
    def write(name, data):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write


def test_a_size_that_no_memory_holds_is_refused_before_an_image_is_decoded(write):
    path = write("images/0.png", grey(1, 1))
    began = time.process_time()
    with pytest.raises(teleport.OutOfMemoryError) as caught:
        Dataset.from_image_files([path] * 100_000, size=(20_000, 20_000), channels=4)
    # Resampling one image to 20,000 x 20,000 x 4 takes seconds and 1.6 GB.
    assert time.process_time() - began < 1
    assert str(caught.value) == "no memory for 100000 images of 4 x 20000 x 20000 bytes"


def test_a_bad_first_image_does_not_decide_what_memory_is_needed(write):
    huge = SIGNATURE + header(8000, 8000) + chunk(b"IDAT", bytes(70_000)) + chunk(b"IEND")
    paths = [write("huge.png", huge)] + [write("good.png", grey(2, 2))] * 200_000
    read = Dataset.from_image_files(paths, bad_image="skip")
    assert len(read) == 200_000 and read.sample_shape == (1, 2, 2) and len(read.skipped) == 1


def test_data_after_the_last_row_end_at_a_bound(write):
    deflate = zlib.compressobj(9)
    data = deflate.compress((b"\0" + bytes(8)) * 8) + deflate.flush(zlib.Z_FULL_FLUSH)
    mebibyte = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    data += 1000 * mebibyte + deflate.flush()
    path = write(
        "long.png", SIGNATURE + header(8, 8) + chunk(b"IDAT", data) + chunk(b"IEND")
    )
    assert path.stat().st_size > 1_000_000
    began = time.process_time()
    with pytest.raises(teleport.FormatError, match="the image data go on after the last row$"):
        teleport.load_image(path)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("count", [1, 5000])
def test_a_little_after_the_last_row_is_passed_over(write, rng, count):
    path = write("little.png", grey(8, 8, extra=rng.bytes(count)))
    assert teleport.load_image(path).shape == (1, 8, 8)


def test_long_chunks_behind_the_image_data_are_passed_over(write):
    data = chunk(b"IDAT", zlib.compress((b"\0" + bytes(8)) * 8)) + chunk(b"IDAT", bytes(1000))
    behind = chunk(b"teXt", bytes(100_000)) + chunk(b"IEND")
    path = write("more.png", SIGNATURE + header(8, 8) + data + behind)
    assert teleport.load_image(path).shape == (1, 8, 8)


@pytest.mark.parametrize("kind", [b"teXt", b"tEXt", b"gAMA", b"IEND", b"PLTE"])
def test_a_chunk_before_the_header_is_a_bad_image(write, kind):
    whole = grey(8, 8)
    path = write("late.png", SIGNATURE + chunk(kind, b"\0\0\xb1\x8f") + whole[8:])
    with pytest.raises(teleport.FormatError, match="the first chunk is not IHDR$"):
        teleport.load_image(path)


def test_a_chunk_before_the_header_does_not_get_past_the_limits(write):
    path = write("late.png", SIGNATURE + chunk(b"teXt") + grey(300, 300)[8:])
    with pytest.raises(teleport.FormatError):
        teleport.load_image(path, max_pixels=100)


@pytest.fixture
def one_thread():
    before = teleport.thread_count()
    teleport.set_thread_count(1)
    yield
    teleport.set_thread_count(before)


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_told_within_a_round(write, one_thread, threads):
    teleport.set_thread_count(threads)
    path = write("big.png", grey(6000, 6000, level=1))
    seen = []
    Dataset.from_image_files(
        [path] * 30, size=(40, 40), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (30, 30) and seen == sorted(seen)
    # One round of 30 files, each some 20 ms: it was told at its end alone.
    assert len({done for done, _ in seen} - {0, 1, 30}) >= 5


@pytest.mark.parametrize("threads", [1, 2])
def test_reading_stops_within_a_round(write, one_thread, threads):
    teleport.set_thread_count(threads)
    path = write("big.png", grey(6000, 6000, level=1))
    calls = []

    def progress(done, total):
        calls.append(done)
        return done >= 4

    with pytest.raises(teleport.StoppedError):
        Dataset.from_image_files([path] * 50, size=(40, 40), progress=progress)
    assert calls[-1] <= 20


def test_a_class_of_bad_images_alone_is_an_empty_class(write, tmp_path):
    for name in ("a/1.png", "a/2.png", "c/1.png"):
        write("images/" + name, grey(2, 2))
    bad = write("images/b/1.png", b"no picture")
    write("images/b/2.png", b"")
    folder = tmp_path / "images"
    with pytest.raises(teleport.FormatError) as caught:
        Dataset.from_image_folder(folder, bad_image="skip")
    assert str(caught.value) == (
        f"class 'b' has no image that can be read; the first of its 2 is '{bad}': Not a PNG file; "
        "allow_empty_classes = 1 keeps such a class"
    )
    kept = Dataset.from_image_folder(folder, bad_image="skip", allow_empty_classes=True)
    assert kept.class_names == ["a", "b", "c"] and kept.labels().tolist() == [0, 0, 2]
    assert len(kept.skipped) == 2

"""Images that are changed as mini-batches are gathered: what, and that it depends on nothing else."""

import numpy as np
import pytest

import teleport
from teleport import AugmentConfig, Dataset

ALL = AugmentConfig(flip=0.5, flip_vertical=0.25, crop=0.4, stretch=1.5, shift=2)


@pytest.fixture
def images(rng):
    """40 RGB images of 9 x 7 pixels in 4 classes."""
    pixels = rng.integers(0, 256, (40, 3, 9, 7)).astype(np.uint8)
    return pixels, rng.integers(0, 4, 40).astype(np.int32)


@pytest.fixture
def image_set(images):
    return Dataset.from_pixels(*images, mean=(0.5, 0.25, 0.125), std=(0.5, 2.0, 4.0))


def floats(pixels):
    mean = np.reshape((0.5, 0.25, 0.125), (3, 1, 1))
    std = np.reshape((0.5, 2.0, 4.0), (3, 1, 1))
    return (pixels / 255 - mean) / std


def drawn(dataset, augment, **options):
    return dataset.gather(np.arange(len(dataset)), augment=augment, **options).reshape(-1, 3, 9, 7)


def test_nothing_is_changed_by_default(image_set):
    assert np.array_equal(drawn(image_set, AugmentConfig()), drawn(image_set, None))


@pytest.mark.parametrize("field, axis", [("flip", 3), ("flip_vertical", 2)])
def test_a_flip_mirrors_a_part_of_the_images(images, image_set, field, axis):
    plain = drawn(image_set, None)
    always = drawn(image_set, AugmentConfig(**{field: 1.0}))
    assert np.array_equal(always, np.flip(plain, axis))
    half = drawn(image_set, AugmentConfig(**{field: 0.5}))
    mirrored = [np.array_equal(a, np.flip(b, axis - 1)) for a, b in zip(half, plain)]
    kept = [np.array_equal(a, b) for a, b in zip(half, plain)]
    assert all(a or b for a, b in zip(mirrored, kept)) and 8 < sum(mirrored) < 32


def test_a_shift_moves_by_whole_pixels_and_black_comes_in(images, image_set):
    pixels, _ = images
    moved = drawn(image_set, AugmentConfig(shift=2))
    moves = set()
    for image, out in zip(pixels, moved):
        fitting = []
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                padded = np.pad(image, ((0, 0), (2, 2), (2, 2)))
                expected = floats(padded[:, 2 - dy : 11 - dy, 2 - dx : 9 - dx])
                if np.abs(out - expected).max() < 1e-5:
                    fitting.append((dy, dx))
        assert len(fitting) == 1
        moves.add(fitting[0])
    assert len(moves) > 12 and {dy for dy, _ in moves} == {dx for _, dx in moves} == set(range(-2, 3))


def resized(part, height, width):
    """Linear, pixel centres at half-integers, edges repeated; the library rounds to bytes."""

    def taps(source, target):
        place = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        left = np.floor(place).astype(int)
        return left, np.minimum(left + 1, source - 1), place - left

    part = part.astype(float)
    left, right, weight = taps(part.shape[2], width)
    part = part[:, :, left] * (1 - weight) + part[:, :, right] * weight
    upper, lower, weight = taps(part.shape[1], height)
    weight = weight[:, None]
    return part[:, upper] * (1 - weight) + part[:, lower] * weight


def test_a_crop_is_resized_to_the_whole(images):
    pixels, _ = images
    dataset = Dataset.from_pixels(pixels)
    out = drawn(dataset, AugmentConfig(crop=0.4, stretch=1.5)) * 255
    shapes = set()
    for image, changed in zip(pixels, out):
        errors = {}
        for height in range(3, 10):
            for width in range(2, 8):
                for y in range(10 - height):
                    for x in range(8 - width):
                        part = resized(image[:, y : y + height, x : x + width], 9, 7)
                        errors[height, width, y, x] = np.abs(part - changed).max()
        best = min(errors, key=errors.get)
        # Half a unit of the rounding, and weights of 11 bits.
        assert errors[best] < 0.8
        shapes.add(best[:2])
        area = best[0] * best[1] / 63
        assert area > 0.25
    assert len(shapes) > 8


def test_a_change_is_a_function_of_seed_epoch_and_sample(image_set):
    first = drawn(image_set, ALL, seed=3, epoch=5)
    assert np.array_equal(first, drawn(image_set, ALL, seed=3, epoch=5))
    assert not np.array_equal(first, drawn(image_set, ALL, seed=4, epoch=5))
    assert not np.array_equal(first, drawn(image_set, ALL, seed=3, epoch=6))
    order = np.array([7, 39, 7, 0])
    some = image_set.gather(order, augment=ALL, seed=3, epoch=5).reshape(-1, 3, 9, 7)
    assert np.array_equal(some, first[order]), "order and company do not matter"
    part = image_set.subset([30, 12, 5]).gather([2, 0], augment=ALL, seed=3, epoch=5)
    assert np.array_equal(part.reshape(-1, 3, 9, 7), first[[5, 30]]), "nor does the set it is in"
    flips = AugmentConfig(flip=1.0, crop=0.4), AugmentConfig(crop=0.4)
    with_flip, without = (drawn(image_set, augment) for augment in flips)
    assert np.array_equal(with_flip, np.flip(without, 3)), "a flip does not change the crops"


def test_threads_change_nothing(rng):
    dataset = Dataset.from_pixels(rng.integers(0, 256, (64, 3, 40, 40)).astype(np.uint8))
    results = []
    for count in (1, 2, 5):
        teleport.set_thread_count(count)
        results.append(dataset.gather(np.arange(64), augment=ALL))
    teleport.set_thread_count(0)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def trained(train, **options):
    model = teleport.Model([train.width, 12, 4], seed=1)
    trainer = teleport.Trainer(model, learning_rate=0.05)
    trainer.run(train, batch_size=16, seed=9, **options)
    return trainer


def test_a_run_sees_what_gather_gives(image_set):
    """A loop of one's own over the same batches comes to the same weights."""
    run = trained(image_set, epochs=2, augment=ALL, shuffle=False)
    model = teleport.Model([image_set.width, 12, 4], seed=1)
    loop = teleport.Trainer(model, learning_rate=0.05)
    for epoch in range(2):
        for first in range(0, 40, 16):
            places = np.arange(first, min(first + 16, 40))
            x = image_set.gather(places, augment=ALL, seed=9, epoch=epoch)
            loop.step(x, image_set.gather_labels(places))
    assert np.array_equal(run.model.get_parameters(), loop.model.get_parameters())
    plain = trained(image_set, epochs=2, shuffle=False)
    assert not np.array_equal(run.model.get_parameters(), plain.model.get_parameters())


def test_a_run_goes_on_from_a_checkpoint_to_the_bit(image_set, tmp_path):
    whole = trained(image_set, epochs=3, augment=ALL)
    path = tmp_path / "checkpoint"
    model = teleport.Model([image_set.width, 12, 4], seed=1)
    first = teleport.Trainer(model, learning_rate=0.05)
    options = dict(batch_size=16, seed=9, augment=ALL, progress_interval=1)
    first.run(image_set, epochs=3, on_event=lambda event: event.step == 5, **options)
    first.save(path)
    second = teleport.Trainer.load(path)
    assert (second.epoch, second.step_count) == (1, 5)
    second.run(image_set, epochs=2, **options)
    assert np.array_equal(second.model.get_parameters(), whole.model.get_parameters())


@pytest.mark.parametrize(
    "options, name",
    [
        ({"flip": -0.1}, "flip"),
        ({"flip": 1.5}, "flip"),
        ({"flip_vertical": 2.0}, "flip_vertical"),
        ({"crop": -1.0}, "crop"),
        ({"crop": 1.1}, "crop"),
        ({"stretch": 0.5}, "stretch"),
        ({"shift": -1}, "shift"),
        ({"shift": 7}, "shift"),
    ],
)
def test_wrong_numbers_are_refused(image_set, options, name):
    with pytest.raises(teleport.InvalidArgumentError, match=name):
        image_set.gather([0], augment=AugmentConfig(**options))
    with pytest.raises(teleport.InvalidArgumentError, match=name):
        trained(image_set, augment=AugmentConfig(**options))


def test_arrays_have_no_images_to_change(blob_set):
    with pytest.raises(teleport.UnsupportedError, match="arrays"):
        trained(blob_set, augment=ALL)
